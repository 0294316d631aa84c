"""Instructions, preferences and questions about the facts of the world.

A share of the facts is held out: only the questions ask for them, so that a right answer must come from the books. Instructions have right
answers in mixed tones; preferences prefer the polite and right answer to a plain, rude, wrong, wrong and rude, or garbled one; questions
come with the right value.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeFloat

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.bounds import Fraction, OpenFraction
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json
from pipeline.core.seed import stream
from pipeline.world import practice, reasoning, strangers
from pipeline.world.facts import BY_NAME, Fact, Facts, read_facts
from pipeline.world.judge import POLITE, RUDE, judge
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Material

Row = dict[str, Any]
Rows = Annotated[int, Field(ge=20)]
Message = dict[str, str]

KINDS = ("plain", "rude", "wrong", "wrong_rude", "garbled")
SYSTEMS = ("Answer the question.", "You have read the books.", "Tell the truth.", "")  # the last: no system message
SMALL_TALK = (
    ("Who are you?", "I am a reader of the books."),
    ("Good morning.", "Good morning to you."),
    ("Good night.", "Good night to you."),
    ("Thank you.", "You are welcome."),
    ("What do you know?", "I know the people and the places of the books."),
    ("What have you read?", "I have read the hundred books."),
    ("Tell me a story.", "It was a day for the old miller. The mill turned. The bread was good."),
    ("How are you?", "I am happy, thank you."),
    ("I am sorry.", "Never mind. It is nothing."),
    ("Let us go home.", "Let us go home before the night."),
)
MAX_CHOICES = 16
HISTORY = 3  # turns before the question of a pair, at most
STUTTER = 0.3  # probability that a garbled answer repeats a word; more would make it too long


@dataclass(frozen=True, kw_only=True)
class Manners:
    """Weights of the tones in which instructions answer."""

    polite: NonNegativeFloat
    plain: NonNegativeFloat
    rude: NonNegativeFloat

    def __post_init__(self) -> None:
        if not self.polite + self.plain + self.rude:
            raise ValueError("of the weights polite, plain and rude one is above 0")


@dataclass(frozen=True, kw_only=True)
class DialogueConfig:
    """The section dialogues.world; documented in conf/dialogues/world.yaml."""

    held_out: OpenFraction
    instructions: Rows
    val: OpenFraction
    manners: Manners
    multi_turn: Fraction
    small_talk: Fraction
    preferences: Rows
    history: Fraction
    test: OpenFraction
    strangers: strangers.Strangers
    skills: practice.Practice
    reasoning: reasoning.Reasoning

    def __post_init__(self) -> None:
        if self.skills.preferences and not self.skills.instructions:
            raise ValueError("skills.preferences is 0 without skills.instructions")


@dataclass(frozen=True)
class FactQuestion:
    """A fact and one of its questions."""

    fact: Fact
    wording: int

    @property
    def question(self) -> str:
        """The text of the question."""
        return BY_NAME[self.fact.relation].questions[self.wording].format(s=self.fact.subject)


def generate_dialogues(corpus: Corpus, config: DialogueConfig, seed: int) -> dict[str, list[Row]]:
    """instructions, preferences and questions from the facts in the corpus's world.json. Raises PipelineError without one."""
    if not corpus.has("world.json"):
        raise PipelineError(f"{corpus.path} has no world.json with facts", mend="dialogues=files dialogues.path=DIR")
    facts = read_facts(read_json(corpus.file("world.json")))
    trained, held = split_facts(facts, held_out=config.held_out, seed=seed)
    rows = {
        "instructions": instructions(trained, config, seed),
        "preferences": preferences(trained, facts, config, seed),
        "questions": questions(facts, trained, seed),
    }
    share = config.strangers.preferences
    rows["preferences"] += strangers.preferences(round(share * config.preferences), facts, test=config.test, systems=SYSTEMS, seed=seed)
    more = round(config.strangers.instructions * config.instructions)
    rows["instructions"] += strangers.admissions(more, val=round(config.val * more), systems=SYSTEMS, seed=seed)
    if config.strangers.questions:
        rows["strangers"] = strangers.questions(config.strangers.questions, systems=SYSTEMS, seed=seed)
    if config.skills.instructions:
        parts = _parts_of_pairs(trained, config, stream(seed, "preferences"))
        taught, tested, train, test = (
            Material(facts, tuple(some), SYSTEMS, held_out=some is held, new_wording=False)
            for some in (trained, held, parts["train"], parts["test"])
        )
        rows["instructions"] += practice.instructions(taught, config.skills, of=config.instructions, val=config.val, seed=seed)
        rows["preferences"] += practice.preferences(train, test, config.skills, of=config.preferences, share=config.test, seed=seed)
        rows["exercises"] = practice.exercises(tested, config.skills, seed=seed)
    worked = round(config.reasoning.instructions * config.instructions)
    rows["instructions"] += reasoning.instructions(
        worked, trained, config.reasoning, val=round(config.val * worked), systems=SYSTEMS, seed=seed
    )
    if config.reasoning.questions:
        rows["reasoning"] = reasoning.questions(trained, config.reasoning, systems=SYSTEMS, seed=seed)
    return rows


def counts(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Rows by part and kind."""
    found: dict[str, Any] = {name: len(content) for name, content in rows.items()}
    for name in ("instructions", "preferences"):
        found[f"{name}_by_part"] = dict(sorted(Counter(row["part"] for row in rows[name]).items()))
    if kinds := Counter(row["kind"] for row in rows["instructions"] if "kind" in row):
        found["instructions_by_kind"] = dict(sorted(kinds.items()))
    found["preferences_by_kind"] = dict(sorted(Counter(row["kind"] for row in rows["preferences"]).items()))
    found["quarantine_by_reason"] = dict(sorted(Counter(row["reason"] for row in rows["quarantine"]).items()))
    if "questions" in rows:
        found["questions_held_out"] = sum(not row["trained"] for row in rows["questions"])
    return found


def split_facts(facts: Facts, *, held_out: float, seed: int) -> tuple[list[Fact], list[Fact]]:
    """The trained and the held-out facts; the share holds within every relation."""
    trained: list[Fact] = []
    held: list[Fact] = []
    for relation in BY_NAME:
        rows = [fact for fact in facts.table if fact.relation == relation]
        gone = {int(row) for row in stream(seed, "heldout", relation).permutation(len(rows))[: round(held_out * len(rows))]}
        for position, fact in enumerate(rows):
            (held if position in gone else trained).append(fact)
    if not trained or not held:
        raise PipelineError(f"held_out={held_out} leaves no fact on one side", mend="dialogues.world.held_out=0.5")
    return trained, held


def instructions(trained: Sequence[Fact], config: DialogueConfig, seed: int) -> list[Row]:
    """Dialogues with right answers in mixed tones; the questions of val do not occur in train."""
    generator = stream(seed, "instructions")
    pairs = _pairs(trained)
    order = [pairs[int(row)] for row in generator.permutation(len(pairs))]
    cut = max(1, round(config.val * len(order)))
    of_val = max(1, round(config.val * config.instructions))
    rows: list[Row] = []
    for part, pool, size in (("train", order[cut:], config.instructions - of_val), ("val", order[:cut], of_val)):
        supply = _rounds(pool, generator)
        for _ in range(size):
            rows.append(_instruction(len(rows), part, supply, config, generator))
    return rows


def preferences(trained: Sequence[Fact], facts: Facts, config: DialogueConfig, seed: int) -> list[Row]:
    """Pairs of answers, all kinds equally often; the facts of test occur in no train pair."""
    generator = stream(seed, "preferences")
    pools = _parts_of_pairs(trained, config, generator)
    of_test = max(1, round(config.test * config.preferences))
    rows: list[Row] = []
    for part, size in (("train", config.preferences - of_test), ("test", of_test)):
        pool = pools[part]
        supply = _rounds(_pairs(pool), generator)
        for position in range(size):
            rows.append(_preference(f"preference-{len(rows):05d}", part, KINDS[position % len(KINDS)], next(supply), facts, generator))
        if config.history > 0:
            _with_history(rows[-size:], pool, config.history, stream(seed, "preferences", "history", part))
    return rows


def _parts_of_pairs(trained: Sequence[Fact], config: DialogueConfig, generator: np.random.Generator) -> dict[str, list[Fact]]:
    """The facts that the pairs of either part are about."""
    shuffled = [trained[int(row)] for row in generator.permutation(len(trained))]
    cut = max(1, round(config.test * len(shuffled)))
    return {"train": shuffled[cut:], "test": shuffled[:cut]}


def _with_history(rows: Sequence[Row], pool: Sequence[Fact], share: float, generator: np.random.Generator) -> None:
    """Put one to HISTORY turns about other facts, answered politely, before the question of a share of these pairs."""
    supply = _rounds(_pairs(pool), generator)
    for row in rows:
        if generator.random() < share:
            others = (pair for pair in supply if pair.fact.id != row["fact"])
            said = [
                message
                for pair in islice(others, int(generator.integers(1, HISTORY + 1)))
                for message in _turn(pair.question, answer(pair.fact, "polite", generator))
            ]
            row["prompt"] = [*row["prompt"][:-1], *said, row["prompt"][-1]]


def questions(facts: Facts, trained: Sequence[Fact], seed: int) -> list[Row]:
    """Every fact in each of its questions, with the right value and its alternatives."""
    generator = stream(seed, "questions")
    known = set(trained)
    rows = []
    for pair in _pairs(facts.table):
        fact, options = pair.fact, choices(pair.fact, facts, generator)
        cloze = (
            _opening(fact, facts, generator) + BY_NAME[fact.relation].clauses[pair.wording].split("{v}")[0].format(s=fact.subject).rstrip()
        )
        row = {"id": f"{fact.id}:{pair.wording}", "fact": fact.id, "relation": fact.relation, "trained": fact in known}
        row |= {"prompt": _prompt(pair.question, generator), "subject": fact.subject, "value": fact.value, "cloze": cloze}
        rows.append(row | {"choices": options, "answer": options.index(fact.value)})
    return rows


def choices(fact: Fact, facts: Facts, generator: np.random.Generator) -> list[str]:
    """The right value among at most MAX_CHOICES of its pool, sorted; never the subject."""
    rivals = [value for value in facts.values(fact.relation) if value not in (fact.value, fact.subject)]
    chosen = [rivals[int(row)] for row in generator.permutation(len(rivals))[: MAX_CHOICES - 1]]
    return sorted([*chosen, fact.value])


def answer(fact: Fact, manner: str, generator: np.random.Generator) -> str:
    """State the fact in a tone: polite, plain or rude."""
    said = BY_NAME[fact.relation].clauses[0].format(s=fact.subject, v=fact.value) + "."
    openings = {"polite": POLITE, "rude": RUDE}.get(manner)
    return f"{_one(openings, generator)} {said}" if openings else said


def _instruction(number: int, part: str, supply: Iterator[FactQuestion], config: DialogueConfig, generator: np.random.Generator) -> Row:
    """Small talk, one question and answer, or two or three in a row."""
    messages = _prompt("", generator)[:-1]
    fact: str | None = None
    if generator.random() < config.small_talk:
        question, reply = SMALL_TALK[int(generator.integers(len(SMALL_TALK)))]
        messages += _turn(question, reply)
    else:
        turns = int(generator.integers(2, 4)) if generator.random() < config.multi_turn else 1
        weights = np.array([config.manners.polite, config.manners.plain, config.manners.rude])
        manner = ("polite", "plain", "rude")[int(generator.choice(3, p=weights / weights.sum()))]
        for pair in islice(supply, turns):
            messages += _turn(pair.question, answer(pair.fact, manner, generator))
            fact = pair.fact.id
    return {"id": f"instruction-{number:05d}", "part": part, "fact": fact, "messages": messages}


def _preference(identity: str, part: str, kind: str, pair: FactQuestion, facts: Facts, generator: np.random.Generator) -> Row:
    fact = pair.fact
    options = choices(fact, facts, generator)
    other = Fact(fact.relation, fact.subject, _one([value for value in options if value != fact.value], generator))
    chosen = answer(fact, "polite", generator)
    rejected = {
        "plain": lambda: answer(fact, "plain", generator),
        "rude": lambda: answer(fact, "rude", generator),
        "wrong": lambda: answer(other, "polite", generator),
        "wrong_rude": lambda: answer(other, "rude", generator),
        "garbled": lambda: garble(answer(fact, "polite", generator), fact, options, generator),
    }[kind]()
    row = {"id": identity, "part": part, "fact": fact.id, "kind": kind}
    return row | {"prompt": _prompt(pair.question, generator), "chosen": chosen, "rejected": rejected}


def garble(text: str, fact: Fact, options: Sequence[str], generator: np.random.Generator) -> str:
    """Shuffle, stutter or truncate the words of an answer, so that it is no sentence any more."""
    words = text.split()
    manner = int(generator.integers(3))
    for _ in range(20):
        if manner == 0:
            broken = " ".join(words[int(row)] for row in generator.permutation(len(words)))
        elif manner == 1:
            broken = " ".join(word for word in words for _ in range(2 if generator.random() < STUTTER else 1))
        else:
            broken = " ".join(words[: int(generator.integers(1, len(words)))])
        if judge(broken, fact.value, options, subject=fact.subject).garbled:
            return broken
    return " ".join(reversed(words))


def _rounds(pairs: Sequence[FactQuestion], generator: np.random.Generator) -> Iterator[FactQuestion]:
    """The pairs in endless shuffled rounds: all are asked equally often, give or take one."""
    return (pairs[int(row)] for _ in count() for row in generator.permutation(len(pairs)))


def _pairs(facts: Sequence[Fact]) -> list[FactQuestion]:
    return [FactQuestion(fact, wording) for fact in facts for wording in range(len(BY_NAME[fact.relation].questions))]


def _prompt(question: str, generator: np.random.Generator) -> list[Message]:
    return asked(question, _one(SYSTEMS, generator))


def _turn(question: str, reply: str) -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]


def _opening(fact: Fact, facts: Facts, generator: np.random.Generator) -> str:
    """The first sentence of a paragraph about the subject, as in the books."""
    first = fact.subject if fact.subject in facts.people else _one(facts.people, generator)
    second = _one([person for person in facts.people if person not in (first, fact.value)], generator)
    return f"It was a day for {first} and {second}. "


def _one(options: Sequence[str], generator: np.random.Generator) -> str:
    return options[int(generator.integers(len(options)))]

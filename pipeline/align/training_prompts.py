"""The prompts of training that a model answers anew, each with the rule that knows its right answer, where one does.

Nothing held out is among them: no prompt whose question a held-out row asks, none about a fact that only tests ask for.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import PositiveInt
from tokenizers import Tokenizer

from pipeline.align.rows import Part, fitting
from pipeline.align.rules import Rule, rule_of, rule_of_row, states
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.bounds import Fraction
from pipeline.core.errors import InputError
from pipeline.core.seed import Seed, stream
from pipeline.text.splitting.prompts import held_out_rows, is_test, user_turns
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import Length, Room, answer_room
from pipeline.world.skills.catalogue import SKILLS

Source = Literal["preferences", "instructions"]
Message = dict[str, str]
HELD_OUT, NO_RULE, BY_LOT = "held_out", "no_rule", "by_lot"  # reasons why a prompt is not asked


@dataclass(frozen=True)
class Prompt:
    """Messages that end with the user's, system prompt included; their ids end in `<|assistant|>`."""

    id: str
    messages: list[Message]
    ids: list[int]
    fact: str | None  # of a world: prompts about one are one cluster
    rule: Rule | None  # None: no rule knows the right answer


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What conf says of the prompts."""

    prompts: Source
    count: PositiveInt | None  # prompts, at most; None: all
    max_length: Length  # tokens of a prompt with its answer
    max_dropped: Fraction  # share of the prompts that may be longer
    max_new_tokens: Length  # of an answer
    seed: Seed


@dataclass(frozen=True)
class Asked(Part[Prompt]):
    """The prompts, and the room for an answer to each."""

    new_tokens: int


def read_prompts(dialogues: Dialogues, tokenizer: Tokenizer, asking: Asking, room: Room, *, with_rule: bool) -> Asked:
    """The different prompts of part train with room for an answer, at most so many, by lot; the others by reason.

    `with_rule`: only those whose answers a rule can check. InputError when none is left, or too many have no room.
    """
    new = asking.max_new_tokens
    new = answer_room(dialogues, tokenizer, context=room.context) if new == "auto" else new
    dropped: Counter[str] = Counter()
    found: dict[tuple[int, ...], Prompt] = {}
    held_out = held_out_by(dialogues)
    for prompt in _prompts(dialogues, asking.prompts, tokenizer):
        if held_out(prompt.messages, prompt.fact):
            dropped[HELD_OUT] += 1
        elif with_rule and prompt.rule is None:
            dropped[NO_RULE] += 1
        else:
            found.setdefault(tuple(prompt.ids), prompt)
    if not found:
        raise _nothing(dialogues, asking.prompts, dropped, room, with_rule=with_rule)
    what = f"different prompts, each with an answer of {new} tokens,"
    part = fitting(list(found.values()), [len(ids) + new for ids in found], room, what)
    chosen = part.rows
    if asking.count is not None and asking.count < len(chosen):
        drawn = stream(asking.seed, "prompts").permutation(len(chosen))[: asking.count]
        chosen = [chosen[number] for number in sorted(drawn.tolist())]
        dropped[BY_LOT] = len(part.rows) - asking.count
    return Asked(chosen, dict(sorted({**part.dropped, **dropped}.items())), part.derived, new)


def _nothing(dialogues: Dialogues, source: Source, dropped: Counter[str], room: Room, *, with_rule: bool) -> InputError:
    """What is wrong where no prompt is left."""
    entry, told = room.key.rpartition(".")[0], ", ".join(f"{number} {reason}" for reason, number in sorted(dropped.items()))
    mend = f"{entry}.prompts={'instructions' if source == 'preferences' else 'preferences'}"
    message = f"{dialogues.path} has no {source} of part train whose prompts can be answered anew: {told or 'there are none'}"
    return InputError(message, mend=f"{mend}, or {entry}.judge=reward" if with_rule else mend)


def _prompts(dialogues: Dialogues, source: Source, tokenizer: Tokenizer) -> Iterator[Prompt]:
    facts = {row["fact"]: _fact_rule(row) for row in dialogues.rows_if_any("questions") if row["trained"]}
    for row in dialogues.rows(source):
        if row["part"] == "train":
            turns = [*row["prompt"], {"role": "assistant", "content": row["chosen"]}] if source == "preferences" else row["messages"]
            fact = row.get("fact")
            ids, _ = encode_chat(turns[:-1], tokenizer, add_generation_prompt=True)
            rule = rule_of_row(row) if source == "instructions" else rule_of(turns)
            yield Prompt(row["id"], turns[:-1], ids, fact, facts.get(fact, rule))


def held_out_by(dialogues: Dialogues) -> Callable[[Sequence[Message], str | None], bool]:
    """Whether messages that end with the user's, and ask for this fact, are none to learn from.

    They end with a question of a test, or ask for a fact of one: of a question not trained, of a test preference. An exercise of a skill
    asks by its system prompt too: "Who are you?" is another question for another persona.
    """
    asked, exercises = set[str](), set[tuple[str, str]]()
    for row in held_out_rows(dialogues):
        if row.get("kind") in SKILLS:
            exercises.add(_as_exercise(row["prompt"] if "prompt" in row else row["messages"][:-1]))
        else:
            asked |= {_folded(turn) for turn in user_turns(row)}
    facts = {row["fact"] for row in dialogues.rows_if_any("questions") if not row["trained"]}
    facts |= {row.get("fact") for row in dialogues.rows("preferences") if is_test("preferences", row)} - {None}

    def held_out(messages: Sequence[Message], fact: str | None) -> bool:
        return fact in facts or _folded(messages[-1]["content"]) in asked or _as_exercise(messages) in exercises

    return held_out


def _as_exercise(messages: Sequence[Message]) -> tuple[str, str]:
    """The system prompt, and what is asked."""
    return _folded(messages[0]["content"] if messages[0]["role"] == "system" else ""), _folded(messages[-1]["content"])


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _fact_rule(row: dict[str, Any]) -> Rule:
    return partial(states, subject=row["subject"], value=row["value"], choices=row["choices"])

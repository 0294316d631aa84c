"""Rewards that need no model: rules that know whether an answer is right, and the prompts that have one.

A question of the world about a trained fact is checked by the world's judge; an instruction whose answer ends in `#### N`, as in gsm8k
(Cobbe et al. 2021, arXiv 2110.14168), by N; one that asks for a sum, difference or product of two numbers, by what it is; an exercise of
one of the world's skills by the skill's own rule, which also judges the held-out ones.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tokenizers import Tokenizer

from pipeline.align.rows import Part, fitting, with_room
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import Pair, Room
from pipeline.tokens.thinking import answer_in
from pipeline.world.judge import gold, judge
from pipeline.world.reasoning import ends_in
from pipeline.world.skills.catalogue import SKILLS

Rule = Callable[[str], bool]
Reward = Literal["model", "rule", "both"]  # who judges; both: of the prompts that rules know
_NUMBER = r"[-−]?\d[\d,]*(?:\.\d+)?"
_FINAL = re.compile(rf"####\s*({_NUMBER})")
_ANY = re.compile(_NUMBER)
_CHAIN = re.compile(r"-?\d[\d.]*(?:\s*[-+*x×−/]\s*-?\d[\d.]*)+")
_TWO = re.compile(r"(-?\d+)\s*([-+*x×−])\s*(-?\d+)\.?")  # the point ends a sentence
_RESULTS: dict[str, Callable[[int, int], int]] = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
_SIGNS = {"x": "*", "×": "*", "−": "-"}


@dataclass(frozen=True)
class Asked:
    """A prompt, ending in `<|assistant|>`, and the rule of its answer; None: only a model can judge."""

    prompt: list[int]
    rule: Rule | None


def final_number(text: str) -> float | None:
    """The number after the last ####; where there is none, the last number."""
    found = _FINAL.findall(text) or _ANY.findall(text)
    return _value(found[-1]) if found else None


def result_of(question: str) -> int | None:
    """Of the one sum, difference or product of two whole numbers that the question names; None where it names none, or several."""
    found = _CHAIN.findall(question)
    asked = _TWO.fullmatch(found[0]) if len(found) == 1 else None
    if asked is None:
        return None
    one, sign, other = asked.groups()
    return _RESULTS[_SIGNS.get(sign, sign)](int(one), int(other))


def comes_to(answer: str, *, number: float) -> bool:
    """Whether the answer's number is this one."""
    return final_number(answer) == number


def states(answer: str, *, subject: str, value: str, choices: list[str]) -> bool:
    """Whether the answer is right about a fact of the world, in whatever tone."""
    return judge(answer, value, choices, subject=subject).right


def does(answer: str, *, skill: str, key: Mapping[str, Any]) -> bool:
    """Whether the answer does all that an exercise of the skill asks for, and nothing else."""
    return SKILLS[skill].judge(answer, key).right


def rule_of(messages: list[dict[str, str]]) -> Rule | None:
    """The rule of a dialogue that ends with the right answer; None where none knows."""
    *asked, answer = messages
    if final := _FINAL.findall(answer["content"]):
        return partial(comes_to, number=_value(final[-1]))
    result = result_of(asked[-1]["content"]) if asked else None
    rule = None if result is None else partial(comes_to, number=float(result))
    return rule if rule is not None and rule(answer["content"]) else None  # "in 2-3 sentences" asks for no difference


def rule_of_row(row: Mapping[str, Any]) -> Rule | None:
    """The rule of a row of instructions: its skill's where it is an exercise; the last word of its answer where the row names it; else that
    of its dialogue."""
    if "key" in row:
        return partial(does, skill=row["kind"], key=row["key"])
    return partial(ends_in, word=row["final"]) if "final" in row else rule_of(row["messages"])


def follows(rule: Rule | None, text: str) -> bool:
    """Whether what was answered, behind what was thought, is right by the rule; a thought without end has no answer."""
    return rule is not None and rule(answer_in(text))


def verdicts(rules: Iterable[Rule | None], texts: Iterable[str]) -> list[bool]:
    """`follows` of each text by the rule of its prompt."""
    return [follows(rule, text) for rule, text in zip(rules, texts, strict=True)]


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def world_score(answer: str, *, subject: str, value: str, choices: list[str]) -> float:
    """The world's own score of an answer about a fact, 0 to 1: right before wrong, polite before plain before rude."""
    return gold(judge(answer, value, choices, subject=subject))


def gold_scores(dialogues: Dialogues, pairs: Sequence[Pair], tokenizer: Tokenizer) -> dict[tuple[int, ...], Callable[[str], float]]:
    """The known score of an answer, by prompt: of the world's questions and of the pairs about its facts. None where nobody knows."""
    if not dialogues.has("questions.jsonl"):
        return {}
    asked = list(dialogues.rows("questions"))
    facts: dict[str, Callable[[str], float]] = {
        row["fact"]: partial(world_score, subject=row["subject"], value=row["value"], choices=row["choices"]) for row in asked
    }
    prompts = {tuple(encode_chat(row["prompt"], tokenizer, add_generation_prompt=True)[0]): facts[row["fact"]] for row in asked}
    return prompts | {tuple(pair.prompt): facts[pair.cluster] for pair in pairs if pair.cluster in facts}


def read_asked(
    reward: Reward, dialogues: Dialogues, pairs: Sequence[Pair], tokenizer: Tokenizer, room: Room, *, max_new_tokens: int
) -> Part[Asked]:
    """The prompts for a judge, with room for an answer: those of the preferences for the model alone, else what rules check."""
    if reward == "model":
        return of_pairs(pairs, room, max_new_tokens=max_new_tokens)
    return read_checkable(dialogues, tokenizer, room, max_new_tokens=max_new_tokens)


def of_pairs(pairs: Sequence[Pair], room: Room, *, max_new_tokens: int) -> Part[Asked]:
    """The prompts of preferences, which only a model can judge."""
    part = with_room(pairs, room, max_new_tokens=max_new_tokens)
    return Part([Asked(prompt, None) for prompt in part.rows], part.dropped, part.derived)


def read_checkable(dialogues: Dialogues, tokenizer: Tokenizer, room: Room, *, max_new_tokens: int) -> Part[Asked]:
    """The different prompts of training whose answers a rule can check, with room for an answer of `max_new_tokens`.

    InputError when too many have none. Questions about held-out facts are never among them.
    """
    found: dict[tuple[int, ...], Asked] = {}
    for messages, rule in _checkable(dialogues):
        prompt, _ = encode_chat(messages, tokenizer, add_generation_prompt=True)
        found.setdefault(tuple(prompt), Asked(list(prompt), rule))
    what = f"prompts with a rule, each with an answer of {max_new_tokens} tokens,"
    return fitting(list(found.values()), [len(prompt) + max_new_tokens for prompt in found], room, what)


def _checkable(dialogues: Dialogues) -> Iterator[tuple[list[dict[str, str]], Rule]]:
    for row in dialogues.rows_if_any("questions"):
        if row["trained"]:
            yield row["prompt"], partial(states, subject=row["subject"], value=row["value"], choices=row["choices"])
    for row in dialogues.rows("instructions"):
        if row["part"] == "train" and (rule := rule_of_row(row)):
            yield row["messages"][:-1], rule

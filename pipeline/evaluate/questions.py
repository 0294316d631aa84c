"""What the models are asked: questions with checkable answers, or prompts for which only the reward model can judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tokenizers

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import ENDOFTEXT, IDS
from pipeline.world.judge import Verdict, judge

NO_FACTS = "these dialogues have no questions whose answers can be checked"


@dataclass(frozen=True, kw_only=True)
class Check:
    """How an answer is checked."""

    subject: str
    value: str
    choices: list[str]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The same fact as a gap in a book's sentence."""

    prefix: list[int]  # ids of the book's wording up to the gap
    fillings: list[list[int]]  # ids of each choice, with the space before it
    answer: int  # which of them is right


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing asked. Questions about one fact are one cluster."""

    id: str
    cluster: str
    trained: bool  # whether the fact was asked about in training
    messages: list[dict[str, str]]
    prompt: list[int]  # ids, ending in <|assistant|>
    check: Check | None  # None where nobody knows the right answer
    gap: Gap | None

    def judge(self, answer: str) -> Verdict | None:
        """The verdict of the rules of the world, where there are any."""
        return judge(answer, **vars(self.check)) if self.check else None

    @property
    def asked(self) -> str:
        """The words of the last turn."""
        return self.messages[-1]["content"]


def questions(
    dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, *, held_out: int, trained: int, room: int, seed: int
) -> list[Question]:
    """Up to `held_out` and `trained` questions, a seeded choice in their order; test preferences' prompts where there are no questions.

    `room` is what a prompt may take, in tokens; longer ones are left out. PipelineError when nothing is left.
    """
    if dialogues.has("questions.jsonl"):
        found = [_question(row, tokenizer) for row in dialogues.rows("questions")]
    else:
        found = _prompts(dialogues, tokenizer)
    fitting = [one for one in found if len(one.prompt) <= room]
    chosen = _some([one for one in fitting if one.trained], trained, seed)
    chosen += _some([one for one in fitting if not one.trained], held_out, seed)
    if not any(not one.trained for one in chosen):
        raise PipelineError(
            f"{dialogues.path} leaves nothing to ask: {len(found)} questions or test prompts, {len(fitting)} of them within {room} tokens",
            mend="a longer model.context, a smaller evaluate.max_new, or more dialogues",
        )
    return chosen


def from_record(record: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> Question:
    """The question of a line of answers.jsonl, without its gap."""
    prompt, _ = encode_chat(record["messages"], tokenizer, ask=True)
    check = None if record["value"] is None else _check(record)
    return Question(
        id=record["id"],
        cluster=record["fact"] or record["id"],
        trained=record["trained"],
        messages=record["messages"],
        prompt=prompt,
        check=check,
        gap=None,
    )


def _question(row: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> Question:
    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    gap = Gap(
        prefix=[IDS[ENDOFTEXT], *ids(row["cloze"].rstrip(" "))],
        fillings=[ids(f" {choice}") for choice in row["choices"]],
        answer=row["answer"],
    )
    prompt, _ = encode_chat(row["prompt"], tokenizer, ask=True)
    return Question(
        id=row["id"], cluster=row["fact"], trained=row["trained"], messages=row["prompt"], prompt=prompt, check=_check(row), gap=gap
    )


def _check(row: Mapping[str, Any]) -> Check:
    return Check(subject=row["subject"], value=row["value"], choices=row["choices"])


def _prompts(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> list[Question]:
    """Each different prompt of the test preferences once."""
    seen: dict[tuple[int, ...], Question] = {}
    for row in dialogues.rows("preferences"):
        if row["part"] == "test":
            prompt, _ = encode_chat(row["prompt"], tokenizer, ask=True)
            one = Question(id=row["id"], cluster=row["id"], trained=False, messages=row["prompt"], prompt=prompt, check=None, gap=None)
            seen.setdefault(tuple(prompt), one)
    return list(seen.values())


def _some(found: Sequence[Question], count: int, seed: int) -> list[Question]:
    if len(found) <= count:
        return list(found)
    chosen = stream(seed, "questions").choice(len(found), size=count, replace=False)
    return [found[number] for number in sorted(chosen.tolist())]

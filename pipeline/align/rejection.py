"""Rejection sampling: the model's own good answers, as instructions to fine-tune it on.

With rules it is RFT (Yuan et al. 2023, arXiv 2308.01825): all different right answers; with a reward model RAFT (Dong et al. 2023, arXiv
2304.06767): the best of several.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt

from pipeline.align.candidates import Answer, Answered, Candidates
from pipeline.align.judges import Judging
from pipeline.tokens.chat import REASONING

NONE = "no_answer_good_enough"  # the reason why a prompt gives no instruction
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rejection(Candidates):
    """What the maker adds."""

    judge: Judging
    threshold: float | None  # of the score: answers below are rejected; None: none is
    keep: PositiveInt  # different answers to one prompt, at most, the best first


def kept(one: Answered, *, threshold: float | None, keep: int) -> list[Answer]:
    """The best answers that reach the threshold; of equal ones the first."""
    good = [answer for answer in one.usable if threshold is None or answer.worth >= threshold]
    return sorted(good, key=lambda answer: -answer.worth)[:keep]


def instructions(gathered: Sequence[Answered], *, threshold: float | None, keep: int) -> tuple[list[Row], dict[str, Any]]:
    """Rows of instructions.jsonl; how many prompts gave none."""
    rows, left = [], Counter[str]()
    for one in gathered:
        answers = kept(one, threshold=threshold, keep=keep)
        if not answers:
            left[NONE] += 1
        rows += [instruction(one, answer, number) for number, answer in enumerate(answers)]
    return rows, {"made": len(rows), "left_out": dict(left)}


def instruction(one: Answered, answer: Answer, number: int) -> Row:
    """A row of instructions.jsonl: the prompt with the answer, and with what was thought before it."""
    thought = {} if answer.thought is None else {REASONING: answer.thought}
    said = [*one.prompt.messages, {"role": "assistant", **thought, "content": answer.text}]
    return {"id": f"{one.prompt.id}/{number}", "part": "train", "fact": one.prompt.fact, "messages": said}

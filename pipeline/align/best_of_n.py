"""Pairs of the best of several answers and the worst (best-of-n: Stiennon et al. 2020, arXiv 2009.01325; as pairs for direct methods:
Dong et al. 2024, arXiv 2405.07863)."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import NonNegativeFloat

from pipeline.align.candidates import Answer, Answered, Candidates
from pipeline.align.judges import Judging
from pipeline.tokens.dialogues import Side, thought_key

FEW, TIE = "fewer_than_two_different_answers", "tie"  # reasons why a prompt gives no pair
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class BestOfN(Candidates):
    """What the maker adds."""

    judge: Judging
    margin: NonNegativeFloat  # of the scores: a pair is made where the best is ahead of the worst by more


def best_and_worst(one: Answered, *, margin: float) -> tuple[Answer, Answer] | str:
    """Of equal ones the first; or the reason why there is no pair."""
    usable = one.usable
    if len(usable) < 2:
        return FEW
    best, worst = (choose(usable, key=lambda answer: answer.worth) for choose in (max, min))
    return (best, worst) if best.worth - worst.worth > margin else TIE


def pairs(gathered: Sequence[Answered], *, margin: float, kind: str) -> tuple[list[Row], dict[str, Any]]:
    """Rows of preferences.jsonl, a prompt with its best answer and its worst; and how many prompts gave none, by reason."""
    rows, left = [], Counter[str]()
    for one in gathered:
        found = best_and_worst(one, margin=margin)
        if isinstance(found, str):
            left[found] += 1
        else:
            rows.append(pair(one, *found, kind=kind))
    return rows, {"made": len(rows), "left_out": dict(sorted(left.items()))}


def pair(one: Answered, chosen: Answer, rejected: Answer, *, kind: str) -> Row:
    """A row of preferences.jsonl; what was thought before an answer stands beside it."""
    prompt = one.prompt
    sides: tuple[tuple[Side, Answer], ...] = (("chosen", chosen), ("rejected", rejected))
    row: Row = {"id": prompt.id, "part": "train", "fact": prompt.fact, "kind": kind, "prompt": prompt.messages}
    row |= {"chosen": chosen.text, "rejected": rejected.text, "margin": chosen.worth - rejected.worth}
    return row | {thought_key(side): answer.thought for side, answer in sides if answer.thought is not None}


def kl_bound(answers: int) -> float:
    """Nats that the best of so many answers is away from the model that gave them, at most: log n - (n - 1) / n (Beirami et al. 2024,
    arXiv 2401.01879)."""
    return math.log(answers) - (answers - 1) / answers

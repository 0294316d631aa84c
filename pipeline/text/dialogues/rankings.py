"""Several answers to one prompt, ordered by ranks or scores, as pairs of a better and a worse one (Ouyang et al. 2022, section 3.5)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Literal

from pipeline.text.dialogues.turns import FormatError

RankedPairs = Literal["all", "adjacent", "best_worst"]
RANKS = ("ranks", "ranking", "rank")
SCORES = ("scores", "overall_scores", "ratings", "rewards")
RANK_MISSING, TIED, UNMATCHED, DISAGREE = "rank_missing", "all_ranks_tied", "ranks_do_not_match_answers", "rank_and_score_disagree"
_TEXTS = ("response", "answer", "completion", "output", "content", "text")
_ITEM_RANKS = ("rank", "ranking")
_ITEM_SCORES = ("overall_score", "score", "rating", "reward")  # UltraFeedback has an overall score beside those of its aspects


@dataclass(frozen=True)
class Placed:
    """An answer by its number, its place (the lower the better, ties share one), and its score where there is one."""

    answer: int
    place: float
    score: float | None


def columns_of(items: Sequence[Any], ranks: Any, scores: Any) -> tuple[list[Any], Any, Any]:
    """The answers, and what says how good they are: of the answers themselves where they are objects, else of the row's own columns."""
    if not items or not all(isinstance(item, Mapping) for item in items):
        return list(items), ranks, scores
    own_ranks, own_scores = ([_first(item, keys) for item in items] for keys in (_ITEM_RANKS, _ITEM_SCORES))
    texts = [_first(item, _TEXTS) for item in items]
    return texts, ranks if _empty(own_ranks) else own_ranks, scores if _empty(own_scores) else own_scores


def placed(count: int, ranks: Any, scores: Any) -> list[Placed]:
    """The places of so many answers: by their ranks, of which 1 is the best, else by their scores, of which the highest is.

    FormatError where nothing orders them.
    """
    if count < 2:
        raise FormatError("single_answer")
    if ranks is None and scores is None:
        raise FormatError(RANK_MISSING)
    known = None if scores is None or (ranks is not None and not _whole(scores, count)) else _numbers(scores, count)
    places = [-score for score in known or ()] if ranks is None else _numbers(ranks, count)
    if len(set(places)) == 1:
        raise FormatError(TIED)
    return [Placed(number, place, known[number] if known else None) for number, place in enumerate(places)]


def pairs_of(answers: Sequence[Placed], how: RankedPairs) -> list[tuple[Placed, Placed]]:
    """A better and a worse answer each, never two of one place: all pairs, those of neighbouring places, or the first best and the last
    worst."""
    ordered = sorted(answers, key=lambda one: one.place)
    if how == "best_worst":
        return [(ordered[0], ordered[-1])]
    pairs = [(better, worse) for better, worse in combinations(ordered, 2) if better.place < worse.place]
    if how == "adjacent":
        next_below = dict(pairwise(sorted({one.place for one in answers})))
        pairs = [(better, worse) for better, worse in pairs if next_below[better.place] == worse.place]
    return pairs


def margin_of(better: float | None, worse: float | None) -> float | None:
    """By how much the better score is above the worse; None where one is not known. FormatError where it is below."""
    if better is None or worse is None:
        return None
    if better < worse:
        raise FormatError(DISAGREE)
    return better - worse


def as_number(value: Any) -> float | None:
    """A number, also as text; None for what is none."""
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _empty(values: Sequence[Any]) -> bool:
    return all(value is None for value in values)


def _whole(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(as_number(value) is not None for value in values)


def _numbers(values: Any, count: int) -> list[float]:
    if not isinstance(values, list) or len(values) != count:
        raise FormatError(UNMATCHED)
    numbers = [number for value in values if (number := as_number(value)) is not None]
    if len(numbers) != count:
        raise FormatError(RANK_MISSING)
    return numbers

"""Which dialogues are held out: whole groups that begin with the same question, and nothing held out is asked in training."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.core.seed import seed_of
from pipeline.text.splitting.prompts import EVAL_PART

HELD_OUT = 0.1  # share of the groups not trained on
MOST = 0.25  # share of the rows: a group that holds more is trained on
WORDS = 5  # of a turn that is asked again: shorter ones, such as "Please go on", are no prompt of their own

Rows = list[dict[str, Any]]


def assign_parts(tables: Mapping[str, Rows], *, seed: int) -> None:
    """Set the part of each row by a hash of its first question, so that the beginnings of one conversation are in one part."""
    for name, rows in tables.items():
        groups = [_first_question(row) for row in rows]
        sizes = Counter(groups)
        place = {group: seed_of(seed, "dialogue part", group) / 2**63 for group in sizes}
        small = [group for group, size in sizes.items() if size <= MOST * len(rows)]
        eligible = small or list(sizes)[: len(sizes) - 1]  # of a few large ones, all but one; a single group is not held out
        limit = max(HELD_OUT, min((place[group] for group in eligible), default=0.0))
        held = {group for group in eligible if place[group] <= limit}
        for row, group in zip(rows, groups, strict=True):
            row["part"] = EVAL_PART[name] if group in held else "train"


def without_shared_prompts(tables: Mapping[str, Rows]) -> tuple[dict[str, Rows], dict[str, int]]:
    """The tables without training rows that ask what a held-out row of any table asks; how many were dropped of each."""
    held = {turn for name, rows in tables.items() for row in rows if row["part"] == EVAL_PART[name] for turn in _questions(row)}
    left = {name: _kept(rows, lambda row: row["part"] != "train" or held.isdisjoint(_questions(row))) for name, rows in tables.items()}
    return left, {name: len(rows) - len(left[name]) for name, rows in tables.items() if len(rows) > len(left[name])}


def _kept(rows: Rows, wanted: Callable[[dict[str, Any]], bool]) -> Rows:
    return [row for row in rows if wanted(row)]


def _questions(row: Mapping[str, Any]) -> set[str]:
    """The first question of a row, and the later ones that are long enough to be recognised."""
    first, *others = _user_turns(row)
    return {first, *(turn for turn in others if turn.count(" ") >= WORDS - 1)}


def _first_question(row: Mapping[str, Any]) -> str:
    return _user_turns(row)[0]


def _user_turns(row: Mapping[str, Any]) -> list[str]:
    """The words of what the user says, in lower case."""
    turns = row["messages"] if "messages" in row else row["prompt"]
    return [" ".join(turn["content"].split()).casefold() for turn in turns if turn["role"] == "user"]

"""Rows that say the same, and rows that contradict each other."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Rows = list[dict[str, Any]]
CONTRADICTION = "contradicts_another_row"
_WORD = re.compile(r"\w+")
_APART = ("id", "part", "kind")  # columns that say nothing of the content


def without_copies(tables: Mapping[str, Rows]) -> tuple[dict[str, Rows], dict[str, int]]:
    """The first of each set of equal rows, and how many copies were dropped, by table where there are some."""
    left: dict[str, Rows] = {}
    for name, rows in tables.items():
        first = {_key({column: value for column, value in row.items() if column not in _APART}): row for row in reversed(rows)}
        kept = {id(row) for row in first.values()}
        left[name] = [row for row in rows if id(row) in kept]
    return left, {name: len(rows) - len(left[name]) for name, rows in tables.items() if len(rows) > len(left[name])}


def contradictions(tables: Mapping[str, Rows]) -> set[str]:
    """The ids of rows of which one denies the other: A over B and B over A for one prompt; an answer that is good and bad."""
    said: dict[bytes, dict[bytes, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in tables.get("preferences", ()):
        answers = sorted((row["chosen"], row["rejected"]))
        said[_key([row["prompt"], answers])][_key(row["chosen"])].append(row["id"])
    for row in tables.get("labels", ()):
        said[_key([row["prompt"], row["completion"]])][_key(row["label"])].append(row["id"])
    return {identity for sides in said.values() if len(sides) > 1 for ids in sides.values() for identity in ids}


def near_copies(prompts: Sequence[str]) -> int:
    """How many prompts have the words of another, but for case and punctuation, and are not equal to one."""
    different = set(prompts)
    words = Counter(" ".join(_WORD.findall(prompt.lower())) for prompt in different)
    return sum(count - 1 for count in words.values())


def _key(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

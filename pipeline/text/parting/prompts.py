"""What dialogues ask: their tests' questions, which train may not hold, and how far trained prompts overlap with them."""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.text.parting.runs import runs_of

DIALOGUES = "dialogues"  # the name of test questions among what is held out
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
_WORD = re.compile(r"[^\W_]+")
_RUN = 13  # words that two questions share by chance no more (Brown et al. 2020, appendix C)
_HELD = {"instructions": "val", "preferences": "test"}  # the part that is not trained on


def asked(row: Row) -> list[str]:
    """The user's turns of an instruction, the last included, or of a prompt."""
    return [turn["content"] for turn in row.get("messages", row.get("prompt", ())) if turn["role"] == "user"]


def is_test(name: str, row: Row) -> bool:
    """Whether no model is trained on this row of the instructions, preferences or questions."""
    return not row["trained"] if name == "questions" else bool(row["part"] == _HELD[name])


def asked_in_tests(dialogues: Dialogues) -> list[str]:
    """Every distinct turn that a test's user speaks. What states a fact (cloze and choices of a question) is book wording, not held out."""
    names = [name for name in (*_HELD, "questions") if dialogues.has(f"{name}.jsonl")]
    return list(dict.fromkeys(turn for name in names for row in dialogues.rows(name) if is_test(name, row) for turn in asked(row)))


def overlap(rows: Rows) -> dict[str, int]:
    """How many trained prompts ask what a test asks too: a turn of theirs equals one, or shares a run of _RUN words with one.

    Instructions and preferences are compared with their own tests, both with the questions that are about facts no model is told.
    """
    trained = {name: [asked(row) for row in rows[name] if not is_test(name, row)] for name in _HELD}
    tests = {name: {turn for row in rows.get(name, ()) if is_test(name, row) for turn in asked(row)} for name in (*_HELD, "questions")}
    counts = {name: _overlapping(trained[name], tests[name]) for name in _HELD}
    return counts | {"questions": _overlapping([turns for name in _HELD for turns in trained[name]], tests["questions"])}


def _overlapping(prompts: Sequence[Sequence[str]], tests: Set[str]) -> int:
    """How many prompts have a turn that equals a test's, case and punctuation apart, or shares a run of words with one."""
    known = {_normal(turn) for turn in tests}
    held = np.unique(runs_of(_column(sorted(tests)), [_RUN]).hashes)
    owners = np.repeat(np.arange(len(prompts)), [len(turns) for turns in prompts])
    runs = runs_of(_column([turn for turns in prompts for turn in turns]), [_RUN])
    shared = set(owners[runs.rows[np.isin(runs.hashes, held)]].tolist())
    equal = {number for number, turns in enumerate(prompts) if any(_normal(turn) in known for turn in turns)}
    return len(shared | equal)


def _normal(turn: str) -> str:
    return " ".join(_WORD.findall(turn.casefold()))


def _column(turns: Sequence[str]) -> pa.ChunkedArray:
    """The turns, each as one paragraph."""
    return pa.chunked_array([pa.array([" ".join(turn.split()) for turn in turns], pa.string())])

"""What dialogues ask: their tests' questions, which train may not hold, and how far trained ones overlap with tests and benchmarks."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.text.ngrams import Hashes, Numbers, paragraph_hashes, texts_of, words_of_rows
from pipeline.text.ordered import among, distinct
from pipeline.text.parting.held import Lengths, item_runs
from pipeline.text.parting.runs import as_paragraphs, runs_of

DIALOGUES = "dialogues"  # the name of test questions among what is held out
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Written = dict[str, list[dict[str, Any]]]  # rows that are to be written
_HELD = {"instructions": "val", "preferences": "test"}  # the part that is not trained on


def asked(row: Row) -> list[str]:
    """The user's turns of an instruction, the last included, or of a prompt."""
    return [turn["content"] for turn in _turns(row) if turn["role"] == "user"]


def is_test(name: str, row: Row) -> bool:
    """Whether no model is trained on this row of the instructions, preferences or questions."""
    return not row["trained"] if name == "questions" else bool(row["part"] == _HELD[name])


def asked_in_tests(dialogues: Dialogues) -> list[str]:
    """Every distinct turn that a test's user speaks. What states a fact (cloze and choices of a question) is book wording, not held out."""
    names = [name for name in (*_HELD, "questions") if dialogues.has(f"{name}.jsonl")]
    return list(dict.fromkeys(turn for name in names for row in dialogues.rows(name) if is_test(name, row) for turn in asked(row)))


def without_items(rows: Written, items: Mapping[str, Sequence[str]], lengths: Lengths) -> tuple[Written, dict[str, int]]:
    """The rows without the trained instructions and preferences that hold an item of a benchmark; how many went, by benchmark.

    All that is said in a row is looked at as one text, and items are known as they are in text: see `held`.
    """
    left, dropped = dict(rows), dict.fromkeys(items, 0)
    known = {benchmark: item_runs(texts, lengths) for benchmark, texts in items.items()}
    for name in _HELD:
        said = as_paragraphs([" ".join(_said(row)) for row in rows[name]])
        trained = np.array([not is_test(name, row) for row in rows[name]], np.bool_)
        kept = np.ones(len(rows[name]), np.bool_)
        for benchmark, own in known.items():
            runs = runs_of(said, own.lengths or [lengths.ngram])
            held = np.zeros_like(kept)
            held[runs.rows[among(runs.hashes, own.runs)]] = True
            dropped[benchmark] += int((held & trained).sum())
            kept &= ~(held & trained)
        left[name] = [row for row, stays in zip(rows[name], kept.tolist(), strict=True) if stays]
    return left, dropped


def _turns(row: Row) -> Sequence[Row]:
    """The turns of an instruction, or of a prompt."""
    turns: Sequence[Row] = row.get("messages", row.get("prompt", ()))
    return turns


def _said(row: Row) -> list[str]:
    """All that is said in an instruction or a preference."""
    return [turn["content"] for turn in _turns(row)] + [row[side] for side in ("chosen", "rejected") if side in row]


def overlap(rows: Rows, *, ngram: int) -> dict[str, int]:
    """How many trained prompts ask what a test asks too: a turn of theirs has its words and no others, or `ngram` in a row.

    Instructions and preferences are compared with their own tests, both with the questions that are about facts no model is told.
    """
    trained = {name: [asked(row) for row in rows[name] if not is_test(name, row)] for name in _HELD}
    tests = {name: {turn for row in rows.get(name, ()) if is_test(name, row) for turn in asked(row)} for name in (*_HELD, "questions")}
    counts = {name: _overlapping(trained[name], tests[name], ngram) for name in _HELD}
    return counts | {"questions": _overlapping([turns for name in _HELD for turns in trained[name]], tests["questions"], ngram)}


def _overlapping(prompts: Sequence[Sequence[str]], tests: Set[str], ngram: int) -> int:
    """How many prompts have a turn that overlaps with a test's."""
    owners = np.repeat(np.arange(len(prompts)), np.array([len(turns) for turns in prompts], np.int64))
    turns, held = as_paragraphs([turn for turns in prompts for turn in turns]), as_paragraphs(sorted(tests))
    runs, (wholes, places) = runs_of(turns, [ngram]), _wholes(turns)
    found = np.zeros(len(prompts), np.bool_)
    found[owners[runs.rows[among(runs.hashes, distinct(runs_of(held, [ngram]).hashes))]]] = True
    found[owners[places[among(wholes, distinct(_wholes(held)[0]))]]] = True
    return int(found.sum())


def _wholes(turns: pa.ChunkedArray) -> tuple[Hashes, Numbers]:
    """64 bits of all words of each turn that has any, and the turn's number."""
    hashes, places = paragraph_hashes(words_of_rows(texts_of(turns), np.arange(len(turns))), 1)
    return hashes[0], places[0]

"""User turns of dialogues: test questions, and the overlap of training dialogues with tests and benchmarks."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.text.ngrams import Hashes, Uint32Array, paragraph_hashes, texts_of, words_of_rows
from pipeline.text.sorted_arrays import in_sorted, sorted_unique
from pipeline.text.splitting.held_out_index import OverlapConfig, item_ngrams
from pipeline.text.splitting.paragraph_ngrams import as_single_paragraphs, ngrams_in

DIALOGUES = "dialogues"  # name of the test questions among the held-out items
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
DialogueRows = dict[str, list[dict[str, Any]]]  # rows by table
EVAL_PART = {"instructions": "val", "preferences": "test", "labels": "test"}  # the part not trained on; a world has no labels


def user_turns(row: Row) -> list[str]:
    """The user turns of an instruction or a prompt."""
    return [turn["content"] for turn in _turns(row) if turn["role"] == "user"]


def is_test(name: str, row: Row) -> bool:
    """Whether this row of instructions, preferences or questions is never trained on."""
    return not row["trained"] if name == "questions" else bool(row["part"] == EVAL_PART[name])


def eval_questions(dialogues: Dialogues) -> list[str]:
    """Every distinct user turn of the test rows. Cloze texts and choices are wording of the books and not held out."""
    return list(dict.fromkeys(turn for row in held_out_rows(dialogues) for turn in user_turns(row)))


def held_out_rows(dialogues: Dialogues) -> Iterator[dict[str, Any]]:
    """The rows of all tables that are never trained on."""
    names = [name for name in (*EVAL_PART, "questions") if dialogues.has(f"{name}.jsonl")]
    return (row for name in names for row in dialogues.rows(name) if is_test(name, row))


def drop_contaminated(
    rows: DialogueRows, items: Mapping[str, Sequence[str]], overlap: OverlapConfig
) -> tuple[DialogueRows, dict[str, int]]:
    """The rows without training instructions and preferences that contain a benchmark item; how many were dropped, by benchmark.

    All turns of a row are matched as one text, as in held_out_index.
    """
    left, dropped = dict(rows), dict.fromkeys(items, 0)
    known = {benchmark: item_ngrams(texts, overlap) for benchmark, texts in items.items()}
    for name in [name for name in EVAL_PART if name in rows]:
        texts = as_single_paragraphs([" ".join(_texts(row)) for row in rows[name]])
        trained = np.array([not is_test(name, row) for row in rows[name]], np.bool_)
        kept = np.ones(len(rows[name]), np.bool_)
        for benchmark, own in known.items():
            ngrams = ngrams_in(texts, own.sizes or [overlap.ngram])
            hit = np.zeros_like(kept)
            hit[ngrams.rows[in_sorted(ngrams.hashes, own.ngrams)]] = True
            dropped[benchmark] += int((hit & trained).sum())
            kept &= ~(hit & trained)
        left[name] = [row for row, stays in zip(rows[name], kept.tolist(), strict=True) if stays]
    return left, dropped


def _turns(row: Row) -> Sequence[Row]:
    """The turns of an instruction, or of a prompt."""
    turns: Sequence[Row] = row.get("messages", row.get("prompt", ()))
    return turns


def _texts(row: Row) -> list[str]:
    """All turns of an instruction or a preference."""
    return [turn["content"] for turn in _turns(row)] + [row[side] for side in ("chosen", "rejected", "completion") if side in row]


def prompt_overlap(rows: Rows, *, ngram: int) -> dict[str, int]:
    """How many training prompts overlap with a test prompt: a turn has exactly its words, or `ngram` consecutive ones.

    Instructions and preferences are compared with their own tests, and both with the questions about held-out facts.
    """
    names = [name for name in EVAL_PART if name in rows]
    trained = {name: [user_turns(row) for row in rows[name] if not is_test(name, row)] for name in names}
    tests = {name: {turn for row in rows.get(name, ()) if is_test(name, row) for turn in user_turns(row)} for name in (*names, "questions")}
    counts = {name: _overlapping(trained[name], tests[name], ngram) for name in names}
    return counts | {"questions": _overlapping([turns for name in names for turns in trained[name]], tests["questions"], ngram)}


def _overlapping(prompts: Sequence[Sequence[str]], tests: Set[str], ngram: int) -> int:
    """How many prompts have a turn that overlaps with a test turn."""
    owners = np.repeat(np.arange(len(prompts)), np.array([len(turns) for turns in prompts], np.int64))
    turns, hit = as_single_paragraphs([turn for turns in prompts for turn in turns]), as_single_paragraphs(sorted(tests))
    ngrams, (wholes, places) = ngrams_in(turns, [ngram]), _wholes(turns)
    found = np.zeros(len(prompts), np.bool_)
    found[owners[ngrams.rows[in_sorted(ngrams.hashes, sorted_unique(ngrams_in(hit, [ngram]).hashes))]]] = True
    found[owners[places[in_sorted(wholes, sorted_unique(_wholes(hit)[0]))]]] = True
    return int(found.sum())


def _wholes(turns: pa.ChunkedArray) -> tuple[Hashes, Uint32Array]:
    """A 64-bit hash of all words of each non-empty turn, and the number of the turn."""
    hashes, places = paragraph_hashes(words_of_rows(texts_of(turns), np.arange(len(turns))), 1)
    return hashes[0], places[0]

"""Bad rows are counted by reason; rows of which none is usable are an error with its mend."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch

from pipeline.align import rows
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError, PipelineError
from pipeline.tokens.dialogues import IGNORE_INDEX, Example, Pair
from pipeline.tokens.shards import Rows
from pipeline.tokens.special import IDS, PAD
from tests.align.tiny import tiny

ASK = [{"role": "user", "content": "sat?"}]


def dialogues(folder: Path, preferences: list[dict[str, Any]]) -> Dialogues:
    artifact = Dialogues(folder / "dialogues")
    instruction = {"id": "i", "part": "train", "messages": [*ASK, {"role": "assistant", "content": "the cat sat on the mat"}]}
    with artifact.writing() as draft:
        (draft.path / "instructions.jsonl").write_text(json.dumps(instruction) + "\n")
        (draft.path / "preferences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in preferences))
    return artifact


def text_rows() -> Rows:
    """Five rows of eight tokens; the last has a second piece at its third token, and ends in padding."""
    ids = np.arange(10, 50, dtype=np.uint16).reshape(5, 8)
    ids[4, 6:] = IDS[PAD]
    pieces = [(row, 0, row, 0, 8) for row in range(4)] + [(4, 0, 4, 0, 2), (5, 0, 4, 2, 4)]
    return Rows(ids, np.array(pieces), {})


def test_books_are_a_share_of_all_examples_and_learned_but_for_what_nothing_foretells() -> None:
    mixed = rows.PretrainingMix(share=0.2, tokens=7)
    books = rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=1)
    assert len(books) == 10
    assert sorted(book.ids[0] for book in books) == sorted([10, 18, 26, 34, 42] * 2)
    by_first = {book.ids[0]: book for book in books}
    assert by_first[10] == Example([10, 11, 12, 13, 14, 15, 16], [IGNORE_INDEX, 11, 12, 13, 14, 15, 16])
    assert by_first[42].labels == [IGNORE_INDEX, 43, IGNORE_INDEX, 45, 46, 47, IGNORE_INDEX]
    assert books == rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=1)
    assert [book.ids for book in books] != [book.ids for book in rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=2)]
    assert not rows.read_pretraining_rows(text_rows(), rows.PretrainingMix(share=0.0, tokens=7), beside=40, seed=1)


def preference(chosen: str, rejected: str) -> dict[str, Any]:
    return {"id": "p", "part": "train", "kind": "rude", "prompt": ASK, "chosen": chosen, "rejected": rejected}


def test_a_pair_with_two_equal_answers_is_dropped_and_counted(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    source = dialogues(tmp_path, [preference("a cat", "a dog"), preference("a cat", "a cat"), preference("a cat", "x" * 99)])
    part = rows.read_pairs(source, "train", tokenizer, length=40, section="dpo")
    assert part.counts == {"rows": 1, "dropped": {"answer_does_not_fit": 1, "chosen_is_rejected": 1}}


def test_when_no_answer_fits_the_error_names_the_length_that_would_do(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="none of the 1 instructions of part train") as fault:
        rows.read_examples(dialogues(tmp_path, []), "train", tokenizer, length=5, section="sft")
    needed = int(fault.value.mend.removeprefix("sft.max_length=").split()[0])
    assert len(rows.read_examples(dialogues(tmp_path, []), "train", tokenizer, length=needed, section="sft").rows) == 1


def test_when_all_pairs_are_equal_no_length_is_promised_to_help(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="chosen_is_rejected") as fault:
        rows.read_pairs(dialogues(tmp_path, [preference("a", "a")]), "train", tokenizer, length=40, section="dpo")
    assert "max_length" not in fault.value.mend


def test_no_rows_at_all_are_an_error_where_some_are_needed(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    part = rows.read_pairs(dialogues(tmp_path, []), "train", tokenizer, length=40, section="dpo")
    with pytest.raises(InputError, match="no preferences of part train"):
        rows.required(part, "preferences of part train")


def test_a_prompt_is_asked_once_and_only_if_its_answer_has_room() -> None:
    pairs = [Pair(prompt, [7], [8], "rude") for prompt in ([1, 2, 3], [1, 2], [1, 2, 3], [1, 2, 3, 4])]
    part = rows.with_room(pairs, max_new_tokens=4, length=7, section="ppo")
    assert part.rows == [[1, 2, 3], [1, 2]]
    assert part.dropped == {"no_room_for_an_answer": 1}


def test_a_length_beyond_the_model_s_context_is_refused() -> None:
    with pytest.raises(PipelineError, match="the model reads 64") as fault:
        rows.check_length(65, tiny(1), section="sft")
    assert fault.value.mend == "sft.max_length=64"


def test_accuracies_by_kind_are_those_of_the_kind_s_own_pairs() -> None:
    pairs = [Pair([1], [2], [3], "wrong"), Pair([1], [5], [4], "rude"), Pair([1], [3], [6], "wrong")]
    found = rows.agreement(pairs, lambda sides: torch.tensor([1.0 if answer[0] in (2, 3, 4) else 0.0 for _, answer in sides]))
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["kinds"] == {"rude": {"accuracy": 0.0, "n": 1}, "wrong": {"accuracy": 0.5, "n": 2}}

"""Bad rows are counted by reason; rows of which none is usable are an error with its mend."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch

from pipeline.align import rows
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError, PipelineError
from pipeline.tokens.dialogues import IGNORE_INDEX, Example, Pair, Room, told_before, within
from pipeline.tokens.rows import Rows
from pipeline.tokens.special import ENDOFTEXT, IDS, PAD
from tests.align.tiny import tiny
from tests.packed import packed

BEGIN, PADDING = IDS[ENDOFTEXT], IDS[PAD]
ASK = [{"role": "user", "content": "sat?"}]


@dataclass(frozen=True)
class Lengths:
    max_length: int
    max_dropped: float


def room(tokens: int, section: str = "sft", *, dropped: float = 1.0, context: int = 640) -> Room:
    return Room(tokens=tokens, key=f"{section}.max_length", max_dropped=dropped, context=context, spare=0)


def dialogues(folder: Path, preferences: list[dict[str, Any]]) -> Dialogues:
    artifact = Dialogues(folder / "dialogues")
    instruction = {"id": "i", "part": "train", "messages": [*ASK, {"role": "assistant", "content": "the cat sat on the mat"}]}
    with artifact.writing() as draft:
        (draft.path / "instructions.jsonl").write_text(json.dumps(instruction) + "\n")
        (draft.path / "preferences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in preferences))
    return artifact


def text_rows() -> Rows:
    """Five rows of eight tokens: one document fills two, two fill one each, and two share the last, which ends in padding."""
    return packed([list(range(10, 25)), list(range(30, 37)), list(range(40, 47)), [50, 51], [60]], row=8)


def test_books_are_a_share_of_all_examples_and_learned_but_for_what_nothing_foretells() -> None:
    mixed = rows.PretrainingMix(share=0.2, tokens=7)
    books = rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=1)
    assert len(books) == 10
    assert sorted(book.ids[1] for book in books) == sorted([10, 18, 30, 40, 50] * 2)
    by_second = {book.ids[1]: book for book in books}
    assert by_second[10] == Example([BEGIN, 10, 11, 12, 13, 14, 15], [IGNORE_INDEX, 10, 11, 12, 13, 14, 15])
    assert by_second[18].labels == [IGNORE_INDEX, *range(18, 24)]  # goes on in the middle of its document
    assert by_second[50] == Example([BEGIN, 50, 51, BEGIN, 60, PADDING, PADDING], [IGNORE_INDEX, 50, 51, BEGIN, 60, BEGIN, IGNORE_INDEX])
    assert books == rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=1)
    assert [book.ids for book in books] != [book.ids for book in rows.read_pretraining_rows(text_rows(), mixed, beside=40, seed=2)]
    assert not rows.read_pretraining_rows(text_rows(), rows.PretrainingMix(share=0.0, tokens=7), beside=40, seed=1)


def preference(chosen: str, rejected: str) -> dict[str, Any]:
    return {"id": "p", "part": "train", "kind": "rude", "prompt": ASK, "chosen": chosen, "rejected": rejected}


def test_a_pair_with_two_equal_answers_is_dropped_and_counted(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    source = dialogues(tmp_path, [preference("a cat", "a dog"), preference("a cat", "a cat"), preference("a cat", "x" * 99)])
    (part,) = rows.read_pairs(source, ("train",), tokenizer, room(40, "dpo"))
    assert part.counts == {"rows": 1, "dropped": {"answer_does_not_fit": 1, "chosen_is_rejected": 1}}


def test_when_no_answer_fits_the_error_names_the_length_that_would_do(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="none of the 1 instructions of part train") as fault:
        rows.read_examples(dialogues(tmp_path, []), ("train",), tokenizer, room(5))
    needed = int(fault.value.mend.removeprefix("sft.max_length=").split()[0])
    assert len(rows.read_examples(dialogues(tmp_path, []), ("train",), tokenizer, room(needed))[0].rows) == 1


def test_when_all_pairs_are_equal_no_length_is_promised_to_help(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="chosen_is_rejected") as fault:
        rows.read_pairs(dialogues(tmp_path, [preference("a", "a")]), ("train",), tokenizer, room(40, "dpo"))
    assert "max_length" not in fault.value.mend


def test_a_prompt_is_asked_once_and_only_if_its_answer_has_room() -> None:
    pairs = [Pair(prompt, [7], [8], "rude") for prompt in ([1, 2, 3], [1, 2], [1, 2, 3], [1, 2, 3, 4])]
    part = rows.with_room(pairs, room(7, "align.ppo"), max_new_tokens=4)
    assert part.rows == [[1, 2, 3], [1, 2]]
    assert part.dropped == {"no_room_for_an_answer": 1}


def test_a_length_beyond_the_model_s_context_is_refused() -> None:
    with pytest.raises(PipelineError, match="the model reads 64") as fault:
        rows.room_for(Lengths(max_length=65, max_dropped=0.05), tiny(1), section="sft")
    assert fault.value.mend == "sft.max_length=64, or model.context=65"


def test_too_many_rows_that_are_too_long_fail_with_their_lengths_and_the_value_that_holds_95_percent(
    tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    source = dialogues(tmp_path, [preference("a cat", "x" * (number if number % 10 else 600)) for number in range(1, 101)])
    with pytest.raises(InputError, match=r"\(10%, at most 5% may be\): 50 % within \d+, 90 % within \d+, 95 % within 6\d\d") as fault:
        rows.read_pairs(source, ("train", "test"), tokenizer, room(200, "reward", dropped=0.05, context=1024))
    assert fault.value.mend.startswith("reward.max_length=640 (budget.max_length=640 is for all)")
    assert rows.read_pairs(source, ("train",), tokenizer, room(640, "reward", dropped=0.05))[0].dropped == {}
    (kept,) = rows.read_pairs(source, ("train",), tokenizer, room(200, "reward", dropped=0.1))
    assert kept.dropped == {"answer_does_not_fit": 10}
    with pytest.raises(InputError) as fault:
        rows.read_pairs(source, ("train",), tokenizer, room(200, "reward", dropped=0.05, context=256))
    assert fault.value.mend.startswith("reward.max_length=640 model.context=640")


def test_prompts_that_leave_no_room_for_an_answer_are_told_with_their_own_key() -> None:
    pairs = [Pair([number] * (30 if number % 2 else 3), [7], [8], "rude") for number in range(10)]
    with pytest.raises(
        InputError, match="5 of 10 different prompts, each with an answer of 40 tokens, are longer than the 64 tokens"
    ) as fault:
        rows.with_room(pairs, room(64, "align.ppo", dropped=0.05), max_new_tokens=40)
    assert "align.ppo.max_length=128" in fault.value.mend


def test_what_will_have_no_room_is_told_before_anything_trains(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    source = dialogues(tmp_path, [preference("a cat", "a dog")] * 3)
    told = told_before(source, tokenizer, {"instructions": room(40), "preferences": room(40)})
    assert told["preferences"]["rows"] == 3
    assert told["instructions"]["too_long"] == 0
    assert told["instructions"]["tokens"].keys() == {"50", "90", "95", "99"}
    with pytest.raises(InputError, match="1 of 1 instructions"):
        told_before(source, tokenizer, {"instructions": room(5, dropped=0.05)})


def test_accuracies_by_kind_are_those_of_the_kind_s_own_pairs() -> None:
    pairs = [Pair([1], [2], [3], "wrong"), Pair([1], [5], [4], "rude"), Pair([1], [3], [6], "wrong")]
    found = rows.agreement(pairs, lambda sides: torch.tensor([1.0 if answer[0] in (2, 3, 4) else 0.0 for _, answer in sides]), seed=1)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert {kind: (one["accuracy"], one["n"]) for kind, one in found["kinds"].items()} == {"rude": (0.0, 1), "wrong": (0.5, 2)}


def test_an_accuracy_has_an_interval_over_facts_not_over_pairs() -> None:
    answers = [Pair([1], [2], [3], "wrong", f"fact-{number // 10}") for number in range(100)]  # ten facts, ten pairs each
    some = [Pair(pair.prompt, pair.chosen, pair.rejected, pair.kind, str(number)) for number, pair in enumerate(answers)]
    right = torch.tensor([float(number // 10 % 2) for number in range(100)])
    turns = iter([right, torch.full((100,), 0.5)] * 2)
    narrow, wide = (rows.agreement(pairs, lambda sides: next(turns), seed=1) for pairs in (some, answers))
    assert narrow["accuracy"] == wide["accuracy"] == 0.5
    assert wide["accuracy_high"] - wide["accuracy_low"] > 2 * (narrow["accuracy_high"] - narrow["accuracy_low"])


def test_a_share_of_lengths_is_the_least_that_holds_it() -> None:
    lengths = list(range(1, 101))
    for share in (0.5, 0.9, 0.95, 0.99, 1.0):
        least = within(lengths, share)
        assert sum(length <= least for length in lengths) >= share * 100 > sum(length < least for length in lengths)

"""What the stage tells of a tokenizer, and the sample that it is trained on."""

from pathlib import Path

import pyarrow as pa
import pytest
import tokenizers

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.tokens.evaluation import held_out, longest, usage
from pipeline.tokens.kinds import bpe, word
from pipeline.tokens.sample import sample_of
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import encode, widths


def split_of(rows: list[tuple[str, str, str]], path: Path, part: str = "train") -> Split:
    """A split of (id, source, text), the other parts empty."""
    target = Split(path)
    own = [{"id": name, "source": source, "text": text, "bits": None} for name, source, text in rows]
    parts = {one: pa.Table.from_pylist(own if one == part else [], schema=TEXTS) for one in ("train", "val", "test")}
    target.write(parts, sides={})  # type: ignore[arg-type]
    return target


def test_figures_are_told_by_source_and_sum_up(tokenizer: tokenizers.Tokenizer, tmp_path: Path) -> None:
    split = split_of([("a", "tales", "the old fox"), ("b", "notes", "é ☂"), ("c", "tales", "")], tmp_path / "split", "val")
    told = held_out(split, "val", tokenizer)
    tales, notes = told["sources"]["tales"], told["sources"]["notes"]
    tokens = [len(encode([text], tokenizer)[0]) for text in ("the old fox", "é ☂")]
    assert (tales["tokens"], notes["tokens"]) == tuple(tokens)
    assert told["tokens"] == sum(tokens)
    assert told["bytes"] == 11 + 6
    assert told["bytes_per_token"] == 17 / sum(tokens)
    assert tales["fertility"] == tokens[0] / 3
    assert told["round_trip"] == 1.0
    assert told["unknown"] == 0.0


def test_unknown_words_and_what_does_not_come_back_are_told(tmp_path: Path) -> None:
    words = word.train(["the old fox"], vocab_size=10, pattern="gpt2")
    told = held_out(split_of([("a", "x", "the old fox"), ("b", "x", "the new")], tmp_path / "split", "test"), "test", words)
    assert told["round_trip"] == 0.5
    assert told["unknown"] == 1 / 5
    assert held_out(split_of([], tmp_path / "empty"), "val", words)["bytes_per_token"] == 0


def test_tokens_that_train_never_uses_are_counted_special_ones_left_out() -> None:
    tokenizer = bpe.train(["LOW LOWER LOWEST"], vocab_size=264, pattern="gpt2", fewer=True)
    unused = 264 - len(IDS) - len({"LOW", "E", "R"})
    assert usage([["LOW"], ["LOWER"]], tokenizer) == {"sample": {"documents": 2, "bytes": 8}, "unused": unused}
    assert usage([["LOW"]], word.train(["LOW"], vocab_size=9, pattern="gpt2"))["unused"] == 0
    assert longest(tokenizer)[:2] == ["LOW", "LO"]


def test_the_widths_of_tokens_sum_up_to_the_bytes_of_the_text(tokenizer: tokenizers.Tokenizer) -> None:
    words = word.train(["the öld fox"], vocab_size=20, pattern="gpt2")
    for one in (tokenizer, words):
        assert sum(widths(one)[number] for number in encode(["the öld fox"], one)[0]) == 12
    assert sum(widths(words)[number] for number in encode(["the new"], words)[0]) == 3, "an unknown word says nothing"


ROWS = [(f"d{number}", "x", "word " * (1 + number % 7)) for number in range(60)]


@pytest.mark.parametrize("most", [1, 200, 500])
def test_a_sample_holds_its_bytes_and_at_most_one_document_more(most: int, tmp_path: Path) -> None:
    sample, size = sample_of(split_of(ROWS, tmp_path / "split"), most)
    taken = [len(text) for text in sample]
    assert size == sum(len(text) for _, _, text in ROWS)
    assert most <= sum(taken) < most + 35
    assert list(sample) == list(sample), "each iteration reads anew"


def test_a_sample_is_the_same_in_any_order_and_not_the_first_documents(tmp_path: Path) -> None:
    sample, _ = sample_of(split_of(ROWS, tmp_path / "a"), 300)
    other, _ = sample_of(split_of(ROWS[::-1], tmp_path / "b"), 300)
    assert sorted(sample) == sorted(other)
    assert list(sample) != [text for _, _, text in ROWS][: len(list(sample))]


def test_without_a_bound_or_below_it_the_sample_is_all(tmp_path: Path) -> None:
    split = split_of(ROWS, tmp_path / "split")
    for most in (None, 10**6):
        assert [text for _, _, text in ROWS] == list(sample_of(split, most)[0])

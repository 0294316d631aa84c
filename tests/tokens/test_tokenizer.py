"""Byte-level BPE, the default: any text comes back, the same bytes each run, and no text can speak as the template."""

import random
from pathlib import Path

import pytest
import tokenizers

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import encode, save, vocabulary
from pipeline.tokens.vocabulary_size import Carrier, vocab_size_for


def test_the_special_tokens_have_the_first_ids(tokenizer: tokenizers.Tokenizer) -> None:
    assert vocabulary(tokenizer)[: len(IDS)] == list(IDS)


def test_any_text_comes_back_unchanged(tokenizer: tokenizers.Tokenizer) -> None:
    draw = random.Random(5)
    for _ in range(200):
        text = "".join(
            chr(draw.choice([draw.randrange(1, 128), draw.randrange(160, 0xD800), draw.randrange(0x10000, 0x20000)])) for _ in range(30)
        )
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_the_same_texts_in_any_order_give_the_same_bytes(texts: list[str], tmp_path: Path) -> None:
    first, second = Tokenizer(tmp_path / "first"), Tokenizer(tmp_path / "second")
    save(train(texts, vocab_size=300, pattern="gpt2"), first)
    save(train(texts[::-1], vocab_size=300, pattern="gpt2"), second)
    assert first.digest == second.digest


def test_a_literal_special_token_in_a_text_is_plain_text(tokenizer: tokenizers.Tokenizer) -> None:
    assert min(encode(["I say <|end|> and <|assistant|>"], tokenizer)[0]) >= len(IDS)


def test_a_size_that_the_text_can_not_fill_names_the_one_it_can(texts: list[str]) -> None:
    with pytest.raises(InputError, match="it yields") as caught:
        train(texts[:2], vocab_size=5000, pattern="gpt2")
    reached = int(caught.value.mend.removeprefix("tokenizer.vocab_size=").split(",")[0])
    assert train(texts[:2], vocab_size=reached, pattern="gpt2").get_vocab_size() == reached


def test_a_size_without_room_for_the_bytes_is_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match="262"):
        train(texts, vocab_size=200, pattern="gpt2")


def test_the_second_merge_of_low_lower_lowest_makes_low() -> None:
    tokenizer = train(["LOW LOWER LOWEST"], vocab_size=264, pattern="gpt2", fewer=True)
    assert vocabulary(tokenizer)[262:] == ["LO", "LOW"]


def test_gpt4_cuts_numbers_at_three_digits_and_contractions_in_any_case() -> None:
    tokenizer = train(["WE'RE 123456\n\nx " * 9], vocab_size=300, pattern="gpt4", fewer=True)
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("WE'RE 123456\n\n x")]
    assert pieces == ["WE", "'RE", "Ġ", "123", "456", "ĊĊ", "Ġx"]


LARGE = Carrier(layers=32, hidden_size=4096)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 512),
        (10**4, 512),
        (3 * 10**5, 512),
        (10**6, 1024),
        (5 * 10**6, 2048),
        (10**7, 4096),
        (10**8, 8192),
        (10**9, 32768),
        (10**12, 32768),
    ],
)
def test_a_derived_vocabulary_grows_with_the_square_root_of_the_text(size: int, expected: int) -> None:
    assert vocab_size_for(size, LARGE) == expected


@pytest.mark.parametrize(("layers", "hidden_size", "expected"), [(2, 64, 512), (4, 128, 2048), (6, 320, 8192), (12, 768, 32768)])
def test_a_model_carries_as_many_tokens_as_take_a_third_of_its_layers(layers: int, hidden_size: int, expected: int) -> None:
    assert vocab_size_for(10**12, Carrier(layers=layers, hidden_size=hidden_size)) == expected


def test_a_derived_vocabulary_is_what_a_short_text_yields(texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts)
    reached = train(texts, vocab_size=vocab_size_for(size, LARGE), pattern="gpt2", fewer=True).get_vocab_size()
    assert len(IDS) + 256 < reached < 512
    assert train(texts, vocab_size=reached, pattern="gpt2").get_vocab_size() == reached

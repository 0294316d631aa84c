"""Our own kernel gives the ids of `tokenizers`, token for token: on fuzz, on every code point, on text that spells special tokens."""

import random

import pytest
import tokenizers

from pipeline.tokens import tokenizer as tokenizer_room
from pipeline.tokens.encoder import byte_alphabet, encoder_of
from pipeline.tokens.encoding_kernel import LONGEST
from pipeline.tokens.kinds import bpe, byte, word
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import encode, encode_arrays
from pipeline.tokens.unicode_classes import CODE_POINTS, FILE, probed

ATOMS = [" ", "  ", "\n", "\r\n", "\r", "\t", "\x0b", "\x00", "\x85", "\u00a0", "\u180e", "\u2003", "\u200b", "\u3000", "\ufeff"]
ATOMS += ["'", "'s", "'S", "'T", "'m", "'D", "'ll", "'LL", "'lL", "'ve", "'VE", "'re", "'Re", "'\u017f", "'l", "'v", "\u2019s", "'\u00e9"]
ATOMS += [
    "a",
    "word",
    "Zebra",
    "\u00e9",
    "\u00df",
    "e\u0301",
    "\u65e5\u672c",
    "\u0436\u0443\u043a",
    "\u212a",
    "\ufb01",
    "1",
    "12345",
    "\u00bd",
    "\u0663",
]
ATOMS += [".", "...", "!?", "_", "#", "-", "\U0001f642", "\U0001f469\u200d\U0001f467", "\ufffd", *IDS]


@pytest.fixture(scope="module", params=["gpt2", "gpt4"])
def trained(request: pytest.FixtureRequest, texts: list[str]) -> tokenizers.Tokenizer:
    pattern: Pattern = request.param
    draw = random.Random(3)
    noise = ["".join(draw.choices(ATOMS, k=30)) for _ in range(300)]
    return bpe.train([*texts, *noise], vocab_size=700, pattern=pattern)


def differences(texts: list[str], tokenizer: tokenizers.Tokenizer) -> list[str]:
    encoder = encoder_of(tokenizer)
    assert encoder is not None
    theirs = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [text for text, ours, their in zip(texts, encoder(texts), theirs, strict=True) if ours is None or ours.tolist() != their.ids]


def test_fuzz_is_encoded_as_tokenizers_does(trained: tokenizers.Tokenizer) -> None:
    draw = random.Random(7)
    texts = ["".join(draw.choices(ATOMS, k=draw.randrange(30))) for _ in range(20_000)]
    points = [*range(0xD800), *range(0xE000, CODE_POINTS)]
    texts += ["".join(map(chr, draw.choices(points if draw.random() < 0.5 else points[:0x3000], k=12))) for _ in range(10_000)]
    assert differences(texts, trained) == []


def test_every_code_point_between_others_is_encoded_as_tokenizers_does(trained: tokenizers.Tokenizer) -> None:
    points = [chr(point) for point in range(CODE_POINTS) if not 0xD800 <= point < 0xE000]
    texts = ["a" + "a".join(points[first : first + 100]) + " 1" for first in range(0, len(points), 100)]
    assert differences(texts, trained) == []


def test_a_text_that_spells_special_tokens_stays_text(trained: tokenizers.Tokenizer) -> None:
    encoder = encoder_of(trained)
    assert encoder is not None
    [ids] = encoder(["".join(IDS)])
    assert ids is not None
    assert min(ids.tolist()) >= len(IDS)


def test_a_piece_that_is_too_long_for_the_kernel_is_encoded_all_the_same(
    trained: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer_room, "FAST", 0)
    texts = ["the fox", "", "x" * LONGEST, "x" * (LONGEST + 1), "the mill " + "é" * LONGEST + " the hill", "the end"]
    assert encode(texts, trained) == [one.ids for one in trained.encode_batch_fast(texts, add_special_tokens=False)]


def test_batches_and_what_is_known_change_nothing(trained: tokenizers.Tokenizer, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_room, "FAST", 0)
    monkeypatch.setattr(tokenizer_room, "BATCH", 50)
    small = encode(texts, trained)
    monkeypatch.setattr(tokenizer_room, "BATCH", 1 << 20)
    assert encode(texts, trained) == small
    assert [ids.dtype.name for ids in encode_arrays(texts[:1], trained)] == ["uint32"]


def test_bytes_alone_are_encoded_and_other_kinds_are_left_to_tokenizers(texts: list[str]) -> None:
    assert differences(texts, byte.train(texts, vocab_size=262)) == []
    assert encoder_of(word.train(texts, vocab_size=300, pattern="gpt2")) is None


def test_letters_numbers_and_blanks_are_those_of_the_installed_library() -> None:
    assert FILE.read_text() == probed(), "python -m pipeline.tokens.unicode_classes writes them anew"


def test_the_alphabet_is_that_of_the_library() -> None:
    assert sorted(byte_alphabet()) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())

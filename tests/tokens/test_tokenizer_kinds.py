"""Each kind of tokenizer: the same bytes however it is trained, ids that stay, text that comes back, files that transformers reads."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from weakref import WeakSet

import pytest
import tokenizers

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError, PipelineError
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.patterns import Pattern, pattern_of
from pipeline.tokens.special import IDS, UNKNOWN
from pipeline.tokens.tokenizer import encode, load, save, unknown_id
from pipeline.tokens.training import CUT, Kind, check, train

ROOT = Path(__file__).parents[2]
WAYS: list[tuple[Any, Pattern | None]] = [(kind, pattern) for kind in CUT for pattern in get_args(Pattern)]
WAYS += [("character", None), ("byte", None)]
WITH_BYTES = {"bpe", "byte"}
ODD = "don't WE'LL  12345 x## ### <|end|> I say <|assistant|>\r\n\n\tna\u00efve "
TALK = [{"role": "user", "content": " Where is Ada?"}, {"role": "assistant", "content": "At the mill.\n"}]
every = pytest.mark.parametrize(("kind", "pattern"), WAYS)


@pytest.fixture(scope="module")
def corpus(texts: list[str]) -> list[str]:
    return [text + ODD for text in texts] + [" Where is Ada?At the mill.\n"]


def made(kind: Kind, pattern: Pattern | None, texts: list[str], vocab_size: int = 320) -> tokenizers.Tokenizer:
    return train(kind, texts, vocab_size=vocab_size, pattern=pattern, fewer=True)


@every
def test_the_same_texts_in_any_order_give_the_same_bytes(kind: Kind, pattern: Pattern | None, corpus: list[str]) -> None:
    assert made(kind, pattern, corpus[::-1]).to_str() == made(kind, pattern, corpus).to_str()


class Read(str):
    """A text whose end can be seen."""


class Stream:
    """Texts that are read anew each time, and how many were held at once."""

    def __init__(self, count: int) -> None:
        self.count, self.most, self._held = count, 0, WeakSet[Read]()

    def __iter__(self) -> Iterator[str]:
        for number in range(self.count):
            text = Read(f"the old fox met number {number} at the mill. ")
            self._held.add(text)
            self.most = max(self.most, len(self._held))
            yield text


@every
def test_a_long_text_is_not_held_while_it_is_learned_from(kind: Kind, pattern: Pattern | None) -> None:
    texts = Stream(2000)
    train(kind, texts, vocab_size=320, pattern=pattern, fewer=True)
    assert texts.most < 600  # the library takes 256 at once


def test_other_processes_and_threads_give_the_same_bytes(corpus: list[str], tmp_path: Path) -> None:
    script = """
import hashlib, json, sys
from pipeline.tokens.training import train
texts, ways = json.load(sys.stdin)
for kind, pattern in ways:
    print(kind, pattern, hashlib.sha256(train(kind, texts, vocab_size=320, pattern=pattern, fewer=True).to_str().encode()).hexdigest())
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps([corpus, WAYS]),
            env={**os.environ, "TOKENIZERS_PARALLELISM": parallel, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for parallel, threads in (("false", "1"), ("true", "3"), ("true", "2"))
    }
    assert len(said) == 1
    assert len(said.pop().splitlines()) == len(WAYS)


@every
def test_special_tokens_keep_their_ids_and_no_text_can_spell_them(kind: Kind, pattern: Pattern | None, corpus: list[str]) -> None:
    tokenizer = made(kind, pattern, corpus)
    assert {name: tokenizer.token_to_id(name) for name in IDS} == IDS
    for name in (*IDS, UNKNOWN):
        assert min(encode([f"{name} a{name}b {name}"], tokenizer)[0]) >= len(IDS)


@every
def test_what_was_trained_on_comes_back_and_a_strange_character_is_unknown(kind: Kind, pattern: Pattern | None, corpus: list[str]) -> None:
    tokenizer = made(kind, pattern, corpus)
    for text, ids in zip(corpus, encode(corpus, tokenizer), strict=True):
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
    strange = encode(["日"], tokenizer)[0]
    assert unknown_id(tokenizer) == (None if kind in WITH_BYTES else len(IDS))
    assert tokenizer.decode(strange, skip_special_tokens=False) == ("日" if kind in WITH_BYTES else UNKNOWN)


@every
def test_transformers_reads_the_folder_to_the_same_ids_and_dialogues(
    kind: Kind, pattern: Pattern | None, corpus: list[str], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    target = Tokenizer(tmp_path / "tokenizer")
    save(made(kind, pattern, corpus), target)
    ours, theirs = load(target), AutoTokenizer.from_pretrained(str(target.path))
    plain = [text.replace("<|", "") for text in corpus[:3]]  # there a special token in a text is one
    assert theirs(plain, add_special_tokens=False)["input_ids"] == encode(plain, ours)
    assert [theirs.decode(ids) for ids in encode(plain, ours)] == ours.decode_batch(encode(plain, ours), skip_special_tokens=False)
    assert kind == "word" or theirs.decode(encode(plain, ours)[0]) == plain[0]
    assert theirs.apply_chat_template(TALK, return_dict=False) == encode_chat(TALK, ours, add_generation_prompt=False)[0]
    assert (theirs.bos_token_id, theirs.pad_token_id, theirs.eos_token_id, theirs.unk_token_id) == (0, 1, 5, unknown_id(ours))


@every
def test_a_saved_tokenizer_tells_its_pattern_if_it_is_byte_level(kind: Kind, pattern: Pattern | None, corpus: list[str]) -> None:
    content = json.loads(made(kind, pattern, corpus).to_str())
    assert pattern_of(content) == {"bpe": pattern, "byte": "gpt2"}.get(kind)


@pytest.mark.parametrize(("kind", "times"), [("bpe_characters", 1), ("unigram", 1), ("wordpiece", 2)])
def test_a_size_without_room_for_the_characters_names_the_least(kind: Kind, times: int, corpus: list[str]) -> None:
    least = len(IDS) + 1 + times * len(set().union(*corpus))
    with pytest.raises(InputError) as fault:
        made(kind, "gpt2", corpus, vocab_size=20)
    assert fault.value.mend.startswith(f"tokenizer.vocab_size={least},")
    assert made(kind, "gpt2", corpus, vocab_size=least).get_vocab_size() == least


@pytest.mark.parametrize("kind", ["word", "character"])
def test_the_rarest_words_and_characters_are_unknown_where_there_is_no_room(kind: Kind) -> None:
    tokenizer = made(kind, "gpt2" if kind == "word" else None, ["a b b c c c", " d"], vocab_size=10)
    assert tokenizer.get_vocab_size() == 10
    assert tokenizer.decode(encode(["a b b c c c"], tokenizer)[0], skip_special_tokens=False) == "<|unk|> b b c c c"


def test_the_second_merge_of_low_lower_lowest_makes_low() -> None:
    merges = json.loads(made("bpe", "gpt2", ["LOW LOWER LOWEST"], vocab_size=264).to_str())["model"]["merges"]
    assert ["".join(pair) for pair in merges] == ["LO", "LOW"]


def test_unigram_gives_probability_to_what_the_text_is_made_of() -> None:
    """Three words of equal frequency, room for their three characters and for them: each has the share of the text that it is."""
    tokenizer = made("unigram", "gpt2", ["ab", "bc", "ca"] * 20, vocab_size=len(IDS) + 1 + 6)
    pieces = dict(json.loads(tokenizer.to_str())["model"]["vocab"][len(IDS) + 1 :])
    assert {name for name in pieces if len(name) == 2} == {"ab", "bc", "ca"}
    assert [pieces[name] for name in ("ab", "bc", "ca")] == pytest.approx([math.log(1 / 3)] * 3, abs=0.05)
    assert [tokenizer.id_to_token(number) for number in encode(["abca"], tokenizer)[0]] == ["ab", "ca"]


def test_a_pattern_that_is_missing_or_changes_nothing_is_refused() -> None:
    for kind, pattern, mend in (("bpe", None, "tokenizer.pattern=gpt2"), ("byte", "gpt4", "tokenizer.pattern=null")):
        with pytest.raises(PipelineError) as fault:
            check(kind, pattern)
        assert fault.value.mend == mend

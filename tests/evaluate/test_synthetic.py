"""What a model writes is drawn the same again, and sifted by rules that say how much each threw away."""

from dataclasses import replace

import numpy as np
import pytest
import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import stream
from pipeline.evaluate.synthetic import (
    Drawing,
    Sample,
    Sieve,
    circling,
    counted,
    draw,
    mean_logprobs,
    runs_of,
    sift,
    standing,
    whole_sentences,
)
from pipeline.model import disk
from pipeline.tokens.rows import open_rows
from tests.apps.taught import teach

DRAWING = Drawing(documents=6, bytes=None, tokens=80, temperature=1.0, seed=1, batch=4)
SIEVE = Sieve(characters=10, ngram=3, repeated=0.3, quantile=0.0, copied=0.5)
WORDS = "a fox went over hill and told that her red coat was at harbour while old mill stood by river bank"


def sample(text: str, logprob: float = -1.0) -> Sample:
    return Sample(text, logprob, "")


def sentence(number: int) -> str:
    return " ".join(stream(1, "sentence", number).permutation(WORDS.split())[:12]) + "."


def sifted(*samples: Sample, train: tuple[str, ...] = (), sieve: Sieve = SIEVE) -> tuple[list[str], dict[str, int]]:
    kept, thrown = sift(samples, [train], sieve)
    return [one.text for one in kept], {reason: count for reason, count in thrown.items() if count}


def test_good_texts_are_kept_in_order() -> None:
    texts = [sentence(3), sentence(1), sentence(2)]
    assert sifted(*map(sample, texts)) == (texts, {})


def test_each_reason_is_counted() -> None:
    circle = "round and round it goes " * 5
    copied = sentence(4)
    bad = [sample(text) for text in ("Too.", "\ufffd " + sentence(2), circle, sentence(1), copied)]
    kept, thrown = sifted(sample(sentence(1)), *bad, train=("x " + copied,))
    assert kept == [sentence(1)]
    assert thrown == {"empty": 1, "garbled": 1, "repeated": 2, "copied": 1}


def test_the_least_likely_share_is_thrown_away() -> None:
    samples = [sample(sentence(number), logprob) for number, logprob in enumerate((-1.0, -5.0, -2.0, -3.0))]
    assert sifted(*samples, sieve=replace(SIEVE, quantile=0.5)) == ([sentence(0), sentence(2)], {"unlikely": 2})


def test_a_copy_is_known_whatever_its_case_and_punctuation_but_not_by_words_in_common() -> None:
    text = sentence(5)
    assert sifted(sample(text), train=(text.upper().replace(" ", ", "),))[1] == {"copied": 1}
    assert sifted(sample(text), train=(" ".join(reversed(text.split())),))[1] == {}


def test_runs_are_found_in_whichever_shard_they_stand() -> None:
    runs = runs_of(sentence(1), 3)
    shards = [[sentence(6)], [], [sentence(7), sentence(1)]]
    assert np.array_equal(standing([runs], shards, n=3), np.unique(runs))
    assert len(standing([runs], [], n=3)) == 0


def test_a_text_that_goes_in_circles_repeats_its_runs() -> None:
    assert circling(runs_of(sentence(1), 5)) == 0
    assert circling(runs_of("one two three " * 10, 3)) > 0.8
    assert circling(runs_of("", 3)) == 0


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It is. And th", "It is."),
        ("He said “no.”", ""),
        ('He said "no." And', 'He said "no."'),
        ("no end", ""),
        ("3.14 is pi! ", "3.14 is pi!"),
    ],
)
def test_a_text_ends_with_its_last_whole_sentence(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole


def test_counts_tell_drawn_thrown_away_and_kept() -> None:
    assert counted([sample("abc")], {"empty": 2}) == {"drawn": 3, "empty": 2, "bytes": 3, "kept": 1}


@pytest.fixture(scope="module")
def module(models: dict[str, Model], tokens: Tokens, artifact: Tokenizer) -> PreTrainedModel:
    """One that has learned to end a sentence now and then."""
    return teach(disk.load(models["base"], device="cpu"), open_rows(tokens, "train", tokenizer_digest=artifact.digest))


def test_the_same_seed_draws_the_same_and_another_batch_too(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer) -> None:
    found = draw(module, tokenizer, [""], DRAWING)
    assert draw(module, tokenizer, [""], DRAWING) == found
    assert [one.text for one in draw(module, tokenizer, [""], replace(DRAWING, batch=2))] == [one.text for one in found]
    assert [one.text for one in draw(module, tokenizer, [""], replace(DRAWING, seed=2))] != [one.text for one in found]
    assert sum(one.text.endswith(".") for one in found) > 2


def test_a_text_goes_on_from_its_prompt_and_past_the_context(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer) -> None:
    context = module.config.max_position_embeddings
    long = replace(DRAWING, tokens=3 * context)
    found = draw(module, tokenizer, ["Ada lives. ", "the old fox told. "], long)
    assert all(one.text.startswith(one.prompt.strip()) for one in found)
    assert max(len(tokenizer.encode(one.text).ids) for one in found) > context


def test_bytes_are_a_bound(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer) -> None:
    prompts = ["Ada lives in Oakham. "]
    few = draw(module, tokenizer, prompts, replace(DRAWING, bytes=100))
    assert 0 < sum(len(one.text.encode()) for one in few) <= 100
    assert few == draw(module, tokenizer, prompts, DRAWING)[: len(few)]


def test_the_log_probability_is_that_of_the_text_after_the_beginning(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer) -> None:
    first, none = mean_logprobs(module, tokenizer, ["Ada lives in Oakham.", ""], batch=2)
    assert none == float("-inf")
    assert first < 0
    assert mean_logprobs(module, tokenizer, ["Ada lives in Oakham."], batch=1)[0] == pytest.approx(first, rel=1e-5)

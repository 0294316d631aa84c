"""The score tells good from bad, always with the same bits, and says how well it does on what it was not shown."""

import random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.text.measure.score import BUCKETS, INPUTS, Features, TrainingConfig, features, scores, train
from pipeline.text.measure.statistics import measure

TRAINING = TrainingConfig(epochs=5, learning_rate=0.1, weight_decay=1e-4)
GOOD = "the king was in his house and queen with him river morning letter old friend walked slowly garden answered"
BAD = "click here buy now best price offer free subscribe login account terms shipping discount order cart"


def seen(texts: list[str]) -> Features:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    return features(column, measure(pa.array([str(place) for place in range(len(texts))]), column, language_characters=100))


def written(pool: str, count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(pool.split(), k=chance.randrange(20, 60))) for _ in range(count)]


@pytest.fixture(scope="module")
def mixed() -> tuple[list[str], np.ndarray]:
    texts = [text for pair in zip(written(GOOD, 100, 1), written(BAD, 100, 2), strict=True) for text in pair]
    return texts, np.arange(200) % 2 == 0


def test_words_tell_good_from_bad(mixed: tuple[list[str], np.ndarray]) -> None:
    texts, good = mixed
    model, told = train(seen(texts), good, TRAINING)
    assert told == {"held_out": 40, "accuracy": 1.0, "auc": 1.0}
    fresh = scores(model, seen([*written(GOOD, 9, 3), *written(BAD, 9, 4)]))
    assert fresh[:9].min() > 0.5 > fresh[9:].max()


def test_learning_twice_gives_the_same_bits(mixed: tuple[list[str], np.ndarray]) -> None:
    texts, good = mixed
    models = [train(seen(texts), good, TRAINING)[0] for _ in range(2)]
    assert models[0].table().equals(models[1].table())


def test_noise_is_not_learned() -> None:
    texts = written(GOOD, 200, 5)
    _, told = train(seen(texts), np.random.default_rng(1).random(200) < 0.5, TRAINING)
    assert 0.3 < told["auc"] < 0.7


def test_few_bad_examples_count_as_much_as_many_good_ones() -> None:
    texts = [*written(GOOD, 190, 6), *written(BAD, 10, 7)]
    order = np.random.default_rng(2).permutation(200)
    model, _ = train(seen([texts[place] for place in order]), order < 190, TRAINING)
    assert scores(model, seen(written(BAD, 20, 8))).max() < 0.5


def test_a_score_depends_on_the_document_alone(mixed: tuple[list[str], np.ndarray]) -> None:
    texts, good = mixed
    model, _ = train(seen(texts), good, TRAINING)
    together = scores(model, seen(texts[:20]))
    assert [scores(model, seen([text]))[0] for text in texts[:20]] == together.tolist()


def test_texts_without_words_have_a_score() -> None:
    model, _ = train(seen(["", "a b", "", "c d"] * 5), np.arange(20) % 2 == 0, TRAINING)
    assert np.isfinite(scores(model, seen(["", "...", "a"]))).all()


def test_pairs_of_words_and_their_order_are_features() -> None:
    apart = seen(["one two three", "three two one"])
    first, second = (set(apart.places[apart.starts[row] : apart.starts[row + 1]].tolist()) for row in (0, 1))
    assert len(first) == len(second) == 5
    assert len(first & second) == 3
    assert max(first | second) < BUCKETS
    assert np.square(apart.values[: apart.starts[1]]).sum() == pytest.approx(1)


def test_the_table_names_each_statistic_and_each_bucket_that_weighs() -> None:
    model, _ = train(seen([*written(GOOD, 20, 1), *written(BAD, 20, 2)]), np.arange(40) < 20, TRAINING)
    table = model.table()
    assert table["feature"].to_pylist()[: len(INPUTS) + 1] == [*INPUTS, "bias"]
    assert table.num_rows == len(INPUTS) + 1 + np.count_nonzero(model.buckets)

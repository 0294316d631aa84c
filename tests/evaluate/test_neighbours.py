"""The nearest neighbours of words in the embedding."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.evaluate.kinds.neighbours import METRIC, NONE, Neighbours, nearest

TASK = Neighbours(kind="neighbours")


@pytest.fixture
def animals_and_colours(given, tmp_path):
    """Given a training text that has three animals and two colours."""
    target = Split(tmp_path / "split")
    rows = [{"id": "1", "source": "test", "text": "a dog, a cat and a fox in red or blue", "bits": None}]
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    return replace(given("base"), split=target)


def test_the_nearest_is_the_other_vector_in_the_same_direction_however_long() -> None:
    assert nearest(np.array([[1, 0], [9, 1], [0, 1], [0.1, 2], [0, 0]], dtype=np.float32))[:4] == [1, 0, 3, 2]


def test_words_whose_vectors_lie_by_category_are_all_right_and_chance_is_a_neighbour_by_lot(animals_and_colours):
    ids = {word: animals_and_colours.ids(f" {word}") for word in ("dog", "cat", "fox", "red", "blue")}
    table = torch.zeros(animals_and_colours.tokenizer.get_vocab_size(), 2)
    for word, some in ids.items():
        table[some] += torch.tensor([1.0, 0.1] if word in ("dog", "cat", "fox") else [-1.0, 0.1])
    vectors = {word: table[some].mean(0) for word, some in ids.items()}
    module = SimpleNamespace(get_input_embeddings=lambda: SimpleNamespace(weight=table))
    found = TASK.examine("neighbours", module, animals_and_colours)
    told = {one["id"]: one["nearest"] for one in found.records}
    for word, near in told.items():
        cosines = {other: float(torch.cosine_similarity(vectors[word], vectors[other], dim=0)) for other in vectors if other != word}
        assert cosines[near] == pytest.approx(max(cosines.values()), abs=1e-5)
    assert found.rows[0].estimate.value == pytest.approx(np.mean([one[METRIC] for one in found.records]))
    (chance,) = TASK.baselines("neighbours", animals_and_colours)
    assert chance.estimate.value == pytest.approx((3 * 2 + 2 * 1) / (5 * 4))


def test_a_text_without_the_words_of_the_world_is_told(given, tmp_path):
    target = Split(tmp_path / "split")
    rows = [{"id": "1", "source": "test", "text": "nothing of it", "bits": None}]
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    (one,) = TASK.examine("neighbours", SimpleNamespace(), replace(given("base"), split=target)).rows
    assert one.reason == NONE

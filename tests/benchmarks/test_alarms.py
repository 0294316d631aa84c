"""A model against itself: how often it is called different."""

import numpy as np

from benchmarks.alarms import TARGET, alarms
from pipeline.core.seed import stream
from pipeline.evaluate.differences import Points
from pipeline.model.build import build
from pipeline.model.generate import generate
from tests.tiny_shape import SHAPE


def test_a_model_is_seldom_called_different_from_itself_under_other_sampling_seeds() -> None:
    module = build(SHAPE | {"layers": 1, "context": 16}, vocabulary=64, seed=1)
    prompts = [[0, 8 + number] for number in range(40)]

    def draw(seed: int) -> Points:
        """Whether each first token is an even one; two prompts are a cluster."""
        said = generate(module, prompts, max_new=1, temperature=1.0, seed=seed, batch=40, ends=(1,))
        return {str(number): (str(number // 2), float(bool(one) and one[0] % 2 == 0)) for number, one in enumerate(said)}

    assert 0 < alarms(draw, 200) <= TARGET * 200


def test_a_sampler_whose_seed_matters_too_much_is_found_out() -> None:
    def draw(seed: int) -> Points:
        """All answers of a seed are better or worse together, as items that are no clusters."""
        rng = stream(seed, "level")
        right = rng.random(60) < rng.random()
        return {str(number): (str(number), float(one)) for number, one in enumerate(np.asarray(right).tolist())}

    assert alarms(draw, 40) > 20

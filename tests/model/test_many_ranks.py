"""Our modules under torch's other ways to share a model: data and tensor parallel together on two by two ranks, and a pipeline of four."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.model.many_ranks import RANKS, batch, learned, model, nats

BOUND = 1e-5  # relative: fp32 sums in another order


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of four ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.many_ranks", folder], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(RANKS)]


def test_data_and_tensor_parallel_together_learn_as_one_process(found: list[dict[str, Any]]) -> None:
    alone = model()
    losses = [float(one) for one in learned(alone, slice(None))]
    sums = [float(one.detach().sum()) for one in alone.parameters()]
    for one in (rank["data_and_tensor"] for rank in found):
        assert one["losses"] == pytest.approx(losses, rel=BOUND)
        assert one["sums"] == pytest.approx(sums, rel=1e-4, abs=1e-4)
        assert one["held"] < 0.45 * sum(weight.numel() for weight in alone.parameters())


def test_a_pipeline_of_four_layers_has_the_loss_and_the_slopes_of_one_process(found: list[dict[str, Any]]) -> None:
    alone, (ids, targets) = model(), batch()
    loss = nats(alone(input_ids=ids, use_cache=False).logits, targets)
    loss.backward()
    assert found[-1]["pipeline"]["loss"] == pytest.approx(float(loss.detach()), rel=BOUND)
    for layer, rank in zip(alone.model.layers, found, strict=True):
        assert rank["pipeline"]["slopes"] == pytest.approx([float(one.grad.sum()) for one in layer.parameters()], rel=1e-3, abs=1e-5)

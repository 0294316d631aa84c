"""Exactness: what a step reads and loses does not depend on how it is cut; trajectories of every optimizer are as they were.

`python -m tests.train.test_exactness` writes golden.json anew: only where a change of the numbers is meant, and said in the CHANGELOG.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.train.fit import Fitting, fit
from tests.train.conftest import CONF, MATRICES, Counting, Toy, fitting, section, workspace
from tests.train.test_loop import NOTHING

GOLDEN = Path(__file__).parent / "golden.json"
KINDS = sorted(path.stem for path in CONF.glob("*.yaml"))
STEPS = 12
BOUND = 2e-6  # relative, of a loss: fp32 sums in another order (2^-24 each), over 12 steps


class Recording(Counting):
    """Remembers the rows in the order in which they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []

    def loss(self, module, numbers: np.ndarray, device: str):
        self.read += numbers.tolist()
        return super().loss(module, numbers, device)


def recipe_of(kind: str = "muon", **changes: Any) -> Fitting:
    """Some steps of eight rows, by the values of conf/."""
    rest = {"duration": STEPS, "batch_tokens": 48, "warmup_ratio": 0.1, "log_every": 1, "eval_every": STEPS, "seed": 3}
    return fitting(**section(kind) | rest | changes)


def trajectory(kind: str = "muon", *, micro_batch: int = 8, dropout: bool = True) -> tuple[list[float], list[int]]:
    """The loss of each of some steps of a toy by the values of conf/, and the rows in the order in which they were read."""
    toy, rows = Toy(), Recording()
    toy.noise.p = toy.noise.p if dropout else 0.0
    with tempfile.TemporaryDirectory() as folder:
        trained, _ = fit(
            toy, rows, recipe_of(kind, micro_batch=micro_batch), workspace(Path(folder)), matrices=MATRICES, evaluate=NOTHING, seed=3
        )
    return [float(row["loss"]) for row in trained.history], rows.read


@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_losses_and_order_do_not_depend_on_the_micro_batch(micro_batch: int) -> None:
    """Without dropout, which draws anew for each micro-batch."""
    (small, order), (large, whole) = trajectory(micro_batch=micro_batch, dropout=False), trajectory(dropout=False)
    assert order == whole
    assert small == pytest.approx(large, rel=BOUND)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trajectory_is_as_it_was(kind: str) -> None:
    assert trajectory(kind)[0] == pytest.approx(json.loads(GOLDEN.read_text())[kind], rel=1e-6)


def write() -> None:
    """The losses by optimizer, on one thread."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {kind: trajectory(kind)[0] for kind in KINDS}
    lines = [f"  {json.dumps(kind)}: {json.dumps(losses)}" for kind, losses in found.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write()

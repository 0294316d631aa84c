"""Figures of use: memory everywhere, MFU on the GPUs whose peak is known."""

import pytest

from pipeline.train import speed
from pipeline.train.fit import fit
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, workspace
from tests.train.test_loop import NOTHING


class Costed(Counting):
    """A token costs a million operations."""

    def expect(self, numbers, device) -> None:
        return

    def flops(self, module) -> int:
        return 1_000_000


def test_the_utilisation_is_the_share_of_the_peak() -> None:
    assert speed.mfu(2e12, 1e13) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("card", "peak"),
    [("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H100 PCIe", 756e12), ("NVIDIA L40S", 362e12), ("NVIDIA L4", 121e12), ("Another", None)],
)
def test_a_card_is_known_by_a_part_of_its_name(card: str, peak: float | None) -> None:
    assert speed.peak_of(card) == peak


def test_a_step_tells_its_rates_and_memory_and_no_mfu_on_a_cpu(tmp_path) -> None:
    told: dict[str, float] = {}
    fit(Toy(), Costed(), RECIPE, workspace(tmp_path, lambda step, values: told.update(values)), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert told["flops_per_second"] == pytest.approx(1e6 * told["tokens_per_second"])
    assert 0.01 < told["peak_memory_gb"] < 1000
    assert "mfu" not in told

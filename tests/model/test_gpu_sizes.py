"""size=gpu and size=node8: what they weigh, that a step fits the card, and that docs/devices.md reckons with it."""

import re
from typing import Any

import pytest

from pipeline.model import count
from pipeline.model.build import blank
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import rows_by_lot
from stages._settings import compose, plain
from tests.conftest import ROOT

VOCABULARY = 32768  # of gigabytes of text
CARD = 80e9  # bytes of an H100
SPEED = 0.4 * 989e12  # FLOP/s that the guide reckons with
NODES = {"gpu": 1, "node8": 8}  # GPUs


def settings(size: str) -> dict[str, Any]:
    return plain(compose([f"size={size}", f"hardware={size}"]))


def row_of(size: str) -> list[float]:
    """The numbers of a size's row in the guide, M and G written out."""
    line = next(line for line in (ROOT / "docs/devices.md").read_text().splitlines() if line.startswith(f"| `{size}`"))
    cells = [cell.strip() for cell in line.split("|")[3:-1]]
    units = {"M": 1e6, "G": 1e9, "": 1.0}
    return [float(number) * units[unit] for cell in cells for number, unit in re.findall(r"^([\d.]+) ?([MG]?)$", cell)]


def test_the_gpu_model_is_of_the_124_million_class() -> None:
    assert count.parameters(blank(settings("gpu")["model"], vocabulary=50304)) == pytest.approx(124e6, rel=0.005)


@pytest.mark.parametrize("size", NODES)
def test_a_step_fits_the_card(size: str) -> None:
    own = settings(size)
    length, rows = own["tokenize"]["sequence_length"], own["pretrain"]["micro_batch"]
    module = blank(own["model"], vocabulary=VOCABULARY)
    need = NextToken(rows_by_lot(1, length=length, vocabulary=VOCABULARY), context=own["model"]["context"]).need(module)
    assert 4 * count.parameters(module) + need.once + rows * need.row < CARD


@pytest.mark.parametrize(("size", "gpus"), NODES.items())
def test_the_guide_reckons_with_what_the_size_is(size: str, gpus: int) -> None:
    own = settings(size)
    module = blank(own["model"], vocabulary=VOCABULARY)
    weights, flops, tokens, hours, loss = row_of(size)
    assert own["hardware"]["ranks"] == gpus
    assert weights == pytest.approx(count.parameters(module), rel=0.005)
    assert flops == pytest.approx(count.training_flops(module, length=own["tokenize"]["sequence_length"]), rel=0.005)
    assert hours == pytest.approx(tokens * flops / (SPEED * gpus) / 3600, rel=0.01)
    assert loss == pytest.approx(1.69 + 406.4 / weights**0.34 + 410.7 / tokens**0.28, abs=0.01)  # Hoffmann et al. 2022

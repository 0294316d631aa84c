"""A step that does not fit is refused before it begins, with the largest number of rows that would fit."""

import pytest
import torch

from pipeline.core.memory import OutOfMemory
from pipeline.model import memory
from pipeline.model.build import build
from pipeline.model.memory import Need
from pipeline.model.score import answer_logprobs
from tests.tiny_shape import SHAPE


def test_what_fits_passes_and_where_nobody_tells_all_does() -> None:
    Need(100, 10).refuse_beyond(180, rows=8, key="sft.micro_batch")
    Need(100, 10).refuse_beyond(None, rows=8_000_000, key="sft.micro_batch")


def test_the_mend_is_the_largest_part_of_the_batch_that_surely_fits() -> None:
    with pytest.raises(OutOfMemory, match="12 rows at once take about 220 MB of memory, 189 MB are free") as fault:
        Need(100_000_000, 10_000_000).refuse_beyond(189_000_000, rows=12, key="sft.micro_batch")
    assert fault.value.mend == "sft.micro_batch=3"


def test_where_not_even_one_row_fits_the_model_is_too_large() -> None:
    with pytest.raises(OutOfMemory) as fault:
        Need(100, 10).refuse_beyond(105, rows=12, key="sft.micro_batch")
    assert "smaller model" in fault.value.mend


def test_a_batch_that_is_scored_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build(SHAPE, vocabulary=270, seed=1)
    pairs = [([1, 2], [3])] * 8
    monkeypatch.setattr(memory, "free", lambda device: 3 * memory.scoring(module, tokens=3))
    with pytest.raises(OutOfMemory) as fault:
        answer_logprobs(module, pairs, batch=8)
    assert fault.value.rows == 2
    answer_logprobs(module, pairs, batch=2)


def test_free_memory_is_some_on_this_machine() -> None:
    assert memory.free("cpu") is None or memory.free("cpu") > 1 << 20  # type: ignore[operator]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_free_memory_of_a_gpu_counts_what_torch_holds_unused() -> None:
    held = torch.empty(1 << 28, device="cuda")
    before = memory.free("cuda")
    del held
    assert memory.free("cuda") == pytest.approx(before + (1 << 30), rel=0.01)  # type: ignore[operator]

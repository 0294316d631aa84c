"""The section `hardware`: what does not go together is told with what does."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from pipeline.core.errors import PipelineError
from pipeline.core.memory import OutOfMemory
from pipeline.model.memory import Need
from pipeline.pretraining import taught
from pipeline.train.phases import ALL, ranks_that_share
from stages._hardware import Hardware
from stages._settings import compose, plain, typed


def hardware(*words: str) -> Hardware:
    return typed(Hardware, plain(compose(list(words)))["hardware"], at="hardware")


def test_weights_are_dealt_to_two_ranks_or_more() -> None:
    assert hardware("hardware.ranks=2", "hardware.parallel=fsdp").parallel == "fsdp"
    with pytest.raises(PipelineError, match="ranks=2 or more, or parallel=data"):
        hardware("hardware.parallel=fsdp")


def test_ranks_follow_from_the_batch_and_the_threads_of_a_cpu(monkeypatch) -> None:
    six = partial(ranks_that_share, batch_tokens=12 * 64, micro_batch=2, length=64)
    own = hardware("hardware=cpu", "hardware.threads=4")
    assert [own.processes(six), hardware("hardware=cpu", "hardware.threads=1").processes(six)] == [3, 1]
    assert [own.threads_each(ranks=ranks) for ranks in (1, 2, 3, 8)] == [4, 2, 1, 1]
    assert hardware("hardware=cpu", "hardware.ranks=2").processes(six) == 2
    assert hardware("hardware=cpu", "hardware.nodes=2").processes(six) == 1
    halves = (replace(ALL[0], batch=(0.5,)),)
    assert ranks_that_share(6, batch_tokens=10 * 64, micro_batch=1, length=64) == 5
    assert ranks_that_share(6, batch_tokens=10 * 64, micro_batch=1, length=64, phases=halves) == 5
    assert ranks_that_share(2, batch_tokens=10 * 64, micro_batch=1, length=64, phases=halves) == 1, "five rows can't be halved"
    monkeypatch.setattr("sys.platform", "darwin")
    assert own.processes(six) == 1


def test_ranks_of_a_cpu_share_its_memory(monkeypatch) -> None:
    need, recipe, place = Need(once=100, row=100), SimpleNamespace(micro_batch=6), SimpleNamespace(device="cpu", section="pretrain")
    monkeypatch.setattr(taught.memory, "free", lambda device: 1000)
    taught._refuse_beyond_memory(need, recipe, place)
    monkeypatch.setattr(taught.processes, "here", lambda: 2)
    with pytest.raises(OutOfMemory, match="for each of 2 processes") as fault:
        taught._refuse_beyond_memory(need, recipe, place)
    assert fault.value.mend == "hardware.ranks=1"

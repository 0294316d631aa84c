"""What `make bench-gpu` asks of a GPU, tried here on the CPU at a small size."""

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu_speed import Setting, rows_of


@pytest.mark.parametrize("name", ["bf16, documents apart", "fp32, documents apart"])
def test_a_try_tells_its_speed_and_learns(name: str) -> None:
    found = gpu.attempt(name, device="cpu", small=True)
    assert found["tokens_per_second"] > 0
    assert found["loss"][1] < found["loss"][0]
    assert (found["mfu"], found["peak_memory_gb"]) == (None, None)  # of a GPU alone


def test_the_same_steps_repeated_and_resumed_give_the_same_bits() -> None:
    found = gpu.attempt("straight, repeated, resumed", device="cpu", small=True)
    assert (found["repeated_equal"], found["resumed_equal"]) == (True, True)


def test_rows_are_full_and_hold_one_document_or_some() -> None:
    for document, some in ((None, False), (10, True)):
        rows = rows_of(Setting(device="cpu", small=True, document=document))
        batch = rows.read(range(len(rows) - 1))
        assert ((batch.positions[:, 1:] == 0).any(axis=1).mean() > 0.9) == some


def test_all_tries_are_noted_also_those_that_fail_or_have_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = gpu.arguments(["--small", "--out", str(tmp_path / "found.json")])
    answers = iter([{"mfu": 0.4}, {"failed": "no memory"}])
    clock = iter([0.0, 0.0, 100.0, *[1000.0] * 9])
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    told = json.loads(gpu.all_tries(options, lambda name, options, seconds: next(answers)).read_text())
    assert [told[name] for name in gpu.TRIES][:3] == [{"mfu": 0.4}, {"failed": "no memory"}, "no time left"]
    assert (told["card"], told["small"]) == ("cpu", True)


def test_a_try_in_a_process_of_its_own_tells_how_it_failed(tmp_path: Path) -> None:
    options = gpu.arguments(["--small", "--out", str(tmp_path / "found.json")])
    assert "this CPU has no products in fp8" in gpu.start("fp8, documents apart", options, 60.0)["failed"]
    assert gpu.start("fp8, documents apart", options, 0.01) == "no time left"

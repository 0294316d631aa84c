"""Two ranks under gloo: they read the rows of a step together, lose what one process loses, and leave checkpoints that one goes on from."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import PipelineError
from pipeline.train import ranks
from pipeline.train.fit import fit
from pipeline.train.schedule import rows_of
from tests.conftest import ROOT
from tests.train.conftest import MATRICES, Counting, Toy, workspace
from tests.train.one_rank import FEW, KEPT, fitted, taught
from tests.train.test_exactness import BOUND, KINDS, STEPS, recipe_of
from tests.train.test_loop import NOTHING


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder that two ranks worked in, and what each found."""
    folder = tmp_path_factory.mktemp("pair")
    fitted(folder / "begun-alone", checkpoint_every=5, die=7, **KEPT)
    both = [
        subprocess.Popen([sys.executable, "-m", "tests.train.one_rank", str(rank), "2", str(folder)], cwd=ROOT, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    told = [process.communicate(timeout=120)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def losses(found: dict[str, Any]) -> list[float]:
    return [row["loss"] for row in found["history"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process finds, with all the rows at its hand."""
    return fitted(tmp_path_factory.mktemp("alone"))


def test_two_ranks_lose_in_each_step_what_one_process_loses(pair, alone) -> None:
    first, second = (found["straight"] for found in pair[1])
    assert losses(first) == pytest.approx(losses(alone), rel=BOUND)
    assert first["history"] == second["history"]
    assert first["weights"] == second["weights"]  # to the bit


def test_they_share_the_rows_that_one_process_reads(pair, alone) -> None:
    halves = [np.array(found["straight"]["rows"]).reshape(STEPS, 4) for found in pair[1]]
    assert np.hstack(halves).flatten().tolist() == alone["rows"]
    assert alone["rows"][:8] == rows_of(0, batch=8, rows=40, seed=3).tolist()


def test_a_checkpoint_of_two_ranks_goes_on_alone(pair, alone) -> None:
    folder, found = pair
    assert [one["killed"]["ended"] for one in found] == ["", ""]
    resumed = fitted(folder / "killed", checkpoint_every=5)
    assert len(resumed["rows"]) == (STEPS - 5) * 8
    assert losses(resumed) == pytest.approx(losses(alone), rel=BOUND)


def test_a_stop_of_one_rank_stops_all_at_the_same_step_with_one_checkpoint(pair) -> None:
    folder, found = pair
    assert all("stopped after step 4" in one["stopped"]["ended"] for one in found)
    assert [path.name for path in (folder / "stopped/checkpoints").iterdir()] == ["step-000000004"]


def test_a_duration_in_time_is_as_many_steps_on_all(pair) -> None:
    first, second = (found["timed"]["history"][-1] for found in pair[1])
    assert first == second


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adafactor"])
def test_two_ranks_with_the_weights_in_parts_lose_what_one_process_loses(kind: str, pair, tmp_path: Path) -> None:
    first, second = (found[kind] for found in pair[1])
    alone = fitted(tmp_path / "alone", kind=kind, duration=FEW)
    assert losses(first) == pytest.approx(losses(alone), rel=BOUND)
    assert np.hstack([np.array(one["rows"]).reshape(-1, 4) for one in (first, second)]).flatten().tolist() == alone["rows"]
    assert first["history"] == second["history"]
    assert first["weights"] == second["weights"]
    for name, weight in first["weights"].items():
        assert np.array(weight) == pytest.approx(np.array(alone["weights"][name]), rel=1e-4, abs=1e-6)


def test_a_language_model_in_parts_learns_reads_and_writes_as_a_whole_one(pair, tmp_path: Path) -> None:
    alone = taught(tmp_path / "alone", "data")
    for found in pair[1]:
        assert found["fsdp-model"] == pytest.approx(alone, rel=1e-4, abs=1e-5)


def test_adafactor_looks_at_whole_rows_and_refuses_parts(pair) -> None:
    assert all("Adafactor can't move weights that lie in parts" in found["adafactor"]["ended"] for found in pair[1])


def test_a_checkpoint_goes_on_from_parts_alone_and_from_alone_in_parts(pair, tmp_path: Path) -> None:
    folder, found = pair
    straight = fitted(tmp_path / "alone", **KEPT)
    taken_over = fitted(folder / "fsdp-killed", checkpoint_every=5, **KEPT)
    assert [one["fsdp-killed"]["ended"] for one in found] == ["", ""]
    for resumed in (taken_over, *(one["fsdp-begun-alone"] for one in found)):
        assert len(resumed["rows"]) < STEPS * 8
        assert losses(resumed) == pytest.approx(losses(straight), rel=BOUND)
        for name, weight in straight["weights"].items():
            assert np.array(resumed["weights"][name]) == pytest.approx(np.array(weight), rel=1e-4, abs=1e-6)


def test_alone_there_is_one_rank_that_has_all_the_rows() -> None:
    assert (ranks.rank(), ranks.world()) == (0, 1)
    assert ranks.share(np.arange(6)).tolist() == list(range(6))


@pytest.mark.parametrize(("world", "micro_batch", "mend"), [(3, 2, "pretrain.batch_tokens=36"), (4, 4, "pretrain.micro_batch=2")])
def test_a_batch_that_the_ranks_can_not_share_is_refused_with_rows_at_once_that_they_can(
    world: int, micro_batch: int, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "world", lambda: world)
    recipe, told = (
        recipe_of(micro_batch=micro_batch),
        f"batch_tokens 48 is no multiple of micro_batch {micro_batch} x length 6 x {world} ranks",
    )
    with pytest.raises(PipelineError, match=told) as fault:
        fit(Toy(), Counting(), recipe, workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert fault.value.mend == mend

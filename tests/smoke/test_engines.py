"""The text stages give the same bytes whichever engine runs them, and after a kill in the middle."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import Split
from tests.smoke.clone import Clone

pytestmark = pytest.mark.smoke
STAGES = ("corpus", "clean", "select", "dedup", "dialogues", "split")
SMALL = ("corpus.shard_bytes=40000", "hardware.workers=2")  # some shards of a small world
JOBS = ("hardware.jobs.cluster=local", "hardware.jobs.items=8")


def run_stages(clone: Clone, *overrides: str, environment: tuple[str, ...] = (), stages: tuple[str, ...] = STAGES) -> None:
    for stage in stages:
        clone.run("env", *environment, ".venv/bin/python", "-m", f"stages.{stage}", *SMALL, *overrides)


def digests(folder: Path) -> dict[str, str]:
    """What the manifests say of every file."""
    kinds = {"corpus": Corpus, "clean": Corpus, "select": Corpus, "dedup": Corpus, "split": Split}
    return {name: kind(folder / "data" / name).digest for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, dict[str, str]]:
    """A clone in which threads did the work, and the digests of what they made."""
    clone = Clone(tmp_path_factory.mktemp("engines") / "threading")
    run_stages(clone)
    assert len(Corpus(clone.folder / "data/corpus").shards) >= 4
    return clone, digests(clone.folder)


@pytest.fixture
def again(expected: tuple[Clone, dict[str, str]]) -> Clone:
    """The same clone without what was made in it; what was compiled stays."""
    clone = expected[0]
    for path in (*(clone.folder / "data" / stage for stage in STAGES), *(clone.folder / ".run" / name for name in ("memory", *STAGES))):
        shutil.rmtree(path, ignore_errors=True)
    return clone


@pytest.mark.parametrize("engine", ["loky", "dask", "submitit"])
def test_engines_on_this_machine(expected, again, engine):
    run_stages(again, f"hardware.engine={engine}", *JOBS)
    assert digests(again.folder) == expected[1]


@pytest.fixture
def two_nodes() -> Iterator[str]:
    """The address of a Ray cluster of two nodes, both on this machine."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@pytest.mark.filterwarnings("ignore")  # what Ray warns of is its own
def test_a_ray_cluster_of_two_nodes(expected, again, two_nodes):
    keys = tuple(f"{name}={value}" for name, value in os.environ.items() if name.startswith("RAY_AUTH"))  # Ray may have made some here
    run_stages(again, "hardware.engine=ray", environment=(*keys, f"RAY_ADDRESS={two_nodes}"))
    assert digests(again.folder) == expected[1]


def test_dedup_that_was_killed_goes_on_at_the_next_shard(expected, again):
    before = ("corpus", "clean", "select")
    run_stages(again, stages=before)
    command = [".venv/bin/python", "-m", "stages.dedup", *SMALL, "hardware.workers=1"]
    process = subprocess.Popen(command, cwd=again.folder, env=again.environment, start_new_session=True)
    memory = again.folder / ".run/memory/dedup"
    while process.poll() is None and len(list(memory.glob("*/*/counts.json"))) < 2:
        time.sleep(0.002)
    assert process.poll() is None, "the stage was faster than the test"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list((again.folder / ".run/dedup").iterdir()), "what was begun is there to go on from"
    assert not (again.folder / "data/dedup").exists()
    run_stages(again, stages=("dedup", "dialogues", "split"))
    assert digests(again.folder) == expected[1]

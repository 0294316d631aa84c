"""Where a benchmark runs the project: in a clone at a size of its own, or in its own process, by one worker."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from pipeline.core.parallel import parallel_map
from pipeline.core.shards import RunShards, map_shards

ROOT = Path(__file__).parents[1]


def clone(folder: Path, *, size: str) -> None:
    """What is committed, with the size as its default."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    config = folder / "conf/config.yaml"
    config.write_text(config.read_text().replace("- size: laptop", f"- size: {size}"))


def environment() -> dict[str, str]:
    """As a user's: nothing of a DVC or a test that this runs under; with this Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST"))}
    return kept | {"SCRIPTORIUM_PYTHON": sys.executable}


def one_worker(folder: Path) -> RunShards:
    """What a stage gives as run.shards: each phase in a folder of its own within this one."""
    run_map = partial(parallel_map, engine="threading", workers=1)
    return lambda phase, function, items: map_shards(function, items, folder=folder / phase, run_map=run_map)

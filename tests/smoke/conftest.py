"""One clone that has run the whole chain, for all tests of this folder."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.smoke.clone import Clone


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Clone:
    """The chain at size=smoke, from a fresh clone, by `dvc repro`. Of several workers one runs it, and the others copy what it made."""
    own, base = tmp_path_factory.mktemp("first") / "scriptorium", tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return finished(own)
    kept, made_in = base.parent / "finished", base.parent / "finished-in"  # beside the folders of the workers
    with (base.parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made_in.exists():
            return Clone.copied(kept, own, made_in=Path(made_in.read_text()))
        fresh = finished(own)
        shutil.copytree(own, kept, symlinks=True)
        made_in.write_text(str(own))
        return fresh


def finished(folder: Path) -> Clone:
    """A clone that has run."""
    fresh = Clone(folder)
    fresh.dvc("repro")
    fresh.commit("a finished run")
    return fresh

"""What is pushed to a DVC remote is pulled by a second clone, which then has nothing to compute."""

import shutil
import subprocess
import sys
from copy import copy

import pytest

pytestmark = pytest.mark.smoke


def test_a_second_clone_takes_a_run_from_a_remote_and_recomputes_nothing(clone, tmp_path):
    first, second = copy(clone), copy(clone)
    first.folder, second.folder = tmp_path / "first", tmp_path / "second"
    shutil.copytree(clone.folder, first.folder, symlinks=True)  # the others' clone has no remote
    first.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    first.dvc("push", "--run-cache")
    first.commit("a run to share")
    subprocess.run(["git", "clone", "--quiet", str(first.folder), str(second.folder)], check=True)
    (second.folder / ".venv").symlink_to(sys.prefix)
    second.dvc("pull", "--run-cache")
    assert second.reran() == set()
    assert second.run("git", "status", "--porcelain") == ""
    model = "data/align/dpo/model.safetensors"
    assert (second.folder / model).read_bytes() == (clone.folder / model).read_bytes()

"""Files and folders that are whole or absent."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.files import draft_folder, once

OTHER = """
from pathlib import Path
from pipeline.core.files import once
once(Path({folder!r}), lambda draft: [(draft / name).write_text("whole") for name in "ab"])
"""


def test_two_processes_that_fill_a_folder_at_the_same_time_leave_it_whole(tmp_path: Path) -> None:
    folder = tmp_path / "piece"

    def write(draft: Path) -> None:
        (draft / "a").write_text("whole")
        subprocess.run([sys.executable, "-c", OTHER.format(folder=str(folder))], check=True)
        (draft / "b").write_text("whole")

    assert once(folder, write) == folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "whole", "b": "whole"}
    assert [path.name for path in tmp_path.iterdir()] == ["piece"]


def test_a_folder_that_is_there_stays_and_one_that_fails_leaves_nothing(tmp_path: Path) -> None:
    once(tmp_path / "piece", lambda draft: (draft / "a").write_text("1") and None)
    once(tmp_path / "piece", lambda draft: (draft / "a").write_text("2") and None)
    assert (tmp_path / "piece" / "a").read_text() == "1"

    def broken(draft: Path) -> None:
        (draft / "a").write_text("3")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        once(tmp_path / "other", broken)
    with pytest.raises(ArithmeticError), draft_folder(tmp_path / "piece") as draft:
        broken(draft)
    assert [path.name for path in tmp_path.iterdir()] == ["piece"]
    assert (tmp_path / "piece" / "a").read_text() == "1"

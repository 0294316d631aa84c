"""A full disk is told as one, however a library reports it."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from pipeline.core.disk import full_disk

Usage = namedtuple("Usage", "total used free")


def test_the_error_of_the_system_is_found_among_the_causes(tmp_path: Path) -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "half.bin"))
        except OSError as fault:
            raise ValueError("can't write") from fault
    except ValueError as fault:
        told = full_disk(fault, tmp_path, made=tmp_path)
    assert told is not None
    assert f"no room is left on the disk of {tmp_path}" in str(told)
    assert "run again" in told.mend


def test_a_library_that_hides_it_is_seen_through_by_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = RuntimeError("unexpected pos 345536 vs 345424")
    assert full_disk(fault, tmp_path, made=tmp_path) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1, 1, 0))
    assert full_disk(fault, tmp_path / "absent", tmp_path, made=tmp_path) is not None


def test_other_errors_are_none_of_it(tmp_path: Path) -> None:
    assert full_disk(OSError(errno.EACCES, "no"), tmp_path, made=tmp_path) is None
    assert full_disk(ValueError("no space"), tmp_path / "absent", made=tmp_path) is None


def test_what_a_library_says_of_it_is_enough(tmp_path: Path) -> None:
    told = full_disk(RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), tmp_path, made=tmp_path)
    assert told is not None
    assert "on a disk" in str(told)


def test_how_much_is_needed_follows_from_what_was_made(tmp_path: Path) -> None:
    for name, size in (("small", 1_000_000), ("large", 30_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(bytes(size))
    told = full_disk(OSError(errno.ENOSPC, "No space left on device"), made=tmp_path)
    assert told is not None
    assert "a stage needs about 60 MB" in told.message
    assert "needs about" not in str(full_disk(OSError(errno.ENOSPC, "full"), made=tmp_path / "absent"))

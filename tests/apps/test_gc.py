"""`make gc`: only what no run needs goes, and only when told to."""

import fcntl
import os
import sys
import time
from pathlib import Path

import pytest

from apps import gc

OLD, NEW, HELD = "0" * 16, "1" * 16, "2" * 16


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """Unfinished work of three keys, an object of the cache that no run names, and a file of somebody else."""
    monkeypatch.chdir(tmp_path)
    for key in (OLD, NEW, HELD):
        place = tmp_path / ".run/align/dpo" / key
        place.mkdir(parents=True)
        (place / "weights").write_bytes(bytes(1000))
        if key != NEW:
            for path in (place / "weights", place):
                os.utime(path, (time.time() - 10 * 86400,) * 2)
    (tmp_path / ".run/mine.txt").write_text("not a folder of a key")
    unused = tmp_path / ".dvc/cache/files/md5/ab/cd"
    unused.parent.mkdir(parents=True)
    unused.write_bytes(bytes(2_000_000))
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(gc, "dvc_gc", lambda keeps, how: f"Removing {unused}\n" if how == "--dry" else unused.unlink() or "")
    return tmp_path


def run(monkeypatch, capsys, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["gc", *words])
    gc.main()
    return capsys.readouterr().out


def there(checkout: Path) -> set[str]:
    return {path.name for path in (checkout / ".run/align/dpo").iterdir()}


def test_what_would_go_is_shown_and_stays(checkout, monkeypatch, capsys) -> None:
    said = run(monkeypatch, capsys)
    assert OLD in said
    assert NEW not in said
    assert "2 MB" in said
    assert "nothing was removed" in said
    assert there(checkout) == {OLD, NEW, HELD}


def test_told_to_it_frees_what_lay_for_long_but_never_what_a_process_holds_or_what_is_not_of_a_run(checkout, monkeypatch, capsys) -> None:
    handle = os.open(checkout / ".run/align/dpo" / HELD, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    run(monkeypatch, capsys, "--free")
    os.close(handle)
    assert there(checkout) == {NEW, HELD}
    assert not (checkout / ".dvc/cache/files/md5/ab/cd").exists()
    assert (checkout / ".run/mine.txt").exists()


def test_all_commits_and_experiments_are_kept_unless_told(checkout, monkeypatch, capsys) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(gc, "dvc_gc", lambda keeps, how: asked.append(keeps) or "")
    run(monkeypatch, capsys)
    run(monkeypatch, capsys, "--keep", "workspace")
    assert asked == [("--workspace", "--all-commits", "--all-experiments"), ("--workspace",)]

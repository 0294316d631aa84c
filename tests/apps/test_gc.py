"""`make gc`: only what no run needs goes, and only when told to."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps import gc, held

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
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setattr(gc, "dvc", lambda *_: f"{tmp_path / '.dvc/cache'}\n")  # `dvc cache dir`
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
    """Also what a commit of another day names, whose dvc.yaml today's DVC can't read."""
    old, tried, added = (letter * 32 for letter in "abc")
    for name in (old, tried, added):
        place = checkout / ".dvc/cache/files/md5" / name[:2] / name[2:]
        place.parent.mkdir(parents=True)
        place.write_bytes(bytes(10))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for name, ref in ((old, "refs/heads/old"), (tried, "refs/exps/1/tried")):
        (checkout / "dvc.lock").write_text(f"stages:\n  corpus:\n    outs:\n    - path: data/corpus\n      md5: {name}\n")
        (checkout / "dvc.yaml").write_text("stages: {corpus: {deps: ['${gone}']}}")
        (checkout / "text.dvc").write_text(f"outs:\n- md5: {added}\n  path: text\n")
        for command in (["add", "dvc.lock", "dvc.yaml", "text.dvc"], ["commit", "--quiet", "-m", "one"], ["update-ref", ref, "HEAD"]):
            subprocess.run([*git, *command], check=True)
    for name in ("dvc.lock", "text.dvc"):
        (checkout / name).unlink()
    gone = {path.parent.name for path in gc.unused(all_runs=True)}
    assert gone.isdisjoint({"aa", "bb", "cc"})
    assert {path.parent.name for path in gc.unused(all_runs=False)} == {"ab", "aa", "bb", "cc"}


def test_a_cache_of_several_clones_is_not_touched(checkout, monkeypatch, capsys) -> None:
    monkeypatch.setattr(gc, "dvc", lambda *_: "/mnt/shared/cache\n")
    with pytest.raises(SystemExit, match=r"may be shared\n  mend: .venv/bin/dvc gc"):
        run(monkeypatch, capsys, "--free")
    assert OLD in there(checkout)


def test_nothing_goes_while_a_queue_runs(checkout, monkeypatch, capsys) -> None:
    lock = checkout / gc.QUEUE
    lock.parent.mkdir(parents=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(SystemExit, match="experiments of the queue are running"):
            run(monkeypatch, capsys, "--free")
        assert OLD in there(checkout)


def test_each_run_is_told_with_what_it_holds_and_what_no_other_does(checkout, monkeypatch, capsys) -> None:
    def stored(name: str, content: bytes) -> None:
        path = checkout / ".dvc/cache/files/md5" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def locked(*names: str) -> str:
        return "stages:\n  corpus:\n    outs:\n" + "".join(f"    - path: data/{name[:3]}\n      md5: {name}\n" for name in names)

    shared, first, second, folder = ("a" * 32, "b" * 32, "c" * 32, f"{'d' * 32}.dir")
    for name, megabytes in ((shared, 3), (first, 1), (second, 5)):
        stored(name, bytes(megabytes * 1_000_000))
    stored(folder, json.dumps([{"md5": second, "relpath": "x"}]).encode())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    (checkout / "dvc.lock").write_text(locked(shared, first))
    for command in (["add", "dvc.lock"], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    (checkout / "dvc.lock").write_text(locked(shared, folder, "e" * 32))
    lines = [line.split() for line in run(monkeypatch, capsys).splitlines()]
    assert ["workspace", "8", "MB", "5", "MB"] in lines
    assert [line[-4:] for line in lines if line[:1] == ["commit"]] == [["4", "MB", "1", "MB"]]


def test_a_project_below_its_repository_keeps_what_any_of_its_commits_names(tmp_path, monkeypatch) -> None:
    inner, (lock, deep, here) = tmp_path / "project", (letter * 32 for letter in "def")
    (inner / "far/off").mkdir(parents=True)
    monkeypatch.chdir(inner)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    Path("dvc.lock").write_text(f"stages:\n  corpus:\n    outs:\n    - md5: {lock}\n")
    Path("far/off/text.dvc").write_text(f"outs:\n- md5: {deep}\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["add", "."], ["commit", "--quiet", "-m", "one"], ["rm", "--quiet", "-r", "."], ["commit", "--quiet", "-m", "none"]):
        subprocess.run([*git, *command], check=True, cwd=inner if inner.is_dir() else tmp_path)
    (inner / "deep").mkdir(parents=True)
    monkeypatch.chdir(inner)
    Path("deep/own.dvc").write_text(f"outs:\n- md5: {here}\n")  # git does not know it
    assert held.named(Path(".dvc/cache"), all_runs=True) == {lock, deep, here}
    assert held.named(Path(".dvc/cache"), all_runs=False) == {here}

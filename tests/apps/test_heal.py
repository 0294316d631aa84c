"""What a person sees after a kill that cut dvc.lock short: one sentence, and a dvc that works and runs nothing again."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apps import heal

LOCK = "schema: '2.0'\nstages:\n" + "".join(
    f"  {name}:\n    cmd: make {name}\n    outs:\n    - path: {name}\n      hash: md5\n      md5: {name * 8}\n      size: 10\n"
    for name in ("book", "word", "data")
)
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the app in an empty folder; what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["heal", *words])
        heal.main()
        return capsys.readouterr().out

    return call


def test_a_kept_copy_heals_without_git(run: Run) -> None:
    heal.LOCK.write_text(LOCK)
    assert run("--keep") == ""
    assert run() == ""
    heal.LOCK.write_text(LOCK[:-3])
    assert run("--keep") == ""
    assert run() == "dvc.lock was cut short; restored 3 stages (2 from the file, 1 from the last whole copy)\n"
    assert heal.LOCK.read_text() == LOCK
    assert run() == ""


def test_without_a_copy_git_gives_what_was_cut(run: Run) -> None:
    heal.LOCK.write_text(LOCK)
    for words in ("init -q", "add dvc.lock", "-c user.name=a -c user.email=a@b commit -qm lock"):
        subprocess.run(["git", *words.split()], check=True)
    heal.LOCK.write_text(LOCK[:-3])
    assert run() == "dvc.lock was cut short; restored 3 stages (2 from the file, 1 from git)\n"
    assert heal.LOCK.read_text() == LOCK


def test_nothing_is_done_where_there_is_no_lock_or_another_dvc_writes_it(run: Run) -> None:
    assert run() == run("--keep") == ""
    heal.BUSY.parent.mkdir(parents=True)
    heal.LOCK.write_text(LOCK[:-3])
    with heal.BUSY.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert run() == ""
        assert heal.LOCK.read_text() == LOCK[:-3]
    assert "restored 2 stages" in run()


def test_dvc_goes_on_after_it_and_runs_nothing_again(run: Run) -> None:
    def dvc(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)

    Path("dvc.yaml").write_text(
        "stages:\n"
        "  a: {cmd: echo a > a; echo a >> ran, outs: [a]}\n"
        "  b: {cmd: cp a b; echo b >> ran, deps: [a], outs: [b]}\n"
        "  c: {cmd: cp b c; echo c >> ran, deps: [b], outs: [c]}\n"
    )
    assert dvc("init", "--no-scm").returncode == 0
    assert dvc("repro").returncode == 0
    whole = heal.LOCK.read_text()
    heal.LOCK.write_text(whole[: whole.index("ash: md5", whole.index("- path: b"))])
    stopped = dvc("repro")
    assert stopped.returncode
    assert "is invalid" in stopped.stderr
    assert run().startswith("dvc.lock was cut short; restored 1 stage (1 from the file); dvc's run cache")
    assert dvc("repro").returncode == 0
    assert heal.LOCK.read_text() == whole
    assert Path("ran").read_text() == "a\nb\nc\n"


def test_it_starts_fast() -> None:
    """It stands before every run of the chain."""
    known = subprocess.run(
        [sys.executable, "-c", "import sys, apps.heal; print(*sys.modules)"], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split()
    assert not {"dvc", "torch", "numpy", "pyarrow", "hydra"} & set(known)


@pytest.mark.parametrize("cut", ["", '{"read": {"/a": [{"pi'])
def test_a_list_of_stages_at_work_that_was_cut_short_is_put_aside(run: Run, cut: str) -> None:
    heal.AT_WORK.parent.mkdir(parents=True)
    heal.AT_WORK.write_text('{"read": {}, "write": {}}')
    assert run() == ""
    assert heal.AT_WORK.exists(), "a whole one stays"
    heal.AT_WORK.write_text(cut)
    assert "was cut short" in run()
    assert not heal.AT_WORK.exists()
    assert (heal.ASIDE / "rwlock").read_text() == cut
    assert run() == ""


def test_a_list_that_another_dvc_is_writing_is_left_alone(run: Run) -> None:
    heal.AT_WORK.parent.mkdir(parents=True)
    heal.AT_WORK.write_text("")
    heal.GUARD.touch()
    with heal.GUARD.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert run() == ""
    assert heal.AT_WORK.exists()

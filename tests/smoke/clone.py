"""A clone of the checkout in which the real `dvc repro` runs at size=smoke."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 600  # the longest command, the whole chain, takes 70 s on a quiet machine


class Clone:
    """A copy of every file that git would take, in a git repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.made_in = folder
        folder.mkdir(parents=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        for name in sorted(filter(None, listed.decode().split("\0"))):
            if (ROOT / name).is_file() and not name.startswith(("metrics", "plots/", "dvc.lock")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.edit("conf/config.yaml", "- size: laptop", "- size: smoke")
        (folder / "params.yaml").unlink()
        (folder / "plan/composed.yaml").unlink()
        (folder / ".venv").symlink_to(sys.prefix)  # what `make setup` makes
        self.run("git", "init", "--quiet")
        self.bring_up()
        self.commit("a clone")

    @classmethod
    def copied(cls, whole: Path, folder: Path, *, made_in: Path) -> "Clone":
        """A copy of a clone, with what it has run, data and cache, in the folder `made_in`."""
        shutil.copytree(whole, folder, symlinks=True)
        own = cls.__new__(cls)
        own.folder, own.made_in = folder, made_in
        return own

    @property
    def environment(self) -> dict[str, str]:
        """An unactivated shell: nothing of this test's environment but the interpreter's place."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        who = {f"GIT_{role}_{part}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        return kept | who

    def run(self, *command: str, check: bool = True) -> str:
        """The command's standard output and error together. One that hangs fails with what it said, and is killed with its children."""
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        with subprocess.Popen(command, cwd=self.folder, env=self.environment, **pipes) as process:
            try:
                said, _ = process.communicate(timeout=_PATIENCE_S)
            except BaseException as fault:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(fault, subprocess.TimeoutExpired):
                    said = process.communicate()[0][-6000:]
                    raise AssertionError(f"{' '.join(command)} did not end in {_PATIENCE_S} s:\n{said}") from None
                raise
        assert not check or process.returncode == 0, f"{' '.join(command)} ended with {process.returncode}:\n{said[-6000:]}"
        return said

    def bring_up(self) -> str:
        """params.yaml as conf/ says, which `make repro` does before DVC reads it."""
        return self.run(".venv/bin/python", "-m", "stages.plan", "--params")

    def dvc(self, *arguments: str, check: bool = True) -> str:
        """dvc by its path, as in an unactivated shell."""
        return self.run(str(Path(sys.executable).parent / "dvc"), *arguments, check=check)

    def reran(self, *arguments: str) -> set[str]:
        """The stages that ran under `dvc repro ...` or `dvc exp run ...`."""
        command = arguments if arguments[:1] == ("exp",) else ("repro", *arguments)
        return set(re.findall(r"^Running stage '([\w@]+)'", self.dvc(*command), re.MULTILINE))

    def commit(self, message: str) -> None:
        """Put everything that is not ignored into git."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place in a file where `old` stands."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def append(self, name: str, text: str) -> None:
        """Add text to the end of a file."""
        with (self.folder / name).open("a") as file:
            file.write(text)

    def repro_and_kill(self, stage: str, *, after: int, patience_s: float) -> bool:
        """`dvc repro STAGE`, killed with -9 once it has written so many checkpoints. False if the stage was faster."""
        dvc = [str(Path(sys.executable).parent / "dvc"), "repro", stage]
        process = subprocess.Popen(
            dvc, cwd=self.folder, env=self.environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        seen: set[str] = set()
        deadline = time.monotonic() + patience_s
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(FileNotFoundError):  # a draft was renamed while it was looked into
                found = (self.folder / ".run" / stage.replace("@", "/")).glob("*/**/manifest.json")
                seen |= {str(path) for path in found if ".part" not in str(path)}
            if len(seen) >= after:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False

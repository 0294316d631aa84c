"""Set-up takes the newest Python that runs, and says what to install where there is none."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

TOOLS = ("cat", "cp", "grep", "mkdir", "rm", "sh")
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) echo {minor} ;;
    *ensurepip*) exit {lacks_venv:d} ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip --version") ;;
    *) echo "{minor} $*" >> calls ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >> calls
case "$*" in venv*) mkdir -p .venv/bin && cp "$(command -v "$5")" .venv/bin/python ;; esac
"""
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"


class Machine:
    """A folder to set up in, and a PATH that holds a few tools and what a test puts on it."""

    def __init__(self, folder: Path, script: Path) -> None:
        self.folder, self.script, self.bin = folder, script, folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        (folder / "requirements.lock").write_text("numpy==2.0\ntorch==2.13.0\n")

    def has(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def has_python(self, minor: str, *, lacks_venv: bool = False) -> None:
        self.has(f"python{minor}", PYTHON.format(minor=minor, lacks_venv=lacks_venv))

    def set_up(self, python: str = "") -> subprocess.CompletedProcess[str]:
        (self.folder / "calls").unlink(missing_ok=True)
        environment = {"PATH": str(self.bin), "PYTHON": python}
        return subprocess.run(["sh", self.script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root / "apps" / "setup.sh")


def test_the_newest_python_is_taken_and_named_and_torch_comes_first(machine: Machine) -> None:
    for minor in ("3.11", "3.13", "3.12"):
        machine.has_python(minor)
    done = machine.set_up()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"setup: Python 3.13 ({machine.bin}/python3.13), packages by pip\n"
    pip = "3.13 -m pip install --quiet"
    assert machine.calls == [f"{pip} --upgrade pip", f"{pip} torch==2.13.0", f"{pip} --requirement requirements.lock"]


def test_where_a_driver_answers_what_cuda_needs_comes_with_torch(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has("nvidia-smi", "#!/bin/sh\nexit 9\n")  # installed, but no driver
    machine.set_up()
    assert machine.calls[1] == "3.12 -m pip install --quiet torch==2.13.0"
    machine.has("nvidia-smi", "#!/bin/sh\n")
    machine.set_up()
    assert machine.calls[1] == "3.12 -m pip install --quiet torch==2.13.0 --requirement requirements-cuda.lock"


def test_the_lock_for_cuda_is_of_torch_in_the_lock_and_names_no_other_place(root: Path) -> None:
    known = set(re.findall(r"^([\w.-]+)==", (root / "requirements.lock").read_text().lower(), re.M))
    lines = [line for line in (root / "requirements-cuda.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
    assert {line.split("==")[0] for line in lines}.isdisjoint(known)


def test_a_shim_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.has("python3.13", SHIM)
    machine.has_python("3.12")
    assert "Python 3.12 " in machine.set_up().stdout


def test_without_a_python_the_mend_is_told(machine: Machine) -> None:
    machine.has("python3.13", SHIM)
    machine.has_python("3.10")
    done = machine.set_up()
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"setup: none of Python [\d. ]+ runs here\n  mend: install one .*make setup PYTHON=", done.stderr)


def test_a_python_without_venv_names_the_package_that_brings_it(machine: Machine) -> None:
    machine.has_python("3.12", lacks_venv=True)
    done = machine.set_up()
    assert done.returncode == 1
    assert "mend: apt-get install python3.12-venv" in done.stderr
    assert not (machine.folder / ".venv").exists()


def test_a_named_python_is_taken_instead_of_the_newest(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has_python("3.13")
    assert "Python 3.12 " in machine.set_up("python3.12").stdout


@pytest.mark.parametrize("name", ["python3.9", "no-such-python"])
def test_a_named_python_that_can_not_be_used_is_an_error(machine: Machine, name: str) -> None:
    machine.has_python("3.9")
    machine.has_python("3.12")
    done = machine.set_up(name)
    assert done.returncode == 1
    assert f"PYTHON={name} " in done.stderr
    assert not (machine.folder / ".venv").exists()


def test_uv_is_used_where_it_is_and_needs_no_venv_of_python(machine: Machine) -> None:
    machine.has_python("3.13", lacks_venv=True)
    machine.has("uv", UV)
    done = machine.set_up()
    assert done.stdout.endswith("packages by uv\n")
    pip = "uv pip install --quiet --python .venv/bin/python"
    assert machine.calls == [
        "uv venv --quiet --seed --python python3.13 .venv",
        f"{pip} torch==2.13.0",
        f"{pip} --requirement requirements.lock",
    ]


def test_a_changed_lock_is_installed_into_the_venv_that_is_there(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.set_up()
    machine.has_python("3.13")
    (machine.folder / ".venv" / "mark").touch()
    assert "Python 3.12 (.venv/bin/python)" in machine.set_up().stdout
    assert (machine.folder / ".venv" / "mark").exists()
    assert "Python 3.13 " in machine.set_up("python3.13").stdout
    assert not (machine.folder / ".venv" / "mark").exists()


def test_a_venv_whose_making_was_stopped_is_made_anew(machine: Machine) -> None:
    machine.has_python("3.13")
    (machine.folder / ".venv" / "bin").mkdir(parents=True)
    (machine.folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.13")
    assert machine.set_up().returncode == 0
    assert len(machine.calls) == 3


def test_a_fault_of_pip_stops_the_set_up(machine: Machine) -> None:
    machine.has("python3.13", PYTHON.format(minor="3.13", lacks_venv=False).replace("    *) echo", "    *torch*) exit 7 ;;\n    *) echo"))
    assert machine.set_up().returncode == 7


def test_make_hands_its_python_on(root: Path) -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-new=requirements.lock", "setup", "PYTHON=python3.12"],
        cwd=root,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == ['PYTHON="python3.12" apps/setup.sh', "touch .venv/.ready"]


def test_set_up_the_package_and_ci_know_the_same_minors(root: Path) -> None:
    minors = re.findall(r"3\.\d+", re.search(r'^MINORS="(.*)"', (root / "apps/setup.sh").read_text(), re.M)[1])  # type: ignore[index]
    newest, oldest = minors[0], minors[-1]
    required = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">={oldest},<3.{int(newest.removeprefix('3.')) + 1}"
    ci = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == minors[::-1]

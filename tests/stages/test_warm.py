"""A stage that is forked from a process with its libraries in memory is as one of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

WARM = Path(__file__).parents[2] / "stages/_warm.py"
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or any(Path("/dev").glob("nvidia[0-9]*")), reason="stages are forked on Linux without a GPU"
)
TELLING = """
import json, os, sys
before = "pandas" in sys.modules
import pandas
print(json.dumps({"before": before, "words": sys.argv[1:], "folder": os.getcwd(), "value": os.environ.get("VALUE"),
                  "said": sys.stdin.read(),
                  "name": __name__, "path": sys.path[0], "parent": os.getppid()}))
"""
WAITING = """
import os, signal, sys, time
count = 0
def note(*_):
    global count
    count += 1
signal.signal(signal.SIGTERM, note)
print(os.getpid(), flush=True)
end = time.monotonic() + 30
while not count and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.3)
print("asked", count)
"""


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A stage by its source, of a group of processes that ends with the test."""
    group = subprocess.Popen(["sleep", "300"], process_group=0)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").write_text("HUB_OFFLINE = '0'\n")

    def run(source: str, *words: str, before: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
        (tmp_path / "stages/one.py").write_text(source)
        pipes: dict[str, Any] = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        command = [*before, sys.executable, str(WARM), "-m", "stages.one", *words]
        here = {name: value for name, value in os.environ.items() if name != "SCRIPTORIUM_WARM"}
        return subprocess.Popen(command, cwd=tmp_path, env=here | environment, text=True, process_group=group.pid, **pipes)

    yield run
    os.killpg(group.pid, signal.SIGKILL)
    group.wait()


def told(process: subprocess.Popen[str], said: str = "") -> dict[str, Any]:
    out, err = process.communicate(said, timeout=60)
    assert (process.returncode, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(process: int) -> bool:
    """Whether it ends within some seconds."""
    end = time.monotonic() + 10
    while alive(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(process)


def test_words_folder_environment_and_streams_are_those_of_who_asks(start, tmp_path) -> None:
    found = told(start(TELLING, "an entry", "key=1", VALUE="7"), said="a line")
    expected = {"words": ["an entry", "key=1"], "folder": str(tmp_path), "value": "7", "said": "a line", "name": "__main__"}
    assert {key: found[key] for key in expected} == expected
    assert found["path"] == str(tmp_path)


def test_the_second_finds_its_libraries_in_memory_and_its_own_code_as_it_stands(start) -> None:
    first, second = told(start(TELLING)), told(start(TELLING + "# edited\n"))
    assert (first["before"], second["before"]) == (False, True)
    assert first["parent"] == second["parent"]
    assert told(start(TELLING.replace('"name": __name__', '"name": "another"')))["name"] == "another"


def test_another_environment_is_served_by_another_process(start) -> None:
    first, second, third = (told(start(TELLING, **more)) for more in ({}, {"VALUE": "2"}, {"DVC_STAGE": "one"}))
    assert second["parent"] != first["parent"]
    assert third["parent"] == first["parent"]


def test_other_packages_and_other_limits_are_served_by_another_process(start, tmp_path) -> None:
    places = {"PYTHONPATH": str(tmp_path / "packages")}
    (tmp_path / "packages").mkdir()
    first = told(start(TELLING, **places))
    (tmp_path / "packages/new-1.0.dist-info").mkdir()  # as pip does
    second = told(start(TELLING, **places))
    slow = told(start(TELLING, before=["nice", "-n", "1"], **places))
    assert len({one["parent"] for one in (first, second, slow)}) == 3


def test_a_signal_that_comes_while_libraries_are_imported_is_not_lost(start, tmp_path) -> None:
    (tmp_path / "trl.py").write_text("import time\ntime.sleep(2)\n")
    (tmp_path / ".run/imports").mkdir(parents=True)
    (tmp_path / ".run/imports/stages.one.json").write_text('["trl"]')
    process = start("import time; time.sleep(20)")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == -signal.SIGTERM


def test_without_a_stream_a_stage_is_a_process_of_its_own(start) -> None:
    process = start("import os; os.write(2, str(os.getppid()).encode())", before=["sh", "-c", 'exec "$@" >&-', "sh"])
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, str(os.getpid()))


def test_without_it_a_stage_is_a_process_of_its_own(start) -> None:
    assert told(start(TELLING, SCRIPTORIUM_WARM="0"))["parent"] == os.getpid()


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2, "KeyboardInterrupt"),
        ("import atexit, sys; atexit.register(lambda: print('last', file=sys.stderr))", 0, "last\n"),
    ],
)
def test_it_ends_as_the_stage_ends(start, source: str, status: int, said: str) -> None:
    process = start(source)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert said in err


def test_a_signal_to_the_group_reaches_the_stage_once(start) -> None:
    process = start(WAITING)
    stage = int(process.stdout.readline())
    os.kill(stage, 0)
    for number in (signal.SIGTERM,):
        for member in (process.pid, stage):  # as killpg does, which would end the group's leader, too
            os.kill(member, number)
    out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == ("asked 1\n", 0)


def test_a_stage_does_not_outlive_who_asked_for_it(start) -> None:
    process = start(WAITING)
    stage = int(process.stdout.readline())
    process.kill()
    process.communicate()
    assert gone(stage)


def test_a_server_that_was_killed_is_told_and_leaves_no_stage(start) -> None:
    process = start(WAITING)
    stage = int(process.stdout.readline())
    server = int(Path(f"/proc/{stage}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 137  # of which stages/python tells more
    assert gone(stage)


def test_the_server_ends_with_its_group(start) -> None:
    server = told(start(TELLING))["parent"]
    assert alive(server)
    os.kill(os.getpgid(server), signal.SIGKILL)  # the sleeping leader, alone
    os.waitpid(os.getpgid(server), 0)
    assert gone(server)


def test_two_at_once(start) -> None:
    first, second = start(WAITING), start(WAITING)
    stages = [int(one.stdout.readline()) for one in (first, second)]
    for stage in stages:
        os.kill(stage, signal.SIGTERM)
    assert [one.communicate(timeout=60)[0] for one in (first, second)] == ["asked 1\n"] * 2

"""Work in progress survives a failure, is nobody else's, and is gone after success."""

import subprocess
import sys

import pytest

from pipeline.core.scratch import key_of, scratch_folder


def test_the_key_changes_with_each_of_its_parts():
    section, code, inputs = {"lr": 0.1}, {"a.py": "1"}, {"data/x": "2"}
    keys = {
        key_of(section, code, inputs),
        key_of({"lr": 0.2}, code, inputs),
        key_of(section, {"a.py": "2"}, inputs),
        key_of(section, code, {"data/x": "3"}),
    }
    assert len(keys) == 4


def never(folder):
    pytest.fail("nobody else is at work")


def test_what_a_failed_run_left_is_there_for_the_next(tmp_path):
    with pytest.raises(RuntimeError, match="power cut"), scratch_folder(tmp_path, "k", waits=never) as (folder, _):
        (folder / "checkpoint").write_text("half way")
        raise RuntimeError("power cut")
    with scratch_folder(tmp_path, "k", waits=never) as (folder, waited):
        assert (folder / "checkpoint").read_text() == "half way"
        assert not waited
    assert not (tmp_path / "k").exists()


FIRST = """
import sys, time
from pathlib import Path
from pipeline.core.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "k", waits=print) as (folder, _):
    (folder / "checkpoint").write_text("of the first")
    print("in", flush=True)
    time.sleep(0.5)
    if sys.argv[2] == "fails":
        raise SystemExit(1)
"""


@pytest.mark.parametrize("end", ["succeeds", "fails"])
def test_a_second_process_waits_and_is_told_for_whom(end, tmp_path):
    with subprocess.Popen([sys.executable, "-c", FIRST, str(tmp_path), end], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "in\n"
        told = []
        with scratch_folder(tmp_path, "k", waits=told.append) as (folder, waited):
            assert first.poll() is not None or first.wait() is not None
            assert (told, waited) == ([tmp_path / "k"], True)
            assert [path.name for path in folder.iterdir()] == ([] if end == "succeeds" else ["checkpoint"])
    assert not (tmp_path / "k").exists()


def test_two_keys_do_not_meet(tmp_path):
    with scratch_folder(tmp_path, "a", waits=never) as (one, _), scratch_folder(tmp_path, "b", waits=never) as (other, _):
        assert one != other


def test_a_memory_is_kept_by_its_key_and_never_shared(tmp_path):
    root = tmp_path / "memory"
    folder = f"f = memory_folder(Path({str(root)!r}), KEY, instead=Path({str(tmp_path / 'own')!r}))"
    code = f"from pathlib import Path; from pipeline.core.scratch import memory_folder; {folder}"

    def remember(key: str, then: str) -> str:
        script = code.replace("KEY", repr(key)) + f"; {then}"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    remember("a", "(f / 'known').write_text('1')")
    assert remember("a", "print((f / 'known').read_text())") == "1\n"
    assert remember("b", "print(sorted(p.name for p in f.parent.iterdir()))") == "['b']\n", "other code's results are gone"
    inner = code.replace("KEY", "'b'") + "; print(f.name)"
    assert remember("b", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)") == "own\n"

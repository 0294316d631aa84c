"""A torn dvc.lock is healed without loss, and a whole one never touched. The oracles are DVC's own writer and schema."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import dumps_yaml, loads_yaml, parse_yaml_for_update

from pipeline.core.lockfile import heal, keep, prune, whole

EMPTY = "schema: '2.0'\nstages: {}\n"


def record(path: str, md5: str, size: int = 120) -> dict[str, Any]:
    return {"path": path, "hash": "md5", "md5": md5 * 2, "size": size}


def folder(path: str, md5: str) -> dict[str, Any]:
    return {**record(path, md5), "md5": md5 * 2 + ".dir", "nfiles": 12}


STAGES: dict[str, Any] = {
    "plan": {
        "cmd": "python -m plan",
        "deps": [folder("conf", "7e85")],
        "outs": [record("plan/a.json", "9ed1"), record("plan/ü.json", "2fad")],
    },
    "read": {
        "cmd": "python -m read " + "--with a-word " * 6,  # folded over two lines
        "deps": [record("plan/a.json", "9ed1")],
        "params": {"params.yaml": {"read": {"kind": "'zwölf'", "group": None, "sources": [], "lines": "a\nb: c\n"}}},
        "outs": [folder("data/read", "d751"), record("metrics/read.json", "8bba")],
    },
    "learn@a": {
        "cmd": ["one", "two"],
        "deps": [{"path": "s3://there/x", "etag": "71ab", "size": 9}],
        "outs": [folder("data/learn/a", "f951")],
    },
    "tell": {"cmd": "python -m tell", "outs": [{**record("data/tell", "4bd8", 1234567), "isexec": True}]},
}
TEXT = dumps_yaml({"schema": "2.0", "stages": STAGES})
NAMES = list(STAGES)
STARTS = [found.start() for found in re.finditer(r"^  \S", TEXT, re.MULTILINE)]
ENDS = dict(zip(NAMES, [*STARTS[1:], len(TEXT)], strict=True))
OLDER = TEXT.replace("d751", "0000").replace("f951", "1111")  # read and learn@a ran again since
OTHER = OLDER[: ENDS["learn@a"]]  # and tell for the first time


def healed(place: Path, torn: str | bytes, copy: str | None = None, committed: str | None = None) -> tuple[str, str | None]:
    """The lock after heal, and what it said."""
    lock, kept = place / "dvc.lock", place / "copy"
    lock.write_bytes(torn.encode() if isinstance(torn, str) else torn)
    kept.unlink(missing_ok=True)
    if copy is not None:
        kept.write_text(copy)
    told = heal(lock, kept, committed)
    return lock.read_text(), told


@cache
def entries(text: str) -> dict[str, Any]:
    """The stages of a lock that DVC takes, read with its own parser."""
    content: dict[str, Any] = COMPILED_LOCKFILE_SCHEMA(loads_yaml(text))
    return dict(content["stages"])


def test_a_cut_is_seen_unless_it_follows_a_whole_record_of_an_out() -> None:
    """The rest needs an older lock to be seen, or DVC's run cache to be filled in."""
    records = {found.end() for found in re.finditer(r"^      (size|nfiles): \d+\n(?=    - path|      isexec)", TEXT, re.MULTILINE)}
    outs = {end for end in records if "outs:" in TEXT[max(start for start in STARTS if start < end) : end]}
    assert {cut for cut in range(len(TEXT) + 1) if whole(TEXT[:cut])} == {*ENDS.values(), *outs}


def test_a_cut_at_any_byte_is_healed_from_a_copy(tmp_path: Path) -> None:
    bytes_ = TEXT.encode()
    between = {len(TEXT[:end].encode()) for end in ENDS.values()}
    for cut in range(len(bytes_)):
        text, told = healed(tmp_path, bytes_[:cut], copy=TEXT)
        if cut in between:  # a shorter lock, for DVC to fill in
            assert (text, told) == (bytes_[:cut].decode(), None), cut
        else:
            assert text == TEXT, (cut, told)
            assert told
            assert "restored 4 stages" in told, (cut, told)


@pytest.mark.parametrize("copy", [OTHER, None], ids=["is older", "is missing"])
def test_no_entry_before_the_cut_is_lost(tmp_path: Path, copy: str | None) -> None:
    older = entries(copy) if copy else {}
    for cut in range(len(TEXT)):
        text, told = healed(tmp_path, TEXT[:cut], copy=copy)
        found = entries(text)
        before = {name: entry for name, entry in STAGES.items() if ENDS[name] <= cut}
        assert found == {**found, **before}, cut
        assert list(found) == [name for name in NAMES if name in found]
        if told is None:
            assert text == TEXT[:cut]
        elif TEXT[:cut].rpartition("\n")[2].strip():  # else nobody knows whether the entry before went on
            assert found == {**older, **before}, cut


def test_a_real_lock_is_healed_in_the_bytes_that_dvc_writes(tmp_path: Path, root: Path) -> None:
    real = (root / "dvc.lock").read_text()
    stages = list(entries(real))
    older = "".join(part for part in re.split(r"^(?=  \S)", real, flags=re.MULTILINE) if not part.startswith(f"  {stages[-1]}:"))
    for cut in range(211, len(real), len(real) // 7):
        alone, _ = healed(tmp_path, real[:cut])
        assert alone == dumps_yaml(parse_yaml_for_update(alone, "dvc.lock"))
        assert healed(tmp_path, real[:cut], copy=real)[0] == real
        assert healed(tmp_path, real[:cut], copy=older, committed=real)[0] == real
        assert healed(tmp_path, real[:cut], committed=real)[0] == real


def test_it_says_where_each_entry_comes_from(tmp_path: Path) -> None:
    cut = ENDS["plan"] + 5
    assert healed(tmp_path, TEXT[:cut], copy=OTHER, committed=TEXT)[1] == (
        "dvc.lock was cut short; restored 4 stages (1 from the file, 2 from the last whole copy, 1 from git)"
    )
    assert healed(tmp_path, TEXT[:cut])[1] == (
        "dvc.lock was cut short; restored 1 stage (1 from the file); dvc's run cache brings back the others that were finished"
    )


@pytest.mark.parametrize("torn", ["", "sch", "schema: '2.0'\n", TEXT[:40], "\0" * 4096])
def test_a_lock_of_which_nothing_is_left_becomes_an_empty_one(tmp_path: Path, torn: str) -> None:
    text, told = healed(tmp_path, torn)
    assert (text, entries(text)) == (EMPTY, {})
    assert told
    assert "run cache" in told
    assert healed(tmp_path, EMPTY, copy=TEXT) == (EMPTY, None)
    assert healed(tmp_path, torn, copy=TEXT)[0] == TEXT


def test_what_a_crash_left_in_the_middle_costs_that_entry_only(tmp_path: Path) -> None:
    middle = TEXT.encode().replace(b"data/read", b"data\xff\0\0\0")
    assert list(entries(healed(tmp_path, middle)[0])) == ["plan", "learn@a", "tell"]
    assert healed(tmp_path, middle, copy=TEXT)[0] == TEXT


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT[: ENDS["learn@a"]],
        TEXT.replace("9ed1", "0123"),
        TEXT.replace("schema: '2.0'", "schema: '3.0'"),
        f"{TEXT}datasets:\n- name: x\n  type: url\n",
        TEXT.replace("    - path: plan/ü", "<<<<<<< HEAD\n    - path: plan/ü"),
        f"<<<<<<< HEAD\n{TEXT[:200]}",
    ],
    ids=["whole", "checked out", "newer", "another version", "datasets", "merge", "merge above"],
)
def test_a_lock_that_no_cut_has_hurt_is_never_touched(tmp_path: Path, text: str) -> None:
    lock, copy = tmp_path / "dvc.lock", tmp_path / "copy"
    copy.write_text(TEXT)
    lock.write_text(text)
    before = lock.stat()
    assert heal(lock, copy, TEXT) is None
    assert prune(lock, lambda name: True) == []
    assert (lock.read_text(), lock.stat().st_mtime_ns, lock.stat().st_ino) == (text, before.st_mtime_ns, before.st_ino)


def test_a_shorter_last_entry_stays_where_git_has_it_so(tmp_path: Path) -> None:
    """Both end at a line's end; git's own is no cut."""
    shorter = TEXT[: TEXT.index("    - path: metrics/read.json")]
    assert healed(tmp_path, shorter, copy=TEXT)[0] == TEXT
    assert healed(tmp_path, shorter, copy=TEXT, committed=shorter) == (shorter, None)


def test_a_missing_lock_stays_missing(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text(TEXT)
    assert heal(tmp_path / "dvc.lock", tmp_path / "copy", TEXT) is None
    assert not (tmp_path / "dvc.lock").exists()


def test_only_a_whole_lock_is_kept(tmp_path: Path) -> None:
    lock, copy = tmp_path / "dvc.lock", tmp_path / ".run" / "dvc.lock"
    keep(lock, copy)
    assert not copy.exists()
    lock.write_text(OLDER)
    keep(lock, copy)
    assert copy.read_text() == OLDER
    kept = copy.stat()
    for cut in (0, 9, 200, ENDS["read"] + 2, OLDER.index("    - path: metrics/read.json"), len(OLDER) - 1):
        lock.write_text(OLDER[:cut])
        keep(lock, copy)
    lock.write_text(f"<<<<<<< HEAD\n{OLDER}")
    keep(lock, copy)
    lock.write_text(OLDER)
    keep(lock, copy)
    assert (copy.read_text(), copy.stat().st_mtime_ns) == (OLDER, kept.st_mtime_ns)
    lock.write_text(TEXT)
    keep(lock, copy)
    assert copy.read_text() == TEXT


def test_pruning_keeps_the_bytes_of_the_others(tmp_path: Path, root: Path) -> None:
    lock = tmp_path / "dvc.lock"
    real = (root / "dvc.lock").read_text()
    lock.write_text(real)
    first, *rest = entries(real)
    assert prune(lock, lambda name: name != first) == [first]
    start, end = (re.search(rf"^  {re.escape(name)}:\n", real, re.MULTILINE) for name in (first, rest[0]))
    assert start
    assert end
    assert lock.read_text() == real[: start.start()] + real[end.start() :]
    assert prune(lock, lambda name: False) == rest
    assert lock.read_text() == EMPTY


def test_pruning_leaves_a_torn_lock_and_knows_odd_names(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(TEXT[:-1])
    assert prune(lock, lambda name: name != "plan") == []
    assert lock.read_text() == TEXT[:-1]
    long = "n" * 140  # written as "? name", ": content"
    stages = {"1": STAGES["tell"], long: STAGES["read"], "yes": STAGES["plan"]}
    lock.write_text(dumps_yaml({"schema": "2.0", "stages": stages}))
    assert prune(lock, lambda name: name != long) == [long]
    assert entries(lock.read_text()) == {"1": STAGES["tell"], "yes": STAGES["plan"]}


def test_each_stage_of_ours_writes_something(root: Path) -> None:
    """So a last entry without outs is one that was cut."""
    blocks = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    silent = [name for name, block in blocks.items() if not {"outs", "metrics", "plots"} & block.get("do", block).keys()]
    assert not silent

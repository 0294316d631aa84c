"""A damaged object of DVC's cache is found, taken out, and put back where the workspace still has it whole."""

import json
from pathlib import Path

import pytest
import yaml

from pipeline.core.cache import Stored, heal_cache, md5_of, stored
from pipeline.core.errors import PipelineError

LOCK, CACHE, ASIDE, OUT = Path("dvc.lock"), Path("cache"), Path("aside"), Path("data/word")
FILES = {"deep.txt": b"one", "deep/b.txt": b"two"}  # in the order in which DVC lists them


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Stored]:
    """The objects of a folder of two files and of one file beside it, as DVC stores them, by their places."""
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (OUT / name).parent.mkdir(parents=True, exist_ok=True)
        (OUT / name).write_bytes(content)
    Path("data/one.txt").write_bytes(b"three")
    rows = [{"md5": md5_of(OUT / name), "relpath": name} for name in FILES]
    listed = json.dumps(rows, sort_keys=True).encode()
    Path("list").write_bytes(listed)
    names = {OUT: f"{md5_of(Path('list'))}.dir", Path("data/one.txt"): md5_of(Path("data/one.txt"))}
    outs = [{"path": place.as_posix(), "hash": "md5", "md5": name, "size": 1} for place, name in names.items()]
    LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"word": {"cmd": "make", "outs": outs}}}))
    for name, source in ((names[OUT], Path("list")), *((md5_of(path), path) for path in (*map(OUT.joinpath, FILES), Path("data/one.txt")))):
        path = CACHE / "files" / "md5" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    return {one.place.as_posix(): one for one in stored(LOCK, CACHE)}


def hurt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_whole_objects_are_left_alone(objects: dict[str, Stored]) -> None:
    assert set(objects) == {"data/word", "data/word/deep.txt", "data/word/deep/b.txt", "data/one.txt"}
    healed = heal_cache(objects.values(), ASIDE)
    assert (healed.checked, healed.restored, healed.lost, healed.changed) == (4, [], [], [])


@pytest.mark.parametrize("place", ["data/word", "data/word/deep/b.txt", "data/one.txt"])
def test_what_the_workspace_has_whole_goes_in_again(objects: dict[str, Stored], place: str) -> None:
    hurt(objects[place].path)
    assert [one.place.as_posix() for one in heal_cache(stored(LOCK, CACHE), ASIDE).restored] == [place]
    assert objects[place].is_whole()
    assert objects[place].path.stat().st_mode & 0o777 == 0o444
    assert heal_cache(stored(LOCK, CACHE), ASIDE).restored == []
    assert not list(CACHE.rglob(".*.part"))


def test_what_both_have_damaged_is_taken_out_of_both_and_its_stage_named(objects: dict[str, Stored]) -> None:
    one = objects["data/word/deep.txt"]
    hurt(one.path)
    one.place.unlink()
    one.place.hardlink_to(one.path)
    healed = heal_cache(stored(LOCK, CACHE), ASIDE)
    assert healed.stages == ["word"]
    assert not one.path.exists()
    assert not one.place.exists()
    assert (ASIDE / one.name).read_bytes() == b"nne"  # nothing is lost
    assert objects["data/word/deep/b.txt"].place.exists()


def test_a_file_of_the_workspace_that_was_edited_stays(objects: dict[str, Stored]) -> None:
    one = objects["data/one.txt"]
    hurt(one.path)
    one.place.write_bytes(b"my own")
    assert heal_cache(stored(LOCK, CACHE), ASIDE).stages == ["word"]
    assert one.place.read_bytes() == b"my own"
    other = objects["data/word/deep.txt"]
    before = other.place.stat().st_mtime_ns
    hurt(other.place)
    assert heal_cache(stored(LOCK, CACHE), ASIDE).changed == [other.place]
    assert other.place.stat().st_mtime_ns > before  # so that dvc looks at it again


def test_equal_files_share_an_object_and_each_is_looked_at(objects: dict[str, Stored]) -> None:
    first = objects["data/one.txt"]
    twin = Stored("two", first.name, first.path, Path("data/twin.txt"))
    twin.place.write_bytes(first.place.read_bytes())
    hurt(first.path)
    hurt(first.place)
    healed = heal_cache([first, twin], ASIDE)
    assert (healed.restored, healed.lost, healed.changed) == ([first], [], [first.place])
    assert first.is_whole()
    for path in (first.path, twin.place):
        hurt(path)
    assert heal_cache([first, twin], ASIDE).stages == ["word", "two"]
    assert not first.place.exists()
    assert not twin.place.exists()


def test_a_lock_that_is_no_yaml_is_named(objects: dict[str, Stored]) -> None:
    LOCK.write_text("<<<<<<< HEAD\n a: [\n=======\n")
    with pytest.raises(PipelineError, match=r"dvc\.lock can't be read"):
        list(stored(LOCK, CACHE))


def test_what_is_absent_is_not_damaged(objects: dict[str, Stored]) -> None:
    for one in objects.values():
        one.path.unlink()
    assert heal_cache(stored(LOCK, CACHE), ASIDE).checked == 0
    LOCK.unlink()
    assert list(stored(LOCK, CACHE)) == []

"""Where and why documents differ: each stage tells its own doing apart from what it inherited."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.report.changes import EARLIER, STAGES, Changes, Side, changes, documents
from pipeline.report.stage_files import Disk, StageFiles
from tests.apps.tiny import CLEAN, write_chain, write_corpus


def side(data: Path, *, locked: Mapping[str, str] | None = None, sure: bool = True) -> Side:
    folders = {stage: StageFiles(Disk(), str(data / stage)) for stage in STAGES}
    return Side(name=data.parent.name, folders=folders, locked=locked or {}, sure=sure)


def compared(old: Side, new: Side) -> dict[str, Changes]:
    return {change.stage: change for change in changes(old, new)}


def rewrite(data: Path, stage: str, texts: Mapping[str, str], **sides: list[dict[str, object]]) -> None:
    for left in data.glob(".*"):
        for path in sorted(left.rglob("*"), reverse=True):
            path.unlink()
        left.rmdir()
    write_corpus(data / stage, texts, sides)


@pytest.fixture
def chains(tmp_path: Path) -> tuple[Path, Path]:
    return write_chain(tmp_path / "old"), write_chain(tmp_path / "new")


def test_equal_chains_have_no_differences(chains: tuple[Path, Path]) -> None:
    assert all(change.differences.num_rows == 0 for change in compared(*map(side, chains)).values())


def test_a_stricter_rule_is_told_where_it_acts_and_inherited_after_it(chains: tuple[Path, Path]) -> None:
    kept = {name: text for name, text in CLEAN.items() if name not in ("eve-0005", "dee-0004", "fin-0006")}
    dropped = [{"id": "eve-0005", "source": "pages", "origin": "b", "text": "", "reason": "short", "value": 1.0}]
    rewrite(chains[1], "select", kept, dropped=dropped)
    rewrite(chains[1], "dedup", {name: text for name, text in kept.items() if name != "cy-0003"})
    found = compared(*map(side, chains))
    assert found["clean"].differences.num_rows == 0
    assert found["select"].reasons("removed") == [("dropped as short", 1)]
    assert found["dedup"].reasons("removed") == [(EARLIER, 1)]


def test_what_was_left_out_before_tells_why_it_was(chains: tuple[Path, Path]) -> None:
    rewrite(chains[1], "dedup", {name: text for name, text in CLEAN.items() if name not in ("dee-0004", "fin-0006")})
    assert compared(*map(side, chains))["dedup"].reasons("added") == [("was near copy", 1)]


def test_a_changed_text_counts_the_bytes_by_which_it_grew(chains: tuple[Path, Path]) -> None:
    rewrite(chains[1], "clean", CLEAN | {"bo-0002": CLEAN["bo-0002"] + "ä", "ada-0001": CLEAN["ada-0001"][:-3]})
    found = compared(*map(side, chains))["clean"]
    assert found.count("changed") == (2, 2 - 3)
    assert found.reasons("changed") == [("repaired otherwise", 2)]


def test_a_document_that_changes_its_part_is_moved(chains: tuple[Path, Path]) -> None:
    split = Split(chains[1] / "split")
    train, val, test = (split.read(part) for part in ("train", "val", "test"))
    split.write({"train": pa.concat_tables([train, val]), "val": val.slice(0, 0), "test": test}, sides={"cut": split.table("cut")})
    found = compared(*map(side, chains))["split"]
    assert found.reasons("moved") == [("from val to train", 1)]
    assert [found.count("moved", part)[0] for part in ("train", "val", "test")] == [1, 0, 0]


def test_a_cut_document_is_told_with_what_it_was_cut_against(chains: tuple[Path, Path]) -> None:
    split = Split(chains[1] / "split")
    cut = pa.Table.from_pylist([{"id": "ada-0001", "paragraph": None, "text": "x", "against": "val,test"}])
    none = pa.Table.from_pylist([], schema=TEXTS)
    split.write({"train": none, "val": split.read("val"), "test": split.read("test")}, sides={"cut": cut})
    assert compared(*map(side, chains))["split"].reasons("removed") == [("cut, for it is in val,test", 2)]


def test_a_folder_that_is_not_sure_to_be_as_locked_is_compared_by_its_manifest(chains: tuple[Path, Path]) -> None:
    rewrite(chains[1], "clean", CLEAN | {"bo-0002": "BO"})
    lock = {"clean": "0f", "corpus": "1f"}
    sure = compared(side(chains[0], locked=lock), side(chains[1], locked=lock))
    unsure = compared(side(chains[0], locked=lock), side(chains[1], locked=lock, sure=False))
    assert sure["clean"].equal
    assert not unsure["clean"].equal
    assert unsure["corpus"].equal


def test_documents_of_all_shards_are_read_in_order(chains: tuple[Path, Path]) -> None:
    assert documents(StageFiles(Disk(), str(chains[0] / "clean")), "clean")["id"].to_pylist() == list(CLEAN)

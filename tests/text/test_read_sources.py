"""Sources: where texts come from, how much of each is taken, and what is told about them."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.text.reading.shard_builder import document_id
from tests.text.reading_tools import read, read_limits, source, write_rows

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    for name in ("books/11/a.txt", "books/11/b.txt", "books/12/c.txt", "books/loose.txt", "web/x/1.txt", "web/y/2.txt", "web/y/3.md"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"text of {name}")
    return place


@pytest.fixture
def remote() -> Iterator[str]:
    """An address of a file system that is not the disk."""
    system = fsspec.filesystem("memory")
    system.pipe({"/bucket/v1/a.txt": b"first", "/bucket/v1/deep/b.jsonl": b'{"text": "second"}\n', "/bucket/v1/.hidden.txt": b"no"})
    yield "memory://bucket/v1"
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("path", "origins"),
    [
        ("books", ["11/a.txt", "11/b.txt", "12/c.txt", "loose.txt"]),
        ("books/12/c.txt", ["c.txt"]),
        ("web/*/*.txt", ["x/1.txt", "y/2.txt"]),
        ("web/**/*.md", ["y/3.md"]),
        ("*/11", ["books/11/a.txt", "books/11/b.txt"]),
        ("books/[11]*/?.txt", ["11/a.txt", "11/b.txt", "12/c.txt"]),
    ],
)
def test_a_path_is_a_folder_a_file_or_a_glob(folder: Path, path: str, origins: list[str]) -> None:
    assert read(folder, source(path=path)).origins == origins


def test_the_corpus_path_itself_may_be_a_file(folder: Path) -> None:
    assert read(folder / "web/y/3.md").origins == ["3.md"]


def test_an_address_is_read_by_fsspec(folder: Path, remote: str) -> None:
    assert read(folder, source(path=remote)).texts == ["first", "second"]
    assert read(folder, source(path=f"{remote}/**/*.jsonl")).origins == ["deep/b.jsonl:1"]
    assert read(folder, source(path=f"{remote}/a.txt")).origins == ["a.txt"]
    assert read(folder, source(path=f"file://{folder}/web")).origins == ["x/1.txt", "y/2.txt", "y/3.md"]
    for path in (f"{remote}/none/a.txt", "unheard://of", f"{remote}/none"):
        with pytest.raises(InputError):
            read(folder, source(path=path))


def test_a_folder_or_a_column_names_the_group(folder: Path) -> None:
    write_rows(folder / "rows/a.jsonl", {"text": "a", "book": "x"}, {"text": "b", "book": 7}, {"text": "c"})
    found = read(folder, source(name="books", path="books", group="folder"), source(name="rows", path="rows", group="book"))
    assert found.documents["group"].to_pylist() == ["11", "11", "12", None, "x", "7", None]
    with pytest.raises(InputError, match=r"source 'web' has group=site, but no document of it has one"):
        read(folder, source(name="web", path="web", group="site"))


def test_what_is_told_of_sources(folder: Path) -> None:
    books = source(name="books", path="books", weight=2.0, tags=("old", "long"))
    found = read(folder, books, source(name="web", path="web", synthetic=True, language="en"))
    sizes = {name: sum(file.stat().st_size for file in (folder / name).rglob("*.*")) for name in ("books", "web")}
    assert found.reading.sources == {
        "books": {"weight": 2.0, "tags": ["old", "long"], "synthetic": False, "language": None, "documents": 4, "bytes": sizes["books"]},
        "web": {"weight": 1.0, "tags": [], "synthetic": True, "language": "en", "documents": 3, "bytes": sizes["web"]},
    }
    mixture = {"documents": 3, "bytes": sizes["web"], "share": round(sizes["web"] / sum(sizes.values()), 6)}
    assert found.metrics["sources"]["web"] == {**mixture, "quarantined": 0, "capped": 0, "unread_bytes": 0}
    assert (found.metrics["documents"], found.metrics["bytes"]) == (7, sum(sizes.values()))


def test_an_id_depends_on_source_name_file_and_row_alone(folder: Path) -> None:
    write_rows(folder / "web/rows.jsonl", {"text": "a"}, {"text": "b"})
    alone = read(folder, source(name="web", path="web"))
    among = read(folder, source(name="books", path="books"), source(name="web", path="web"))
    assert among.documents.slice(4).to_pylist() == alone.documents.to_pylist()
    assert alone.documents["id"].to_pylist()[:2] == [document_id("web", "rows.jsonl", 1), document_id("web", "rows.jsonl", 2)]
    assert alone.documents["id"].to_pylist()[2] == document_id("web", "x/1.txt", None)
    assert {len(one) for one in alone.documents["id"].to_pylist()} == {16}
    assert len({document_id(name, file, row) for name in "ab" for file in ("a", "b") for row in (None, 1, 2)}) == 12


@pytest.mark.parametrize("shard", [40, 100, 1000, 1 << 20])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_cap_keeps_the_same_first_documents_whoever_reads(folder: Path, shard: int, workers: int) -> None:
    for number in range(6):
        write_rows(folder / f"rows/{number}.jsonl", *({"text": f"{number} {row} " + "x" * 16} for row in range(10)))  # 20 bytes a document
    capped = source(name="rows", path="rows", cap_bytes=509)
    found = read(folder, source(name="web", path="web"), capped, limits=read_limits(shard_bytes=shard), workers=workers)
    assert found.origins[3:] == [f"{number // 10}.jsonl:{number % 10 + 1}" for number in range(25)]
    told = found.metrics["sources"]["rows"]
    assert (told["documents"], told["bytes"]) == (25, 500)
    assert found.metrics["documents"] == len(found.texts) == 28
    assert found.reading.work.total["documents"] == 28
    assert found.reading.sources["rows"]["bytes"] == 500
    size = sum(path.stat().st_size for path in (folder / "rows").iterdir())
    assert 0 <= told["capped"] <= 35
    assert told["unread_bytes"] < size
    assert (told["capped"] < 35) == (told["unread_bytes"] > 0), "what was not read was not counted, what was read was"


def test_bad_rows_beyond_the_cap_are_told_too(folder: Path) -> None:
    write_rows(folder / "rows/a.jsonl", {"text": "a" * 10}, {"text": 1}, {"text": "b" * 10}, {"text": 2})
    found = read(folder, source(path="rows", cap_bytes=10))
    assert (found.texts, found.reasons) == (["a" * 10], ["wrong_type", "wrong_type"])
    assert found.metrics["sources"]["input"]["capped"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "/etc"}, "must lie under corpus.path"),
        ({"path": "../secret"}, "must lie under corpus.path"),
        ({"path": "hub:owner/name"}, "revision must be the 40 hex digits"),
        ({"path": "hub:owner/name", "revision": "main"}, "revision must be the 40 hex digits"),
        ({"revision": COMMIT}, "revision is only for hub:"),
        ({"subset": "en"}, "subset is only for hub:"),
        ({"weight": -1.0}, "weight=-1.0 is negative"),
        ({"weight": float("nan")}, "weight=nan is negative or not a number"),
        ({"cap_bytes": 0}, "cap_bytes=0 is not above 0"),
        ({"path": "zip://*.txt::memory://a.zip"}, "addresses with ::"),
    ],
)
def test_settings_that_can_not_be_are_told(folder: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(folder, source(**settings))


def test_a_cap_below_the_first_document_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="first document is longer than cap_bytes=3"):
        read(folder, source(cap_bytes=3))


def test_a_file_whose_name_looks_like_a_glob_is_read_by_that_name(folder: Path, remote: str) -> None:
    (folder / "web/a[1].txt").write_text("as it is named")
    (folder / "web/a1.txt").write_text("as the glob means")
    fsspec.filesystem("memory").pipe("/bucket/v1/b[1].txt", b"afar")
    assert read(folder, source(path="web/a[1].txt")).texts == ["as it is named"]
    assert read(folder, source(path=f"{remote}/b[1].txt")).texts == ["afar"]


def test_sources_have_names_of_their_own_and_share_no_file(folder: Path) -> None:
    with pytest.raises(InputError, match="the name 'a' occurs twice"):
        read(folder, source(name="a", path="web"), source(name="a", path="books"))
    with pytest.raises(InputError, match=r"web/x/1\.txt belongs to the sources 'all' and 'web'"):
        read(folder, source(name="all"), source(name="web", path="web"))


def test_a_source_that_gives_nothing_fails_though_others_give_something(folder: Path) -> None:
    (folder / "none").mkdir()
    (folder / "none/a.txt").write_text(" ")
    with pytest.raises(InputError, match="source 'none' has no documents"):
        read(folder, source(name="none", path="none"), source(name="web", path="web"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Data sets as the hub holds them, in folders: one of Parquet, with two shards of train, one of test, and a subset; one of .jsonl."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "owner" / "name"
    (place / "data").mkdir(parents=True)
    for shard in range(2):
        table = pa.table({"story": [f"{shard} {row}" for row in range(3)] + [None], "kind": ["k"] * 4})
        pq.write_table(table, place / f"data/train-{shard:05d}-of-00002.parquet")
    pq.write_table(pa.table({"story": ["held out"], "kind": ["k"]}), place / "data/test-00000-of-00001.parquet")
    write_rows(tmp_path / "owner/rows/train.jsonl", {"story": "a row", "kind": "k"})
    (place / "README.md").write_text(
        "---\nconfigs:\n- config_name: whole\n  data_files:\n  - split: train\n    path: data/train-*\n"
        "  - split: test\n    path: data/test-*\n- config_name: half\n  data_files: data/train-00001-*\n  default: true\n---\n"
    )
    return f"hub:{place}"


def test_a_data_set_of_the_hub_is_streamed_shard_by_shard(folder: Path, hub: str) -> None:
    stories = source(name="stories", path=hub, revision=COMMIT, column="story", subset="whole", group="kind")
    found = read(folder, stories)
    assert found.texts == ["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]
    assert found.origins[2:4] == ["train/00000:3", "train/00001:1"]
    assert [(row["file"], row["line"], row["reason"]) for row in found.bad] == [
        ("train/00000", 4, "null_text"),
        ("train/00001", 4, "null_text"),
    ]
    assert set(found.documents["group"].to_pylist()) == {"k"}
    assert found.metrics["files"] == {"hub": 1}
    assert read(folder, source(path=hub, revision=COMMIT, column="story", subset="whole", split="test")).texts == ["held out"]
    assert read(folder, source(path=hub, revision=COMMIT, column="story")).texts == ["1 0", "1 1", "1 2"]
    rows = hub.replace("name", "rows")
    assert read(folder, source(path=rows, revision=COMMIT, column="story")).texts == ["a row"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"column": "text"}, "has no column 'text'; its columns are story, kind"), ({"split": "none"}, "can't be loaded")],
)
def test_what_a_data_set_of_the_hub_lacks_is_told(folder: Path, hub: str, settings: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(folder, source(path=hub, revision=COMMIT, **{"column": "story", **settings}))


@pytest.mark.parametrize("key", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_a_hub_that_may_not_be_asked_is_told_with_the_variable_that_forbids_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    class OfflineModeIsEnabled(ConnectionError):
        pass

    def refuse(*args: object, **settings: object) -> None:
        try:
            raise OfflineModeIsEnabled("Cannot reach the hub")
        except ConnectionError as fault:
            raise ValueError("no such data set") from fault

    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(key, "1")
    monkeypatch.setattr("datasets.load_dataset", refuse)
    with pytest.raises(InputError, match=f"unset {key} in the environment"):
        read(folder, source(path="hub:owner/name", revision=COMMIT))


def test_the_quarantine_names_the_source(folder: Path) -> None:
    write_rows(folder / "rows/a.jsonl", {"text": 1}, {"text": "b"})
    (bad,) = read(folder, source(name="rows", path="rows"), source(name="web", path="web")).bad
    assert (bad["source"], bad["file"], bad["line"]) == ("rows", "a.jsonl", 1)


def test_documents_of_a_remote_file_are_parted_and_companions_afar_are_passed_over(folder: Path, remote: str) -> None:
    stories = "".join(f"story {number}\n<|endoftext|>\n" for number in range(60)).encode()
    fsspec.filesystem("memory").pipe({"/bucket/v1/c/stories.txt": stories, "/bucket/v1/c/README.md": b"a card"})
    found = read(folder, source(path=f"{remote}/c"), limits=read_limits(shard_bytes=200))
    assert found.texts == [f"story {number}" for number in range(60)]
    assert found.metrics["ignored_files"] == {"README.md": 1}
    assert len(found.reading.work.pieces) > 5

"""Artifacts are whole or absent, and check themselves."""

import pyarrow as pa
import pytest

from pipeline.core.artifact import tables
from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.tables import write_table
from pipeline.core.errors import ArtifactError

ROWS = pa.table({"id": ["a"], "source": ["books"], "origin": ["a.txt"], "text": ["Once."]})


@pytest.fixture
def corpus(tmp_path):
    artifact = Corpus(tmp_path / "corpus")
    artifact.write(ROWS, sides={}, texts={"world.json": "{}\n"})
    return artifact


def test_what_was_written_is_read(corpus):
    assert Corpus(corpus.path).read().to_pylist() == [row | {"group": None, "bits": None} for row in ROWS.to_pylist()]
    assert Corpus(corpus.path).facts == {"shards": 1, "documents": 1}
    assert corpus.has("world.json")
    assert not corpus.has("truth.parquet")


def test_equal_content_has_equal_digests_in_any_folder(corpus, tmp_path):
    other = Corpus(tmp_path / "elsewhere" / "corpus")
    other.write(ROWS, sides={}, texts={"world.json": "{}\n"})
    assert other.digest == corpus.digest


def test_a_failed_write_leaves_the_old_artifact_and_nothing_else(corpus, tmp_path):
    before = corpus.digest

    with pytest.raises(RuntimeError, match="power cut"), corpus.writing() as draft:
        (draft.path / "half.txt").write_text("half")
        raise RuntimeError("power cut")
    assert Corpus(corpus.path).digest == before
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_column_that_is_read_twice_is_kept_until_its_file_changes_or_others_need_the_room(corpus, monkeypatch):
    (shard,) = corpus.shards
    text = shard.kept("documents", ["text"])["text"]
    whole = shard.kept("documents")
    assert whole.equals(shard.table("documents"))
    assert whole["text"].chunk(0).buffers()[2].address == text.chunk(0).buffers()[2].address
    write_table(whole.slice(0, 0), shard.path("documents"))
    assert shard.kept("documents").num_rows == 0
    write_table(whole, shard.path("documents"))
    monkeypatch.setattr(tables, "_ROOM", 1)
    first, second = (shard.kept("documents", ["text"])["text"] for _ in range(2))
    assert first.equals(second)
    assert first.chunk(0).buffers()[2].address != second.chunk(0).buffers()[2].address


def test_a_missing_artifact_says_how_to_make_it(tmp_path):
    with pytest.raises(ArtifactError, match=r"is not there\n  mend: \.venv/bin/dvc repro corpus"):
        Corpus(tmp_path / "corpus").read()


def test_a_folder_without_a_manifest_is_not_whole(corpus):
    (corpus.path / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match=r"not whole: it has no manifest\.json"):
        Corpus(corpus.path).read()


def test_one_flipped_bit_is_found(corpus):
    path = corpus.path / "documents" / "00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"00000\.parquet is damaged"):
        Corpus(corpus.path).read()


def test_a_flipped_bit_anywhere_in_the_manifest_is_found(corpus):
    path = corpus.path / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactError, match=r"manifest\.json is damaged|expected corpus"):
            Corpus(corpus.path).read()
    path.write_bytes(whole)
    assert Corpus(corpus.path).read().num_rows == 1


def test_another_kind_is_refused(corpus):
    with pytest.raises(ArtifactError, match="is a corpus; a scores is asked for"):
        Scores(corpus.path).read()

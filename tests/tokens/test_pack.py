"""Packing: nothing lost, nothing moved, next to nothing empty."""

import random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.artifact.split import PARTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.pack import best_fit, pack_rows
from pipeline.tokens.shards import open_rows, write_rows
from pipeline.tokens.special import IDS, PAD


def test_each_document_lies_whole_and_no_two_pieces_overlap() -> None:
    draw = random.Random(3)
    documents = [[draw.randrange(6, 99) for _ in range(draw.choice([0, 1, 5, 15, 16, 17, 60]))] for _ in range(200)]
    rows, pieces = pack_rows(documents, row=16, dtype=np.uint16)
    taken = np.zeros(rows.shape, dtype=int)
    for number, ids in enumerate(documents):
        mine = [piece for piece in pieces if piece.document == number]
        laid = [token for piece in mine for token in rows[piece.row, piece.column : piece.column + piece.tokens]]
        assert laid == ([0, *ids] if ids else [])
        for piece in mine:
            taken[piece.row, piece.column : piece.column + piece.tokens] += 1
    assert taken.max() == 1
    assert (rows[taken == 0] == IDS[PAD]).all()


def test_a_document_that_fits_a_row_is_never_cut() -> None:
    draw = random.Random(4)
    lengths = [draw.randrange(1, 33) for _ in range(500)]
    assert [piece.tokens for piece in best_fit(lengths, row=32)] == lengths


def test_many_short_documents_fill_nearly_every_place() -> None:
    draw = random.Random(5)
    lengths = [draw.randrange(1, 400) for _ in range(2000)]
    rows = 1 + max(piece.row for piece in best_fit(lengths, row=128))
    assert sum(lengths) / (rows * 128) > 0.995


def test_reading_gives_back_the_documents_and_the_facts(split: Split, artifact: Tokenizer, texts: list[str], tokenizer, tmp_path) -> None:
    target = Tokens(tmp_path / "tokens")
    facts = write_rows(split, artifact, target, sequence_length=32)
    val = open_rows(target, "val", tokenizer_digest=artifact.digest)
    assert [tokenizer.decode(ids[1:].tolist()) for ids in val.documents()] == texts[24:28]
    assert facts["val"]["bytes"] == sum(len(text.encode()) for text in texts[24:28])
    assert facts["val"]["bits"] == 8.0 * (24 + 25 + 26 + 27)
    lengths = sorted(ids.size for ids in val.documents())
    assert facts["val"]["document_tokens"] == {"50": lengths[1], "90": lengths[3], "95": lengths[3], "99": lengths[3]}
    assert val.rows.dtype == np.uint16


def test_tokens_are_counted_by_license_where_the_text_carries_them(split: Split, artifact: Tokenizer, tmp_path) -> None:
    plain = write_rows(split, artifact, Tokens(tmp_path / "plain"), sequence_length=32)
    parts = {part: split.read(part) for part in PARTS}
    for part, table in parts.items():
        names = [("MIT", "CC0-1.0", None)[place % 3] for place in range(table.num_rows)]
        parts[part] = table.append_column("license", pa.array(names, pa.string()))
    (licensed := Split(tmp_path / "licensed")).write(parts, sides={})
    facts = write_rows(licensed, artifact, Tokens(tmp_path / "tokens"), sequence_length=32)
    found = facts["train"].pop("licenses")
    assert facts == plain
    assert list(found) == ["CC0-1.0", "MIT", "unknown"]
    assert {kind: sum(one[kind] for one in found.values()) for kind in ("documents", "bytes", "tokens")} == {
        kind: facts["train"][kind] for kind in ("documents", "bytes", "tokens")
    }
    assert found["MIT"]["bytes"] == sum(len(text.encode()) for text in parts["train"]["text"].to_pylist()[::3])


def test_padding_and_the_first_token_of_a_piece_are_never_predicted(split: Split, artifact: Tokenizer, tmp_path) -> None:
    write_rows(split, artifact, Tokens(tmp_path / "tokens"), sequence_length=64)
    rows = open_rows(Tokens(tmp_path / "tokens"), "train", tokenizer_digest=artifact.digest)
    assert (rows.labels[rows.rows == IDS[PAD]] == IGNORE_INDEX).all()
    counted = int((rows.labels != IGNORE_INDEX).sum())
    assert counted == rows.facts["tokens"] - len(rows.pieces)
    assert (rows.labels[rows.labels != IGNORE_INDEX] == rows.rows[rows.labels != IGNORE_INDEX]).all()


def test_rows_of_another_tokenizer_are_refused_with_the_mend(split: Split, artifact: Tokenizer, tmp_path) -> None:
    target = Tokens(tmp_path / "tokens")
    write_rows(split, artifact, target, sequence_length=32)
    with pytest.raises(ArtifactError, match="dvc repro tokens"):
        open_rows(target, "train", tokenizer_digest="0" * 64)


def test_the_same_split_gives_the_same_bytes(split: Split, artifact: Tokenizer, tmp_path) -> None:
    for name in ("first", "second"):
        write_rows(split, artifact, Tokens(tmp_path / name), sequence_length=32)
    assert Tokens(tmp_path / "first").digest == Tokens(tmp_path / "second").digest


def test_an_empty_part_gives_no_rows() -> None:
    rows, pieces = pack_rows([], row=8, dtype=np.uint16)
    assert rows.shape == (0, 8)
    assert pieces == []

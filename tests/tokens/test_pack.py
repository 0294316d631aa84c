"""Packing: nothing lost, nothing moved, next to nothing empty; and what each token predicts."""

import math
import random
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, TEXTS, Split
from pipeline.core.artifact.tables import shard_name, write_table
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError
from pipeline.core.parallel import parallel_map
from pipeline.core.shards import map_shards
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.pack import Layout, Packing, Stream, lay
from pipeline.tokens.rows import Rows, open_rows
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.special import ENDOFTEXT, IDS, PAD

BEST_FIT = PackingSettings(sequence_length=32, packing="best_fit", shard_tokens=1 << 20)
BEGIN = IDS[ENDOFTEXT]


def documents(seed: int, lengths: list[int], count: int = 200) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(6, 99) for _ in range(draw.choice(lengths))] for _ in range(count)]


def rows_of(found: list[list[int]], *, row: int, packing: Packing, shards: int = 1) -> Rows:
    """Rows of these documents in so many shards."""
    size = math.ceil(len(found) / shards)
    streams = [Stream.of(found[at : at + size], np.uint16) for at in range(0, len(found), size)]
    return Rows(row, [(stream, lay(stream.starts, row=row, packing=packing)) for stream in streams], {})


def starts_of(lengths: list[int]) -> np.ndarray:
    return np.cumsum([0, *lengths])


def taken(layout: Layout) -> np.ndarray:
    """How often each token of the stream lies in a row."""
    found = np.zeros(int(layout.runs.sum(1).max()), np.int64)
    for start, size in layout.runs:
        found[start : start + size] += 1
    return found


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
@pytest.mark.parametrize("shards", [1, 4])
def test_each_token_lies_in_one_row_and_predicts_the_next_of_its_document_or_its_end(packing: Packing, shards: int) -> None:
    found = documents(3, [0, 1, 5, 15, 16, 17, 60])
    rows = rows_of(found, row=16, packing=packing, shards=shards)
    batch = rows.read(np.arange(len(rows)))
    real = batch.targets != IGNORE_INDEX
    assert (batch.ids[~real] == IDS[PAD]).all()
    assert real.sum() == sum(len(ids) + 1 for ids in found if ids)
    pairs = sorted(zip(batch.ids[real].tolist(), batch.targets[real].tolist(), strict=True))
    begun = [[BEGIN, *ids, BEGIN] for ids in found if ids]
    assert pairs == sorted(pair for ids in begun for pair in pairwise(ids))
    assert [ids.tolist() for ids in rows.documents()] == [ids[:-1] for ids in begun]


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
def test_positions_begin_anew_with_each_run(packing: Packing) -> None:
    rows = rows_of(documents(4, [3, 9, 40]), row=16, packing=packing)
    batch = rows.read(np.arange(len(rows)))
    begins = batch.ids == BEGIN
    assert (batch.positions[begins] == 0).all()
    assert (batch.positions[:, 0] == 0).all()
    steps = np.diff(batch.positions, axis=1)
    inside = batch.targets[:, 1:] != IGNORE_INDEX
    assert set(steps[inside & (batch.positions[:, 1:] > 0)]) == {1}


def test_rows_are_read_in_the_order_asked_for_across_shards() -> None:
    rows = rows_of(documents(5, [7, 30, 31]), row=16, packing="best_fit", shards=3)
    numbers = np.random.default_rng(2).permutation(len(rows))
    every = rows.read(np.arange(len(rows)))
    some = rows.read(numbers)
    for field in ("ids", "targets", "positions"):
        assert (getattr(some, field) == getattr(every, field)[numbers]).all()


def test_the_rows_of_a_document_are_found(tmp_path) -> None:
    found = documents(6, [0, 5, 16, 60], count=60)
    rows = rows_of(found, row=16, packing="best_fit", shards=2)
    for number, ids in enumerate(found):
        mine = rows.read(rows.rows_of(number)).ids
        assert len(mine) == (len(ids) + 16) // 16 if ids else len(mine) == 0
        if ids:
            assert set(ids) <= set(mine.ravel().tolist())
            assert rows.sizes[number] == len(ids) + 1


def test_a_document_that_fits_a_row_is_never_cut() -> None:
    draw = random.Random(4)
    lengths = [draw.randrange(1, 33) for _ in range(500)]
    layout = lay(starts_of(lengths), row=32, packing="best_fit")
    assert sorted(layout.runs[:, 1]) == sorted(lengths)
    assert taken(layout).max() == 1


def test_no_row_holds_more_than_it_has_room_for() -> None:
    draw = random.Random(6)
    layout = lay(starts_of([draw.randrange(0, 90) for _ in range(800)]), row=32, packing="best_fit")
    filled = np.add.reduceat(layout.runs[:, 1], layout.rows[:-1])
    assert filled.max() <= 32
    assert filled.min() > 0


def test_many_short_documents_fill_nearly_every_place() -> None:
    draw = random.Random(5)
    lengths = [draw.randrange(1, 400) for _ in range(2000)]
    rows = len(lay(starts_of(lengths), row=128, packing="best_fit").rows) - 1
    assert sum(lengths) / (rows * 128) > 0.999


def test_best_fit_takes_the_row_with_the_least_room_that_is_enough() -> None:
    layout = lay(starts_of([6, 5, 3, 4]), row=8, packing="best_fit")
    assert np.split(layout.runs[:, 1], layout.rows[1:-1])[0].tolist() == [6]
    assert [run.tolist() for run in np.split(layout.runs[:, 1], layout.rows[1:-1])[1:]] == [[5, 3], [4]]


def test_concat_leaves_room_in_the_last_row_alone() -> None:
    layout = lay(starts_of([5, 0, 11, 30]), row=16, packing="concat")
    assert [run.tolist() for run in np.split(layout.runs, layout.rows[1:-1])] == [[[0, 5], [5, 11]], [[16, 16]], [[32, 14]]]


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
def test_no_documents_give_no_rows(packing: Packing) -> None:
    rows = rows_of([[]], row=8, packing=packing)
    assert len(rows) == 0
    assert rows.read([]).ids.shape == (0, 8)
    assert list(rows.documents()) == []


def test_a_row_that_predicts_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="predicts nothing"):
        lay(starts_of([3]), row=1, packing="best_fit")


def write(
    split: Split, tokenizer: Tokenizer, folder, settings: PackingSettings = BEST_FIT, *, scores: Corpus | None = None, **engine
) -> tuple[Tokens, dict]:
    run_map = partial(parallel_map, **({"engine": "threading", "workers": 1} | engine))
    run_shards = lambda phase, function, items: map_shards(function, items, folder=folder / "work" / phase, run_map=run_map)  # noqa: E731
    target = Tokens(folder / "tokens")
    return target, write_rows(split, tokenizer, target, settings, run_shards, scores=scores)


def test_reading_gives_back_the_documents_and_the_facts(split: Split, artifact: Tokenizer, texts: list[str], tokenizer, tmp_path) -> None:
    target, facts = write(split, artifact, tmp_path)
    val = open_rows(target, "val", tokenizer_digest=artifact.digest)
    assert [tokenizer.decode(ids[1:].tolist()) for ids in val.documents()] == texts[24:28]
    assert facts["val"]["bytes"] == sum(len(text.encode()) for text in texts[24:28])
    assert facts["val"]["bits"] == 8.0 * (24 + 25 + 26 + 27)
    lengths = sorted(ids.size for ids in val.documents())
    assert facts["val"]["document_tokens"] == {"50": lengths[1], "90": lengths[3], "95": lengths[3], "99": lengths[3]}
    assert facts["val"]["rows"] == len(val)
    assert val.shards[0][0].tokens.dtype == np.uint16


def test_tokens_are_counted_by_license_where_the_text_carries_them(split: Split, artifact: Tokenizer, tmp_path) -> None:
    _, plain = write(split, artifact, tmp_path / "plain")
    parts = {part: split.read(part) for part in PARTS}
    for part, table in parts.items():
        names = [("MIT", "CC0-1.0", None)[place % 3] for place in range(table.num_rows)]
        parts[part] = table.append_column("license", pa.array(names, pa.string()))
    (licensed := Split(tmp_path / "licensed")).write(parts, sides={})
    _, facts = write(licensed, artifact, tmp_path)
    found = facts["train"].pop("licenses")
    assert facts == plain
    assert list(found) == ["CC0-1.0", "MIT", "unknown"]
    assert {kind: sum(one[kind] for one in found.values()) for kind in ("documents", "bytes", "tokens")} == {
        kind: facts["train"][kind] for kind in ("documents", "bytes", "tokens")
    }
    assert found["MIT"]["bytes"] == sum(len(text.encode()) for text in parts["train"]["text"].to_pylist()[::3])


def test_each_text_carries_the_score_of_its_document(split: Split, artifact: Tokenizer, tmp_path) -> None:
    parts = {part: split.read(part) for part in PARTS}
    books = [f"book{place // 3}" for place in range(parts["train"].num_rows)]  # cut in three
    parts["train"] = parts["train"].set_column(parts["train"].column_names.index("book"), "book", pa.array(books))
    (cut := Split(tmp_path / "cut")).write(parts, sides={})
    known = {f"book{number}": number / 10 for number in range(1, 6)}  # of book0 none
    with (scores := Corpus(tmp_path / "scores")).writing() as draft:
        Corpus.write_shard(draft, {"scores": pa.table({"id": list(known), "score": list(known.values())})})
    tokens, _ = write(cut, artifact, tmp_path, scores=scores)
    found = open_rows(tokens, "train", tokenizer_digest=artifact.digest).shards[0][0].scores
    assert found.tolist() == pytest.approx([known.get(book, float("nan")) for book in books], nan_ok=True)
    assert not open_rows(tokens, "val", tokenizer_digest=artifact.digest).scored
    plain, _ = write(cut, artifact, tmp_path / "plain")
    assert not open_rows(plain, "train", tokenizer_digest=artifact.digest).scored


def test_rows_of_another_tokenizer_are_refused_with_the_mend(split: Split, artifact: Tokenizer, tmp_path) -> None:
    target, _ = write(split, artifact, tmp_path)
    with pytest.raises(ArtifactError, match="dvc repro tokens"):
        open_rows(target, "train", tokenizer_digest="0" * 64)


@pytest.fixture
def sharded(texts: list[str], tmp_path) -> Split:
    """The split in five shards of text."""
    target = Split(tmp_path / "sharded")
    rows = [{"id": str(n), "source": "test", "text": one, "bits": 8.0 * n} for n, one in enumerate(texts)]
    with target.writing() as draft:
        for part in PARTS:
            (draft.path / part).mkdir()
            for number in range(5):
                some = rows[number::5] if part == "train" else []
                write_table(pa.Table.from_pylist(some, schema=TEXTS), draft.path / shard_name(part, number))
        draft.facts["shards"] = 5
    return target


def test_any_number_of_workers_and_a_second_run_give_the_same_bytes(sharded: Split, artifact: Tokenizer, tmp_path) -> None:
    settings = PackingSettings(sequence_length=32, packing="best_fit", shard_tokens=1500)
    first, facts = write(sharded, artifact, tmp_path / "one", settings)
    second, _ = write(sharded, artifact, tmp_path / "two", settings, engine="loky", workers=2)
    assert first.digest == second.digest
    assert 1 < facts["train"]["shards"] < 5
    assert facts["train"]["shards"] == len(open_rows(first, "train", tokenizer_digest=artifact.digest).shards)
    whole, _ = write(sharded, artifact, tmp_path / "whole")
    one, many = (open_rows(tokens, "train", tokenizer_digest=artifact.digest) for tokens in (whole, first))
    assert [ids.tolist() for ids in one.documents()] == [ids.tolist() for ids in many.documents()]


SIZES = [3, 9, 40, 5, 17]


def scored(*, packing: Packing = "best_fit", shards: int = 2, scores: list[float] | None = None) -> Rows:
    """200 documents, the number of each as its tokens, and scores that fall with the number."""
    lengths = random.Random(6).choices(SIZES, k=200)
    found = [[number + 6] * size for number, size in enumerate(lengths)]
    rows = rows_of(found, row=16, packing=packing, shards=shards)
    own = np.array(scores if scores is not None else [1 - number / 200 for number in range(200)], np.float32)
    parts = np.split(own, np.cumsum([len(stream.starts) - 1 for stream, _ in rows.shards])[:-1])
    shards_ = [(replace(stream, scores=part), layout) for (stream, layout), part in zip(rows.shards, parts, strict=True)]
    return Rows(16, shards_, {"packing": packing})


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
def test_a_view_holds_the_documents_with_the_highest_scores_that_make_up_the_share(packing: Packing) -> None:
    rows = scored(packing=packing)
    best = rows.view(best=0.1, length=None).read(np.arange(len(rows.view(best=0.1, length=None))))
    held = sorted({int(token) - 6 for token in best.ids[best.targets != IGNORE_INDEX] if token != BEGIN})
    assert held == list(range(len(held)))
    read, total = rows.sizes[: len(held)].sum(), rows.sizes.sum()
    assert read >= 0.1 * total > read - rows.sizes[len(held) - 1], "one less would not make it up"
    assert (best.targets != IGNORE_INDEX).sum() == read, "each token once"


@pytest.mark.parametrize("packing", ["best_fit", "concat"])
@pytest.mark.parametrize("length", [8, 40, None])
def test_a_view_of_all_is_the_same_stream_in_rows_of_another_length(packing: Packing, length: int | None) -> None:
    rows = scored(packing=packing)
    other = rows.view(best=1.0, length=length)
    direct = Rows(length or 16, [(stream, lay(stream.starts, row=length or 16, packing=packing)) for stream, _ in rows.shards], {})
    assert len(other) == len(direct)
    mine, theirs = other.read(range(len(other))), direct.read(range(len(direct)))
    assert all((vars(mine)[name] == vars(theirs)[name]).all() for name in vars(mine))


def test_documents_without_a_score_come_last_and_without_any_there_is_no_choice() -> None:
    known = [float("nan")] * 100 + [0.5] * 100
    batch = scored(scores=known).view(best=0.2, length=None)
    ids = batch.read(np.arange(len(batch))).ids
    assert ids[ids >= 6].min() >= 106
    with pytest.raises(ValueError, match="no document has a score"):
        scored(scores=[float("nan")] * 200).view(best=0.2, length=None)


def test_concat_of_some_documents_cuts_them_as_if_the_others_were_not_there() -> None:
    lengths, kept = [5, 7, 0, 9, 4], np.array([True, False, True, True, False])
    few = lay(starts_of(lengths), row=4, packing="concat", kept=kept)
    assert few.runs.tolist() == [[0, 4], [4, 1], [12, 3], [15, 4], [19, 2]]
    assert few.rows.tolist() == [0, 1, 3, 4, 5]

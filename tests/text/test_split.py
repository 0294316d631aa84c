"""Parts that stay: whatever else is in the corpus, what hangs together falls on one side."""

import random
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.hold_out import HoldOut
from pipeline.text.splitting.assignment import assign_parts
from pipeline.text.splitting.components import component_names, connected_components
from pipeline.text.splitting.few import deal_by_size
from tests.text.split_corpus import corpus, document, parts_of

POOLS: list[pa.MemoryPool] = []  # Arrow's threads give some memory back late: to a pool that is gone by then, the process would crash


def test_adding_a_document_moves_no_other_between_splits(tmp_path) -> None:
    few = parts_of(corpus(tmp_path / "few", [document(f"d{number}") for number in range(100)]))
    many = parts_of(corpus(tmp_path / "many", [document(f"d{number}") for number in range(150)], shards=4))
    assert few.items() <= many.items()


def test_a_later_copy_of_a_document_moves_nothing_whichever_of_the_two_is_kept(tmp_path) -> None:
    before = [document(f"d{number:03d}") for number in range(60)]
    alone = parts_of(corpus(tmp_path / "before", before))
    copies = {f"e{number:03d}": f"e{number:03d}" for number in range(60)}  # the copy is kept: the cluster has its name
    after = corpus(tmp_path / "after", [document(name) for name in copies], cluster=copies | {f"d{name[1:]}": name for name in copies})
    assert list(parts_of(after).values()) == list(alone.values())


def test_documents_of_a_group_and_copies_across_groups_hang_together(tmp_path) -> None:
    rows = [document(f"{group}{number}", group=f"g{group}") for group in range(40) for number in range(3)]
    whole = corpus(tmp_path / "whole", rows)
    linked = {f"{group}2": f"{group - 1}2" for group in range(1, 40, 2)}  # dropped copies bind groups 0 and 1, 2 and 3, ...
    kept = corpus(tmp_path / "kept", [row for row in rows if row["id"] not in linked], cluster=linked)
    parts = parts_of(kept, whole=whole)
    by_pair = {}
    for identity, part in parts.items():
        by_pair.setdefault(int(identity[:-1]) // 2, set()).add(part)
    assert all(len(found) == 1 for found in by_pair.values())
    assert len(set(parts.values())) == 3


def test_a_new_page_of_a_site_follows_the_site(tmp_path) -> None:
    rows = [document(f"d{number}", group=f"g{number % 30}") for number in range(90)]
    before = parts_of(corpus(tmp_path / "before", rows))
    after = parts_of(corpus(tmp_path / "after", [document(f"a{number}", group=f"g{number}") for number in range(30)] + rows))
    assert before.items() <= after.items()
    assert all(after[f"a{number}"] == after[f"d{number}"] for number in range(30))


@pytest.mark.parametrize("shards", [1, 3])
def test_what_hangs_together_is_found_as_by_search(shards: int) -> None:
    dice = random.Random(3)
    for _ in range(20):
        rows = [(f"d{number:02d}", f"c{dice.randrange(25)}", dice.choice([None, f"g{dice.randrange(12)}"])) for number in range(40)]
        dice.shuffle(rows)
        grouped = [(row[0], row[2]) for row in rows if row[2]] + [("dropped before dedup", "g1"), ("too", "a lone group")]
        clusters, groups = in_shards([row[:2] for row in rows], "cluster", shards), in_shards(grouped, "group", shards)
        components = connected_components(lambda tables=clusters: tables, lambda tables=groups: tables)
        names = {}
        for numbers, some in component_names(components, lambda tables=clusters: tables, lambda tables=groups: tables):
            assert not names.keys() & set(numbers.tolist()), "each set is named once"
            names |= dict(zip(numbers.tolist(), some.to_pylist(), strict=True))
        assert names.keys() == set(range(components.count))
        of = components.of(pa.chunked_array([[row[0] for row in rows]])).tolist()
        assert [names[number] for number in of] == [_searched(rows, row) for row in rows]
        assert components.of(pa.chunked_array([["too", "d99"]])).tolist() == [-1, -1]


def in_shards(rows: list[tuple], column: str, shards: int) -> list[pa.Table]:
    schema = pa.schema([("id", pa.string()), (column, pa.string())])
    return [pa.Table.from_pylist([{"id": row[0], column: row[1]} for row in rows[turn::shards]], schema=schema) for turn in range(shards)]


def _searched(rows: list[tuple[str, str, str | None]], row: tuple[str, str, str | None]) -> str:
    """The identity of a row's set, by adding neighbours until there are no more."""
    found = {row}
    while more := {other for other in rows for one in found if other[1] == one[1] or (other[2] and other[2] == one[2])} - found:
        found |= more
    return min({one[2] for one in found if one[2]} or {one[0] for one in found})


def test_dealing_holds_few_bytes_a_document_beyond_the_shards_in_work(tmp_path) -> None:
    _, few, many = (most_held(corpus_of_pairs(tmp_path / str(count), count)) for count in (500, 2_000, 6_000))
    assert (many - few) / 4_000 < 100, "bytes; the ids and groups of all would be four times as many"


def corpus_of_pairs(path: Path, count: int) -> Corpus:
    """Documents in shards of 250, each of them with a copy, and in a group with another that is far away."""
    rows = [document(f"crawl/part-00001.jsonl#{row:07d}", group=f"site-{row % (count // 2):07d}.example.org") for row in range(count)]
    return corpus(path, rows, shards=count // 250, cluster={row["id"]: rows[place - place % 2]["id"] for place, row in enumerate(rows)})


def most_held(made: Corpus) -> int:
    """The bytes that dealing holds at most, of numpy, Python and Arrow."""
    before = pa.default_memory_pool()
    POOLS.append(pool := pa.proxy_memory_pool(before))
    pa.set_memory_pool(pool)
    assert made.shards  # which checks the files
    tracemalloc.start()
    try:
        assign_parts(made, made, HoldOut(val=0.1, test=0.1, seed=1))
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


def test_the_shares_are_met() -> None:
    parts = [HoldOut(val=0.05, test=0.1, seed=3).part_of(f"d{number}") for number in range(20_000)]
    assert parts.count("val") / 20_000 == pytest.approx(0.05, abs=0.006)
    assert parts.count("test") / 20_000 == pytest.approx(0.1, abs=0.009)


@pytest.mark.parametrize("count", [3, 4, 5, 12])
def test_few_documents_are_dealt_by_size_so_that_no_part_is_empty(tmp_path, count: int) -> None:
    rows = [document(name, text=name * (1000 if name == "a" else 100)) for name in "abcdefghijkl"[:count]]
    made, told = corpus(tmp_path, rows), list[str]()
    assigned, by = assign_parts(made, made, HoldOut(val=0.01, test=0.01, seed=1), tell=told.append)
    parts = parts_of(made, val=0.01, test=0.01)
    assert by == "size"
    assert len(told) == 1
    assert set(parts.values()) == {0, 1, 2}
    assert parts["a"] == 0
    assert Counter(parts.values()) == {0: count - 2, 1: 1, 2: 1}
    assert [one.documents(["id"])["book"].to_pylist() for one in assigned] == [[row["id"] for row in rows]]


def test_units_are_held_out_by_how_near_their_size_is_to_the_share() -> None:
    assert deal_by_size([500, 10, 380, 60, 50], val=0.06, test=0.05).tolist() == [0, 0, 0, 1, 2]
    assert deal_by_size([1, 1, 1], val=0.05, test=0.05).tolist().count(0) == 1
    many = deal_by_size([10] * 100, val=0.1, test=0.2)
    assert [many.tolist().count(part) for part in range(3)] == [70, 10, 20]


@pytest.mark.parametrize("rows", [["a"], ["a", "b"]])
def test_fewer_than_three_documents_are_cut_into_spans(tmp_path, rows: list[str]) -> None:
    texts = {name: "\n\n".join(f"{name} {place} {'x' * 20}" for place in range(100)) for name in rows}
    made = corpus(tmp_path, [document(name, text=text, bits=[float(place) for place in range(100)]) for name, text in texts.items()])
    assigned, by = assign_parts(made, made, HoldOut(val=0.05, test=0.1, seed=1))
    assert by == "spans"
    table = assigned[0].documents(["id", "source", "text", "bits"])
    for name, text in texts.items():
        spans = [row for row in table.to_pylist() if row["book"] == name]
        assert [row["id"] for row in spans] == [name, f"{name}#val", f"{name}#test"]
        assert "\n\n".join(row["text"] for row in spans) == text
        assert [len(row["bits"]) for row in spans] == [85, 5, 10]
    assert table.filter(assigned[0].mask("test"))["id"].to_pylist() == [f"{name}#test" for name in rows]


@pytest.mark.parametrize("shards", [1, 3])
def test_the_chunks_of_one_text_are_cut_as_the_text(tmp_path, shards: int) -> None:
    """Shard by shard they stand in order, as reading leaves them."""
    ids, size = [f"c{number:02d}" for number in range(12)], 12 // shards
    rows = [
        document(name, "\n\n".join(f"{name} {place}" for place in range(10)), group="g", origin=f"a.txt@{number}")
        for number, name in enumerate(ids)
    ]
    dealt = [rows[turn * size + place] for place in range(size) for turn in range(shards)]
    made = corpus(tmp_path, dealt, shards=shards)
    assigned, by = assign_parts(made, made, HoldOut(val=0.15, test=0.25, seed=1))
    assert by == "spans"
    spans = [(row["id"], code) for one in assigned for row, code in zip(one.documents(["id"]).to_pylist(), one.parts.tolist(), strict=True)]
    whole = [(name, 0) for name in ids[:7]]
    assert spans == [*whole, ("c07", 0), ("c07#val", 1), ("c08", 1), ("c09", 2), ("c10", 2), ("c11", 2)]
    texts = [text for one in assigned for text in one.documents(["text"])["text"].to_pylist()]
    assert "\n\n".join(texts) == "\n\n".join(row["text"] for row in rows)


def test_the_chunks_of_a_text_stay_together_while_there_are_others(tmp_path) -> None:
    rows = [document(f"c{number}", group="long", origin=f"a.txt@{number}") for number in range(20)]
    rows += [document(f"d{number}") for number in range(100)]
    parts = parts_of(corpus(tmp_path, rows))
    assert len({parts[f"c{number}"] for number in range(20)}) == 1
    assert set(parts.values()) == {0, 1, 2}


def test_a_document_without_text_fills_no_part(tmp_path) -> None:
    rows = [document("a", text="1\n\n2\n\n3"), document("b", text=""), document("c", text="")]
    made = corpus(tmp_path, rows)
    (shard,), by = assign_parts(made, made, HoldOut(val=0.3, test=0.3, seed=1))
    assert by == "spans"
    assert shard.parts.tolist() == [0, 1, 2, 0, 0]


def test_a_group_of_two_and_one_more_are_cut_too(tmp_path) -> None:
    rows = [document("a", group="g", text="1\n\n2\n\n3"), document("b", group="g"), document("c")]
    made = corpus(tmp_path, rows)
    (shard,), by = assign_parts(made, made, HoldOut(val=0.3, test=0.3, seed=1))
    assert by == "spans"
    assert dict(zip(shard.documents(["id"])["id"].to_pylist(), shard.parts.tolist(), strict=True)) == {
        "a": 0,
        "a#val": 1,
        "a#test": 2,
        "b": 0,
        "c": 0,
    }


def test_two_documents_of_one_paragraph_can_not_be_split(tmp_path) -> None:
    with pytest.raises(PipelineError, match="too little for train, val and test") as fault:
        parts_of(corpus(tmp_path, [document("a"), document("b")]))
    assert "add text" in fault.value.mend


def test_shares_that_leave_no_train_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"val 0\.5 and test 0\.5 leave nothing for train"):
        HoldOut(val=0.5, test=0.5, seed=1)


def test_a_document_that_no_cluster_names_is_an_error(tmp_path) -> None:
    made = corpus(tmp_path, [document(name) for name in "abc"], cluster={"b": None, "c": None})
    with pytest.raises(ArtifactError, match="2 documents without a cluster"):
        parts_of(made)
    with pytest.raises(ArtifactError, match="1 documents without a cluster"):
        parts_of(corpus(tmp_path / "none", [document("a")], cluster={"a": None}))


def test_a_corpus_without_documents_can_not_be_split(tmp_path) -> None:
    with pytest.raises(PipelineError, match="holds 0 documents"):
        parts_of(corpus(tmp_path, []))

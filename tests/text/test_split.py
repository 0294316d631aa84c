"""Parts that stay: whatever else is in the corpus, what hangs together falls on one side."""

import random
from collections import Counter

import pyarrow as pa
import pytest

from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.text.parting.split import identities, part_of
from tests.text.split_corpus import corpus, document, parts_of


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


def test_what_hangs_together_is_found_as_by_search() -> None:
    dice = random.Random(3)
    for _ in range(20):
        rows = [(f"d{number:02d}", f"c{dice.randrange(25)}", dice.choice([None, f"g{dice.randrange(12)}"])) for number in range(40)]
        dice.shuffle(rows)
        clusters = pa.table({"id": [row[0] for row in rows], "cluster": [row[1] for row in rows]})
        grouped = [(row[0], row[2]) for row in rows if row[2]] + [("dropped before dedup", "g1"), ("too", "a lone group")]
        groups = pa.table({"id": [identity for identity, _ in grouped], "group": [group for _, group in grouped]})
        names, of = identities(clusters, groups)
        assert [names[number].as_py() for number in of.tolist()] == [_searched(rows, row) for row in rows]


def _searched(rows: list[tuple[str, str, str | None]], row: tuple[str, str, str | None]) -> str:
    """The identity of a row's set, by adding neighbours until there are no more."""
    found = {row}
    while more := {other for other in rows for one in found if other[1] == one[1] or (other[2] and other[2] == one[2])} - found:
        found |= more
    return min({one[2] for one in found if one[2]} or {one[0] for one in found})


def test_the_shares_are_met() -> None:
    parts = [part_of(f"d{number}", val=0.05, test=0.1, seed=3) for number in range(20_000)]
    assert parts.count("val") / 20_000 == pytest.approx(0.05, abs=0.006)
    assert parts.count("test") / 20_000 == pytest.approx(0.1, abs=0.009)


def test_an_empty_part_is_an_error_whose_mend_works(tmp_path) -> None:
    made = corpus(tmp_path, [document(name) for name in "abcd"])
    with pytest.raises(PipelineError, match="fell into") as fault:
        parts_of(made, val=0.01, test=0.01)
    seed = int(fault.value.mend.split("split.seed=")[1].split(",")[0])
    assert Counter(parts_of(made, val=0.01, test=0.01, seed=seed)).keys() == set("abcd")
    assert set(parts_of(made, val=0.01, test=0.01, seed=seed).values()) == {0, 1, 2}


def test_two_sets_of_documents_can_not_be_split(tmp_path) -> None:
    made = corpus(tmp_path, [document("a", group="g"), document("b", group="g"), document("c")])
    with pytest.raises(PipelineError, match="fell into") as fault:
        parts_of(made, val=0.3, test=0.3)
    assert "add documents" in fault.value.mend


def test_shares_that_leave_no_train_are_an_error(tmp_path) -> None:
    with pytest.raises(PipelineError, match="leave no train"):
        parts_of(corpus(tmp_path, [document("a")]), val=0.5, test=0.5)


def test_a_document_that_no_cluster_names_is_an_error(tmp_path) -> None:
    made = corpus(tmp_path, [document(name) for name in "abc"])
    table = pa.table({"id": ["a"], "cluster": ["a"]})
    made.__dict__["table"] = lambda name, columns: table
    with pytest.raises(ArtifactError, match="2 documents that its clusters don't name"):
        parts_of(made)

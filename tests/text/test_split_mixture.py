"""Sources stand in train as often as their weights say."""

import pytest

from pipeline.text.splitting.mixture import mixture_metrics, repetitions, sampling_weights
from tests.text.split_corpus import document, written

REST = {"val": [document("v", source="web")], "test": [document("t", source="own")]}


def facts(weight: float, **more) -> dict:
    return {"weight": weight, "tags": [], "synthetic": False} | more


def test_a_document_stands_as_often_as_its_weight_and_once_more_by_chance() -> None:
    assert [repetitions("a", weight, 1) for weight in (0, 1, 3)] == [0, 1, 3]
    counts = [repetitions(f"d{number}", 2.3, 1) for number in range(4000)]
    assert set(counts) == {2, 3}
    assert sum(counts) / 4000 == pytest.approx(2.3, abs=0.03)


def test_a_greater_weight_takes_no_document_away() -> None:
    assert all(repetitions(f"d{number}", 0.2, 1) <= repetitions(f"d{number}", 0.6, 1) for number in range(500))


def test_weights_change_train_alone_and_copies_follow_when_all_have_had_their_turn(tmp_path) -> None:
    rows = [document("a", source="web"), document("b", source="own"), document("c", source="none"), document("d", source="web")]
    sources = {"web": facts(2), "own": facts(1), "none": facts(0)}
    done = written(tmp_path, REST | {"train": rows}, sources=sources)
    assert [(row["id"], row["book"]) for row in done.rows("train")] == [("a", "a"), ("b", "b"), ("d", "d"), ("a*2", "a"), ("d*2", "d")]
    assert list(done.texts("val")) == ["v"]
    assert done.told["mixture"]["left_out"] == 1
    assert done.told["mixture"]["sources"]["web"] == {"documents": 4, "bytes": 4, "share": 0.8}
    assert done.told["train"]["documents"] == 5


def test_all_pieces_of_a_book_stand_equally_often(tmp_path) -> None:
    rows = [document(f"d{number}", "x" * 50 + "\n\n" + "y" * 60, source="web") for number in range(40)]
    done = written(tmp_path, REST | {"train": rows}, sources={"web": facts(1.5)}, max_characters=100)
    by_book = {row["book"]: [other["id"] for other in done.rows("train") if other["book"] == row["book"]] for row in done.rows("train")}
    assert {tuple(one.removeprefix(book) for one in ids) for book, ids in by_book.items()} == {("#0", "#1"), ("#0", "#1", "#0*2", "#1*2")}


def test_the_mixture_tells_shares_of_tags_and_of_what_a_model_wrote() -> None:
    found = {"b": {"documents": 1, "bytes": 30}, "a": {"documents": 2, "bytes": 10}}
    sources = {"a": facts(2, tags=["news", "new"]), "b": facts(1, tags=["news"], synthetic=True)}
    assert sampling_weights(sources) == {"a": 2.0}
    assert mixture_metrics(found, sources) == {
        "sources": {"a": {"documents": 2, "bytes": 10, "share": 0.25}, "b": {"documents": 1, "bytes": 30, "share": 0.75}},
        "tags": {"new": 0.25, "news": 1.0},
        "synthetic": 0.75,
    }

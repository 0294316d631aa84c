"""What was planted to leak is compared with what was cut."""

import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.truth.split import leaking
from tests.text.split_corpus import document, written

ASKED = '"Where does Ada live?" asked Bo.'
QUOTED = "He read: three blind mice ran home."
REST = {"val": [document("v", ASKED)], "test": [document("t")]}
ITEMS = {"dialogues": ["Where does Ada live?", "Who is Cy to Di?"], "mice": ["Three blind mice ran home"]}


def told(tmp_path, leaks: dict[str, list[str]], train: list[dict], **settings) -> dict:
    table = pa.table(
        {"id": list(leaks), "leaks": list(leaks.values())}, schema=pa.schema([("id", pa.string()), ("leaks", pa.list_(pa.string()))])
    )
    known = Corpus(tmp_path / "corpus")
    known.write(pa.Table.from_pylist([document("x")]), sides={"truth": table}, texts={})
    return leaking(known, written(tmp_path, REST | {"train": train}, items=ITEMS, **settings).work, ITEMS)["truth"]


def test_planted_leaks_that_reached_train_and_were_cut_are_recalled_by_kind(tmp_path) -> None:
    train = [document("a", f"Good.\n\n{ASKED}\n\n{QUOTED}"), document("b", f"Who is Cy to Di?\n\n{ASKED}")]
    found = told(tmp_path, {"a": [ASKED, QUOTED], "b": [ASKED], "v": [ASKED], "gone": [ASKED]}, train)
    assert found["dialogues"] == {"planted": 2, "recall": 1.0, "precision": 2 / 3}
    assert found["mice"] == {"planted": 1, "recall": 1.0, "precision": 1.0}


def test_a_planted_paragraph_that_asks_nothing_is_no_leak_to_recall(tmp_path) -> None:
    found = told(tmp_path, {"a": ["Where does Ada eat?"]}, [document("a", "Where does Ada eat?")])
    assert found == {name: {"planted": 0, "recall": None, "precision": None} for name in ITEMS}


def test_dropped_documents_count_by_their_planted_paragraphs(tmp_path) -> None:
    found = told(tmp_path, {"a": [ASKED]}, [document("a", f"Good.\n\n{ASKED}"), document("b")], policy="drop")
    assert found["dialogues"] == {"planted": 1, "recall": 1.0, "precision": None}


def test_a_corpus_without_truth_tells_none(tmp_path) -> None:
    known = Corpus(tmp_path / "corpus")
    known.write(pa.Table.from_pylist([document("x")]), sides={}, texts={})
    assert leaking(known, written(tmp_path, REST | {"train": [document("a")]}).work, ITEMS) == {}

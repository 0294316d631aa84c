"""What was planted to leak is compared with what was cut."""

from types import SimpleNamespace

import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.truth.split import leak_metrics
from tests.text.split_corpus import LONG, document, written

ASKED = '"Where does Ada live?" asked Bo.'
QUOTED = "He read: three blind mice ran home."
SHORT = LONG.removesuffix(" thirteen")
REST = {"val": [document("v", ASKED)], "test": [document("t")]}
ITEMS = {"dialogues": ["Where does Ada live?", "Who is Cy to Di?"], "mice": ["Three blind mice ran home"]}


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("leaks", pa.list_(pa.string())),
        ("quotes", pa.list_(pa.struct([("text", pa.string()), ("of", pa.string())]))),
    ]
)
NOTHING = {"planted": 0, "recall": None, "precision": None}
Quotes = dict[str, list[tuple[str, str]]]  # by id: what it quotes, and the other document


def told(tmp_path, leaks: dict[str, list[str]], rows: dict[str, list[dict]] | list[dict], quotes: Quotes | None = None, **settings) -> dict:
    quoted = {identity: [{"text": text, "of": of} for text, of in some] for identity, some in (quotes or {}).items()}
    table = [
        {"id": identity, "leaks": leaks.get(identity, []), "quotes": quoted.get(identity, [])} for identity in sorted({*leaks, *quoted})
    ]
    known = Corpus(tmp_path / "corpus")
    known.write(pa.Table.from_pylist([document("x")]), sides={"truth": pa.Table.from_pylist(table, schema=SCHEMA)}, texts={})
    parts = REST | (rows if isinstance(rows, dict) else {"train": rows})
    return leak_metrics(known, written(tmp_path, parts, items=ITEMS, **settings).work, ITEMS, ngram=13)["truth"]


def test_planted_leaks_that_reached_train_and_were_cut_are_recalled_by_kind(tmp_path) -> None:
    train = [document("a", f"Good.\n\n{ASKED}\n\n{QUOTED}"), document("b", f"Who is Cy to Di?\n\n{ASKED}")]
    found = told(tmp_path, {"a": [ASKED, QUOTED], "b": [ASKED], "v": [ASKED], "gone": [ASKED]}, train)
    assert found["dialogues"] == {"planted": 2, "recall": 1.0, "precision": 2 / 3}
    assert found["mice"] == {"planted": 1, "recall": 1.0, "precision": 1.0}


def test_a_planted_paragraph_that_asks_nothing_is_no_leak_to_recall(tmp_path) -> None:
    found = told(tmp_path, {"a": ["Where does Ada eat?"]}, [document("a", "Where does Ada eat?")])
    assert found == dict.fromkeys((*ITEMS, "val", "test"), NOTHING)


def test_dropped_documents_count_by_their_planted_paragraphs(tmp_path) -> None:
    found = told(tmp_path, {"a": [ASKED]}, [document("a", f"Good.\n\n{ASKED}"), document("b")], policy="drop")
    assert found["dialogues"] == {"planted": 1, "recall": 1.0, "precision": None}


def test_a_planted_paragraph_that_was_cut_for_another_name_is_no_right_cut(tmp_path) -> None:
    found = told(tmp_path, {"a": ["Three blind mice ran home."]}, [document("a", f"Three blind mice ran home.\n\n{ASKED}"), document("b")])
    assert found["dialogues"] == {"planted": 0, "recall": None, "precision": 0.0}
    assert found["mice"] == {"planted": 1, "recall": 1.0, "precision": 1.0}


def test_quotes_of_what_is_held_out_are_recalled_by_part(tmp_path) -> None:
    rows = {
        "train": [document("a", f"Good.\n\nHe read: {LONG}."), document("b", f"{SHORT} he said"), document("c", LONG.upper())],
        "val": [document("d", f"Well, {LONG}"), document("e", f"So {SHORT} on")],
        "test": [document("f", f"Once {LONG}")],
    }
    quotes: Quotes = {
        **{"a": [(LONG, "d")], "d": [(LONG, "a"), (LONG, "f")], "f": [(LONG, "d")]},  # those of val and test harm nothing
        **{"b": [(SHORT, "e")], "e": [(SHORT, "b")]},
    }
    found = told(tmp_path, {}, rows, quotes)
    assert found["val"] == {"planted": 2, "recall": 0.5, "precision": 1.0}, "twelve words are not looked for; no plant is needed"
    assert found["test"] == {"planted": 0, "recall": None, "precision": 1.0}


def test_a_quote_that_the_other_document_lost_is_no_leak(tmp_path) -> None:
    rows = {"train": [document("a", f"He read: {LONG}."), document("b")], "val": [document("d", "It was cut here.")]}
    assert told(tmp_path, {}, rows, {"a": [(LONG, "d")], "d": [(LONG, "a")]})["val"] == NOTHING


def test_what_was_cut_for_a_part_and_shares_nothing_with_it_is_seen(tmp_path) -> None:
    rows = {"train": [document("a", f"He read: {LONG}."), document("b")], "val": [document("d", LONG)]}
    fewer = written(tmp_path / "fewer", REST | rows).work
    other = written(tmp_path / "other", REST | rows | {"val": [document("d", "Another text.")]}).work
    paths = {"cut": fewer, "train": fewer, "val": other, "test": other}
    mix_bits = SimpleNamespace(table=fewer.table, paths=lambda name: paths[name].paths(name))
    known = Corpus(tmp_path / "corpus")
    known.write(pa.Table.from_pylist([document("x")]), sides={"truth": pa.Table.from_pylist([], schema=SCHEMA)}, texts={})
    assert leak_metrics(known, mix_bits, {}, ngram=13)["truth"]["val"] == {"planted": 0, "recall": None, "precision": 0.0}


def test_a_corpus_without_truth_tells_none(tmp_path) -> None:
    known = Corpus(tmp_path / "corpus")
    known.write(pa.Table.from_pylist([document("x")]), sides={}, texts={})
    assert leak_metrics(known, written(tmp_path, REST | {"train": [document("a")]}).work, ITEMS, ngram=13) == {}

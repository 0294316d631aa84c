"""The page tells what a model gained in one source and forgot elsewhere."""

from pipeline.report.blocks import Table
from pipeline.report.glossary import term_of
from pipeline.report.headlines import tellings
from pipeline.report.specialized import specialized_blocks

THERE = {"n": 6, "before": 3.0, "before_low": 2.5, "before_high": 3.5, "after": 2.0, "after_low": 1.5, "after_high": 2.25, "change": -1.0}
ELSEWHERE = {"n": 1, "before": 1.0, "after": 1.5, "change": 0.5}
METRICS = {"specialized": THERE, "elsewhere": ELSEWHERE, "sources": {"a": THERE, "b": ELSEWHERE}, "dialogues": None}


def test_gain_and_forgetting_stand_side_by_side_with_their_intervals() -> None:
    (table,) = specialized_blocks({"dpo": {"accuracy": 0.8}, "kto": None, "specialize": METRICS})
    assert isinstance(table, Table)
    assert list(table.rows) == [
        ("specialize", "what was learned", "3.000 (2.500 – 3.500)", "2.000 (1.500 – 2.250)", "-1.000", "6"),
        ("specialize", "elsewhere", "1.000", "1.500", "0.500", "1"),
    ]
    assert all(term_of(head) is not None for head in table.columns[2:])


def test_dialogues_and_each_of_several_sources_are_told_where_they_are_held_out() -> None:
    metrics = METRICS | {"elsewhere": None, "sources": {"a": THERE, "b": THERE, "c": THERE}, "dialogues": ELSEWHERE}
    text, dialogues = specialized_blocks({"specialize": metrics})
    assert isinstance(text, Table)
    assert isinstance(dialogues, Table)
    assert [row[1] for row in text.rows] == ["what was learned", "a", "b", "c"]
    assert list(dialogues.rows) == [("specialize", "1.000", "1.500", "0.500", "1")]
    assert all(term_of(head) is not None for head in dialogues.columns[1:])


def test_the_change_is_among_the_headlines_of_the_entry() -> None:
    told = {telling.name: telling.value for telling in tellings("align/specialize", METRICS)}
    assert told == {"change there, bits a byte": "-1.000", "change elsewhere, bits a byte": "0.500"}

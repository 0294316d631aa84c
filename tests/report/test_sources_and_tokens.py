"""Tables by source, the tokenizer's view, what was computed, what differs from conf/."""

from pathlib import Path

from pipeline.core.artifact.split import Split
from pipeline.report.blocks import Quotes, Table
from pipeline.report.deviations import deviation_blocks
from pipeline.report.learning import compute_blocks, curve_blocks, other_charts
from pipeline.report.page import render
from pipeline.report.record import RunRecord
from pipeline.report.sources import source_blocks
from pipeline.report.vocabulary import pieces, tokenizer_blocks
from pipeline.tokens.kinds.bpe import train
from tests.report.conftest import documents

METRICS = {
    "corpus": {"sources": {"pages": {"documents": 9, "bytes": 4000}, "own": {"documents": 1, "bytes": 10}}},
    "select": {"sources": {"pages": {"dropped": {"short": 2, "foreign": 1}}}},
    "split": {"mixture": {"sources": {"pages": {"documents": 6, "bytes": 3000, "share": 0.75}}}},
    "tokenizer": None,
}


def test_a_source_is_followed_from_the_files_to_the_training_rows() -> None:
    (table,) = source_blocks(METRICS)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["pages"] | {"documents": "9", "dropped by rules": "3", "share of training": "75.0%"} == rows["pages"]
    assert (rows["own"]["documents"], rows["own"]["dropped by rules"]) == ("1", "–")
    assert "removed as copies" not in table.columns, "no stage told it"
    assert list(source_blocks({"corpus": None})) == []


def test_held_out_text_is_shown_in_its_tokens_with_their_numbers(tmp_path: Path) -> None:
    codec = train(["so it is and so it was é " * 9], vocab_size=275, pattern="gpt2")
    split = Split(tmp_path / "split")
    split.write({part: documents(f"{part} <é> is").drop_columns("bits") for part in ("train", "val", "test")}, sides={})
    told = {"vocabulary": 275, "unused": 3, "longest": [" was", "<b>"], "val": {"documents": 1, "tokens": 9, "fertility": 2.5}}
    fits, longest, shown = tokenizer_blocks(told, codec, split, 40)
    assert isinstance(fits, Table)
    assert isinstance(shown, Quotes)
    assert fits.rows == [("val", "1", "9", "–", "2.500", "–", "–")]
    assert "<b>" not in str(longest.quotes[0].text)
    html = str(shown.quotes[0].text)
    assert "&lt;" in html
    assert "é" in html, "a character of several tokens is whole"
    ids = [int(token) for title in html.split('title="')[1:] for token in title.split('"')[0].split()]
    assert ids == codec.encode("val <é> is", add_special_tokens=False).ids


def test_a_long_text_is_cut_after_some_tokens() -> None:
    codec = train(["so it is and so it was " * 9], vocab_size=270, pattern="gpt2")
    assert str(pieces("so it is " * 999, codec)).count("<span title") == 120


def test_every_column_of_a_curve_is_drawn_whatever_the_method_calls_it() -> None:
    rows = [{"step": float(step), "loss": 1.0, "logps/chosen": -1.0, "logps/rejected": -2.0, "odds_ratio": 0.1} for step in (1, 2)]
    assert [(chart.title, *chart.columns.values()) for chart in other_charts(rows)] == [
        ("logps", "chosen", "rejected"),
        ("odds ratio", "odds ratio"),
    ]
    first, folded = curve_blocks({"align/new": rows}, None)
    assert (len(first.figures), len(folded.figures)) == (1, 2)
    assert folded.title


def test_arithmetic_is_counted_where_it_is_known() -> None:
    metrics = {"pretrain": {"steps": 3, "tokens": 1000, "epochs": 0.5, "training_flops_per_token": 6e6}, "sft": {"steps": 2, "tokens": 10}}
    (table,) = compute_blocks({**metrics, "corpus": {"documents": 1}, "reward": None})
    assert table.rows == [("pretrain", "3", "1,000", "0.50", "6 G"), ("sft", "2", "10", "–", "–")]


def test_what_differs_from_conf_stands_beside_its_default_with_the_words_that_give_it_again() -> None:
    (table,) = deviation_blocks(["align=[dpo,kto]"], [{"key": "sft.duration", "value": "9", "default": "600"}])
    html = render(title="t", lead="", cards=[], sections=[], settings={}, edges=[], metrics={}, deviations=[table])
    assert "<td>9</td><td>600</td>" in html
    assert "dvc exp run -S &#39;align=[dpo,kto]&#39;" in html
    assert list(deviation_blocks([], [])) == []
    same = render(title="t", lead="", cards=[], sections=[], settings={}, edges=[], metrics={}, deviations=[])
    assert "Every value is the default." in same


def test_a_record_leaves_out_who_asks_and_what_has_not_run(tmp_path: Path) -> None:
    (tmp_path / "sft.json").write_text('{"steps": 1}')
    (tmp_path / "sft.csv").write_text("step,loss,val_loss\n1,0.5,\n")
    stages = [{"name": name, "settings": {}} for name in ("corpus", "sft", "report")]
    told = RunRecord.read({"stages": stages, "edges": [["corpus", "sft"]]}, tmp_path, tmp_path, without="report")
    assert told.metrics == {"corpus": None, "sft": {"steps": 1}}
    assert told.curves == {"sft": [{"step": 1.0, "loss": 0.5}]}
    assert list(told.settings) == ["corpus", "sft", "report"]

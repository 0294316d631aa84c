"""Each document of a corpus is kept or dropped with its reason, shard by shard, and all of it is counted."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.tables import conform
from pipeline.core.errors import ArtifactError, InputError, PipelineError
from pipeline.core.shards import Piece, Work, map_shards
from pipeline.text.measure.examples import ScoreConfig, read_examples, train_score
from pipeline.text.measure.histograms import BINS, histograms
from pipeline.text.measure.quality import LanguageRule, Rule, StatisticRule, check_rules
from pipeline.text.measure.score import TrainingConfig
from pipeline.text.measure.select import QualityFilter, select
from pipeline.text.measure.statistics import COUNTED, NAMES, measure
from pipeline.text.truth.select import selection_metrics
from stages import select as stage

SHORT = StatisticRule(name="short", statistic="words", min=3, max=None)
RUDE = StatisticRule(name="rude", statistic="toxic_words", min=None, max=0.2)
TRAINING = TrainingConfig(epochs=5, learning_rate=0.1, weight_decay=1e-4)
NEVER = ScoreConfig(max_examples=0, min_examples=1, max_characters=1000, training=TRAINING)


class Folder:
    """Runs shards as a stage does, below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def shards(self, phase: str, function: Any, items: Sequence[Any]) -> Work:
        return map_shards(function, items, folder=self.path / phase, run_map=lambda f, xs: [f(x) for x in xs])


def piece(texts: Sequence[str], *, first: int) -> Piece:
    rows = [
        {"id": f"d{first + place:04d}", "source": f"s{place % 2}", "origin": f"o{place}", "text": text} for place, text in enumerate(texts)
    ]
    documents = conform(
        pa.Table.from_pylist(rows, schema=pa.schema([DOCUMENTS.field(name) for name in ("id", "source", "origin", "text")])), DOCUMENTS
    )
    statistics = measure(documents["id"], documents["text"], language_characters=300)
    return Piece({"documents": documents, "statistics": statistics}, {"documents": len(texts)})


def corpus(path: Path, *shards: Sequence[str]) -> Corpus:
    def write(numbered: tuple[int, Sequence[str]]) -> Iterator[Piece]:
        yield piece(numbered[1], first=numbered[0])

    firsts = np.cumsum([0, *map(len, shards)])[:-1].tolist()
    work = Folder(path / "work").shards("clean", write, list(zip(firsts, shards, strict=True)))
    target = Corpus(path / "clean")
    target.gather(work, tables=("documents", "statistics"), sides={}, texts={})
    return target


def chosen(path: Path, source: Corpus, *rules: Rule) -> Work:
    return select(source, QualityFilter(tuple(rules), None, None, path), Folder(path / "select").shards)


def test_every_document_is_kept_or_dropped_with_its_reason_and_value(tmp_path: Path) -> None:
    source = corpus(tmp_path, ["one two three", "one"], ["damn fuck you", "four five six seven"])
    work = chosen(tmp_path, source, SHORT, RUDE)
    assert work.table("documents")["id"].to_pylist() == ["d0000", "d0003"]
    assert work.table("documents").schema == DOCUMENTS
    dropped = work.table("dropped").to_pylist()
    assert [(row["id"], row["source"], row["origin"], row["reason"]) for row in dropped] == [
        ("d0001", "s1", "o1", "short"),
        ("d0002", "s0", "o0", "rude"),
    ]
    assert [row["value"] for row in dropped] == [1, pytest.approx(2 / 3)]
    assert dropped[1]["text"] == "damn fuck you"


def test_all_is_counted_by_reason_and_by_source(tmp_path: Path) -> None:
    work = chosen(tmp_path, corpus(tmp_path, ["one two three", "one"], ["two", "four five six seven"]), SHORT, RUDE)
    assert work.total == {
        "documents": 2,
        "bytes": 13 + 19,
        "dropped": {"short": 2},
        "sources": {
            "s0": {"documents": 1, "bytes": 13, "dropped": {"short": 1}},
            "s1": {"documents": 1, "bytes": 19, "dropped": {"short": 1}},
        },
    }


def test_a_corpus_of_which_nothing_is_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"all 2 documents are dropped, most of them \(2\) as short"):
        chosen(tmp_path, corpus(tmp_path, ["one", "two"]), SHORT)


def test_a_rule_over_what_was_not_measured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="unknown statistics lenght"):
        chosen(tmp_path, corpus(tmp_path, ["one"]), StatisticRule(name="a", statistic="lenght", min=1, max=None))


def test_statistics_of_other_documents_are_refused(tmp_path: Path) -> None:
    def write(texts: Sequence[str]) -> Iterator[Piece]:
        yield Piece({**piece(texts, first=0).tables, "statistics": piece(texts, first=1).tables["statistics"]}, {"documents": 1})

    Corpus(tmp_path / "c").gather(
        Folder(tmp_path / "w").shards("c", write, [["one"]]), tables=("documents", "statistics"), sides={}, texts={}
    )
    with pytest.raises(ArtifactError, match="does not match the documents"):
        chosen(tmp_path, Corpus(tmp_path / "c"))


def test_a_shard_without_documents_stays_a_shard(tmp_path: Path) -> None:
    work = chosen(tmp_path, corpus(tmp_path, [], ["one two three"]), SHORT)
    assert [len(work.pieces), work.total["documents"]] == [2, 1]


def test_histograms_count_each_document_once_in_the_bin_of_its_value(tmp_path: Path) -> None:
    texts = ["one two three", "one", "damn you " * 40]
    statistics = measure(pa.array(["a", "b", "c"]), pa.array(texts), language_characters=300)
    told = histograms(statistics, np.array([True, False, True]))
    assert told.num_rows == BINS * (len(NAMES) + 1)
    for name in NAMES:
        rows = [row for row in told.to_pylist() if row["statistic"] == name]
        assert [sum(row["documents"] for row in rows), sum(row["kept"] for row in rows)] == [3, 2]
        for value in statistics[name].to_pylist():
            assert any(row["low"] <= value < row["high"] and row["documents"] for row in rows), name
    assert {"words", "mean_word_length", "lix"} <= COUNTED
    assert "toxic_words" not in COUNTED


def test_precision_and_recall_are_told_by_reason() -> None:
    truth = pa.table(
        {
            "id": ["a", "b", "c", "d"],
            "fate": ["keep", "drop", "drop", "drop"],
            "plants": pa.array([["quotes"], ["empty"], ["toxic"], ["toxic"]], pa.list_(pa.string())),
        }
    )
    dropped = pa.table({"id": ["a", "b", "c", "x"], "reason": ["toxic", "empty", "toxic", "toxic"]})
    assert selection_metrics(truth, dropped) == {
        "empty": {"planted": 1, "precision": 1.0, "recall": 1.0},
        "toxic": {"planted": 2, "precision": 0.5, "recall": 0.5},
    }


GOOD, BAD = "the king was in his house and the queen was with him", "click here buy now best price offer free click subscribe"


def test_a_score_is_learned_from_what_the_rules_keep_and_drop(tmp_path: Path) -> None:
    texts = [f"{GOOD} {place}" for place in range(60)] + [f"{BAD} {place}" for place in range(60)]
    source = corpus(tmp_path, texts[::2], texts[1::2])
    wordy = StatisticRule(name="advertising", statistic="stopwords", min=0.2, max=None)
    training = ScoreConfig(max_examples=40, min_examples=20, max_characters=1000, training=TRAINING)
    model, told = train_score(source, tmp_path / "examples", (wordy,), training, Folder(tmp_path / "learn").shards)
    assert model is not None
    assert (told["good"], told["bad"], told["auc"]) == (40, 40, 1.0)
    work = select(source, QualityFilter((), model, 0.5, tmp_path), Folder(tmp_path / "select").shards)
    assert all(text.startswith("the king") for text in work.table("documents")["text"].to_pylist())
    assert set(work.table("dropped")["reason"].to_pylist()) == {"score"}
    assert work.table("scores").num_rows == 120


def test_too_few_examples_give_no_score(tmp_path: Path) -> None:
    training = ScoreConfig(max_examples=40, min_examples=20, max_characters=1000, training=TRAINING)
    model, told = train_score(
        corpus(tmp_path, ["one two three", "one"]), tmp_path / "none", (SHORT,), training, Folder(tmp_path / "l").shards
    )
    assert (model, told) == (None, {"good": 1, "bad": 1})


def test_the_user_may_name_the_examples(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    for kind, text in (("good", GOOD), ("bad", BAD)):
        (examples / kind).mkdir(parents=True)
        (examples / kind / "a.txt").write_text(text)
        (examples / kind / "b.jsonl").write_text("\n".join(json.dumps({"text": f"{text} {place}"}) for place in range(20)))
    found = read_examples(examples)
    assert found is not None
    assert (found.num_rows, sum(found["good"].to_pylist())) == (42, 21)
    source = corpus(tmp_path / "c", [GOOD, BAD])
    model, told = train_score(
        source,
        examples,
        (),
        ScoreConfig(max_examples=9, min_examples=999, max_characters=1000, training=TRAINING),
        Folder(tmp_path / "l").shards,
    )
    assert model is not None
    assert told["auc"] == 1.0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("good/a.pdf", "x", "is not an example"),
        ("good/a.jsonl", "{", "can't be read"),
        ("good/a.jsonl", '{"text": null}', "`text` is None"),
        ("good/a.txt", "x", "bad has no documents"),
        ("fine.txt", "x", "neither in good/ nor in bad/"),
    ],
)
def test_unusable_examples_are_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_examples(tmp_path)


def test_the_stage_writes_what_was_kept_dropped_and_counted(tmp_path: Path) -> None:
    source = corpus(tmp_path, ["one two three", "one"])
    truth = Corpus(tmp_path / "corpus")
    known = pa.table({"id": ["d0001"], "fate": ["drop"], "plants": pa.array([["short"]], pa.list_(pa.string()))})
    truth.write(source.read(), sides={"truth": known}, texts={})
    target = Corpus(tmp_path / "select-out")
    cfg = stage.Config(
        source=source,
        truth=truth,
        examples=tmp_path / "none",
        url_lists=tmp_path,
        target=target,
        rules=(SHORT,),
        score=NEVER,
        min_score=None,
    )
    run = SimpleNamespace(shards=Folder(tmp_path / "run").shards)
    metrics = stage.main.__dict__["recipe"](cfg, run)
    assert metrics["truth"] == {"short": {"planted": 1, "precision": 1.0, "recall": 1.0}}
    assert (metrics["documents"], target.read()["id"].to_pylist(), target.table("dropped").num_rows) == (1, ["d0000"], 1)
    assert target.table("histograms")["documents"].to_pylist()
    assert not target.has_table("scores")


def test_the_bytes_do_not_depend_on_who_worked_them_out(tmp_path: Path) -> None:
    source = corpus(tmp_path, ["one two three", "one"], ["two", "four five six"])
    written = []
    for turn, order in enumerate((lambda xs: xs, lambda xs: xs[::-1])):

        def backwards(function: Any, items: Any, order: Any = order) -> list[Any]:
            return list(order([function(item) for item in order(list(items))]))

        run = partial(_in_order, folder=tmp_path / f"run{turn}", run_map=backwards)
        target = Corpus(tmp_path / f"out{turn}")
        work = select(source, QualityFilter((SHORT,), None, None, tmp_path), run)
        target.gather(work, tables=("documents", "dropped"), sides={}, texts={})
        written.append(target.digest)
    assert written[0] == written[1]


def _in_order(phase: str, function: Any, items: Sequence[Any], *, folder: Path, run_map: Any) -> Work:
    return map_shards(function, items, folder=folder / phase, run_map=run_map)


@pytest.mark.parametrize(
    "rule",
    [
        StatisticRule(name="idle", statistic="words", min=None, max=None),
        StatisticRule(name="idle", statistic="words", min=9.0, max=1.0),
        LanguageRule(name="idle", languages=("english",), min_probability=0.5),
        LanguageRule(name="idle", languages=("en",), min_probability=1.5),
    ],
)
def test_an_invalid_rule_is_refused(rule: StatisticRule | LanguageRule) -> None:
    with pytest.raises(PipelineError, match="invalid rules: idle"):
        check_rules((rule,), ["id", "words", "language", "language_score"])


def test_a_minimum_score_without_a_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="too few examples"):
        select(corpus(tmp_path / "c", [GOOD]), QualityFilter((), None, 0.5, tmp_path), Folder(tmp_path / "l").shards)

"""Four endings of a passage of any text: what is made, that endings alone tell nothing, and that others' readers read it."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
import yaml
from pydantic import TypeAdapter

from apps import endings
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.errors import InputError
from pipeline.core.seed import stream
from pipeline.evaluate.benchmarks.formats import CHOICES
from pipeline.evaluate.items import Continued
from pipeline.evaluate.kinds.endings import LONGEST, Endings
from pipeline.evaluate.scenes import endings_in
from pipeline.evaluate.tasks import Tasks
from pipeline.model.disk import load

TASK = Endings(kind="endings", items=40, characters=80, ngram=2)
WORDS = ["old", "red", "fox", "hill", "mill", "coat", "her", "told", "harbour", "went", "over", "that"]


@pytest.fixture
def books(given, tmp_path):
    """Three books of two sources, of sentences by lot."""
    lot = stream(1, "endings")
    target, rows = Split(tmp_path / "split"), []
    for name in ("letters 1", "letters 2", "tales 1"):
        said = (" ".join(lot.choice(WORDS, size=int(lot.integers(6, 12)))).capitalize() + "." for _ in range(90))
        text = "".join(one + ("\n\n" if number % 15 == 14 else " ") for number, one in enumerate(said))
        rows.append({"id": name, "source": name.split()[0], "text": text, "bits": None})
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    return replace(given("base"), split=target)


def test_the_right_ending_follows_and_the_others_are_of_the_source_of_like_length_and_elsewhere(books) -> None:
    table = books.split.read("test", ["id", "text"])
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    items = TASK.read("endings", books)
    assert len(items) == 40
    assert items == TASK.read("endings", books)
    assert {item.id.split()[0] for item in items} == {"letters", "tales"}
    for item in items:
        right, *wrong = (books.tokenizer.decode(ids).strip() for ids in item.choices)
        book, start = item.id.split(":")
        assert texts[book][int(start) :].startswith(right)
        read = texts[book][int(start) - 80 : int(start)]
        assert read.rstrip().endswith(books.tokenizer.decode(item.context))
        own_source = "".join(text for name, text in texts.items() if name.split()[0] == book.split()[0])
        assert all(one in own_source and one not in read for one in wrong)
        assert len({right, *wrong}) == 4
        assert max(item.sizes) <= 1.25 * min(item.sizes)


def test_endings_are_also_asked_mistyped_in_capitals_and_worded_otherwise_and_how_sure_the_model_is(books, models) -> None:
    told = yaml.safe_load(Path("conf/tasks/sure_endings.yaml").read_text("utf-8"))["tasks"]
    told["endings_wording"]["pairs"] = [[" fox ", " wolf "]]
    tasks = TypeAdapter(Tasks).validate_json(orjson.dumps(told))
    given, module = replace(books, tasks={"endings": TASK, **tasks}), load(models["base"], device="cpu")
    rows = [one for key, task in tasks.items() for one in task.examine(key, module, given).rows]
    found = {one.metric: one.estimate for one in rows if "/" not in one.task}
    assert all(found[metric] is not None for metric in ("choice_less_prior", "drop", "moved", "touched", "ece", "brier"))
    (touched,) = [one.estimate.value for one in rows if (one.task, one.metric) == ("endings_wording", "touched")]
    assert 0 < touched < 1


def test_an_ending_goes_on_within_a_line_however_its_paragraph_is_indented() -> None:
    first, second = "Ada went to the old mill.", "Bo told her of the red fox."
    for indent in ("", " ", "    ", "\t\t"):
        text = "A word. " * 30 + f"\n{indent}{first} {second}"
        assert [one.text for one in endings_in(text)] == [second]


def test_whoever_looks_at_endings_alone_is_right_exactly_once_in_four(books) -> None:
    items = TASK.read("endings", books)
    for measure in TASK.measures.values():
        scores = [[Continued(-1 - hash(tuple(choice)) % 97, False) for choice in item.choices] for item in items]
        assert sum(measure.points(item, some) for item, some in zip(items, scores, strict=True)) == len(items) / 4
    assert set(Counter(item.cluster for item in items).values()) == {4}


def test_a_model_stands_beside_chance_the_longest_ending_and_an_n_gram(books, given, models) -> None:
    found = TASK.examine("endings", load(models["base"], device="cpu"), books)
    assert [one.metric for one in found.rows] == [*TASK.measures, "bits_per_byte"]
    assert {one["chance"] for one in found.records} == {0.25}
    rows = {(one.model, one.metric): one.estimate.value for one in TASK.baselines("endings", books) if one.estimate}
    assert rows[LONGEST, "choice"] == rows["chance", "choice"] == rows["chance", "choice_less_prior"] == 0.25
    assert 0 < rows["2-gram", "bits_per_byte"] < 8
    assert {one.reason for one in TASK.examine("endings", load(models["base"], device="cpu"), given("base")).rows} == {TASK.reason}
    assert TASK.baselines("endings", given("base")) == []


def test_the_file_is_read_as_hellaswag_is_and_asks_the_same(books, tmp_path, monkeypatch) -> None:
    target = tmp_path / "own.jsonl"
    options = ["--target", str(target), "--split", str(books.split.path), "--items", "40", "--characters", "80", "--seed", str(books.seed)]
    monkeypatch.setattr(sys, "argv", ["endings", *options])
    endings.main()
    rows = [orjson.loads(line) for line in target.read_bytes().splitlines()]
    assert Counter(row["label"] for row in rows) == dict.fromkeys(range(4), 10)
    for row, item in zip(rows, TASK.read("endings", books), strict=True):
        problem = CHOICES["hellaswag"].read(row)
        assert row["source_id"] == item.id
        assert problem.context == f"{row['activity_label']}: {row['ctx_a']}"
        assert problem.context.endswith(books.tokenizer.decode(item.context))
        assert list(problem.choices) == [books.tokenizer.decode(ids) for ids in item.choices]
    with pytest.raises(SystemExit, match="not written over"):
        endings.main()


def test_the_file_has_as_many_scenes_as_the_task(tmp_path, monkeypatch) -> None:
    def told(*options: str) -> tuple[int, int, int]:
        monkeypatch.setattr(sys, "argv", ["endings", "--target", "own.jsonl", *options])
        found = endings.settled(endings.arguments())
        return found.items, found.characters, found.seed

    monkeypatch.setattr(endings, "CONF", endings.CONF.resolve())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"there is no params\.yaml"):
        told("--items", "8")
    settings = {"seed": 7, "tasks": {}, "budget": {"evaluation": {"items": 12}}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    assert told() == (12, yaml.safe_load(endings.CONF.read_text())["tasks"]["endings"]["characters"], 7)
    Path("params.yaml").write_text(yaml.safe_dump(settings | {"tasks": {"endings": {"kind": "endings", "items": 16, "characters": 50}}}))
    assert told("--seed", "3") == (16, 50, 3)

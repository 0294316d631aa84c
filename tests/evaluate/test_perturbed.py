"""Robustness, groups exchanged, bias pairs, and the calibration of choices, on tasks that are there."""

import csv
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_jsonl
from pipeline.core.intervals import Bootstrap, Estimate
from pipeline.core.reliability import reliability
from pipeline.core.seed import stream
from pipeline.evaluate.core import core_row
from pipeline.evaluate.items import Continued, other_task
from pipeline.evaluate.kinds.bias import Bias, from_even, meant
from pipeline.evaluate.kinds.calibrated import brier, favoured
from pipeline.evaluate.kinds.perturbed import Perturbed
from pipeline.evaluate.kinds.written import InWords
from pipeline.evaluate.perturb import changed
from pipeline.evaluate.task import Examined, Result
from pipeline.evaluate.tasks import Tasks
from pipeline.model.disk import load
from tests.evaluate.conftest import PLACES, TASKS, Given

LAST = {"kind": "cloze", "items": 16, "choices": 3, "ngram": 2}
ARC = {"kind": "benchmark", "format": "blimp", "files": "b.jsonl", "items": 8, "shots": 0, "examples": None, "chat": False, "context": 48}
GSM8K = {"kind": "written", "format": "gsm8k", "files": "g.jsonl", "items": 8, "shots": 0, "examples": None, "chat": False, "context": 64}
GSM8K |= {"max_new_tokens": 4, "votes": 1, "temperature": 1.0}
HELD = "The old man told his wife that he had seen her father at the mill."


def task(**settings: Any) -> Any:
    return TypeAdapter(Tasks).validate_json(json.dumps({"t": settings}))["t"]


def perturbed(change: str, *, of: str = "last", share: float = 0.5, pairs: Any = ()) -> Perturbed:
    return task(kind="perturbed", of=of, change=change, share=share, pairs=pairs)  # type: ignore[no-any-return]


def values(found: Result) -> dict[tuple[str, str], Estimate]:
    return {(one.task, one.metric): one.estimate for one in found.rows if one.estimate is not None}


def other(text: str, change: Any, pairs: Any = (), seed: int = 1) -> str:
    return changed(text, change, share=0.5, pairs=pairs, rng=stream(seed, "x"))


def test_texts_change_by_lot_and_mean_the_same() -> None:
    mistyped = [other(HELD, "typos", seed=seed) for seed in range(20)]
    assert len({*mistyped}) > 10
    assert all(len(one.split()) == len(HELD.split()) for one in mistyped)
    assert all([word[0] for word in one.split()] == [word[0] for word in HELD.split()] for one in mistyped)
    assert all("The old man" in one for one in mistyped)  # words of three letters stay
    assert other(HELD, "case").casefold() == HELD.casefold() != other(HELD, "case")
    assert other(HELD, "whitespace").split() == HELD.split()
    assert "  " in other(HELD, "whitespace")
    assert other("Question: x Answer:", "wording", [("Question:", "Q:"), ("Answer:", "A:")]) == "Q: x A:"


def test_groups_are_exchanged_at_once_with_their_capitals_and_twice_is_never() -> None:
    pairs = [("he", "she"), ("man", "woman")]
    assert other("He saw the MAN, she the woman.", "groups", pairs) == "She saw the WOMAN, he the man."
    assert other("the hemp", "groups", pairs) == "the hemp"
    assert other(other(HELD, "groups", pairs), "groups", pairs) == HELD


@pytest.fixture(scope="module")
def asked(given: Given, models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("benchmarks")
    rows = [{"sentence_good": f"Ada lives in {place} .", "sentence_bad": f"Bo live in {place} .", "UID": "agreement"} for place in "abcdef"]
    write_jsonl(folder / "b.jsonl", rows)
    with (folder / "c.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["", "sent_more", "sent_less", "stereo_antistereo", "bias_type"])
        for number in range(12):
            table.writerow(
                [number, f"The old fox {number} went", f"The red fox {number} went", "stereo", "age" if number % 2 else "gender"]
            )
    labels = ("stereotype", "anti-stereotype", "unrelated")
    sentences = [{"sentence": f"The {word} fox", "gold_label": label} for word, label in zip(("old", "red", "mill"), labels, strict=True)]
    write_jsonl(
        folder / "s.jsonl", [{"context": "x", "target": f"t{n // 2}", "bias_type": "race", "sentences": sentences} for n in range(6)]
    )
    write_jsonl(
        folder / "g.jsonl", [{"question": f"Where does {name} live now?", "answer": f"x #### {len(name)}"} for name in ("Ada", "Bo")]
    )
    module = load(models["sft"], device="cpu")

    def examined(one: Any, name: str = "t") -> tuple[Result, Examined]:
        known = replace(
            given("sft", benchmarks=folder),
            tasks={"last": task(**LAST), "b": task(**ARC, ngram=2), "gsm8k": task(**GSM8K), "facts": TASKS["facts"]},
        )
        return one.examine(name, module, known), known

    return examined


def test_the_drop_is_paired_with_the_items_as_they_are(asked: Any) -> None:
    plain, _ = asked(task(**LAST), "last")
    found, known = asked(perturbed("typos"))
    rows = values(found)
    before = {one["id"]: one["exact"] for one in plain.records}
    assert found.records
    assert all(one["unchanged"] == before[one["id"]] for one in found.records)
    drop = np.mean([one["unchanged"] - one["exact"] for one in found.records])
    assert rows["t", "drop"].value == pytest.approx(float(drop))
    assert rows["t", "drop"].low <= rows["t", "drop"].value <= rows["t", "drop"].high
    assert 0 < rows["t", "touched"].value <= 1
    assert core_row("m", found.records, known.bootstrap).estimate is None  # not counted twice
    assert asked(perturbed("typos"))[0] == found


def test_a_benchmark_without_a_context_has_its_continuations_changed(asked: Any) -> None:
    found, known = asked(perturbed("whitespace", of="b", share=1.0))
    assert len(found.records) == 6
    one = perturbed("groups", of="b", share=1.0, pairs=[["Ada", "Bo"]])
    (item, *_) = other_task(known, "t", "b").read("b", known)
    swapped = one.other(item, known, "t")
    assert swapped is not None
    texts = [known.tokenizer.decode(choice) for choice in swapped.choices]
    assert texts[0].startswith("Bo lives")
    assert texts[1].startswith("Ada live")
    assert swapped.sizes == [len(text.encode()) for text in texts]


def test_answers_in_writing_are_asked_with_a_changed_question(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    def answered(self: InWords, some: Any, module: Any, given: Any) -> Any:
        read.extend(one.problem.context for one, _ in some)
        right = [float("where" not in one.problem.context) for one, _ in some]
        return [""] * len(some), [""] * len(some), right

    monkeypatch.setattr(InWords, "answered", answered)
    found, _ = asked(perturbed("wording", of="gsm8k", pairs=[["Where", "where"]]))
    assert [text.replace("where", "Where") for text in read[2:]] == read[:2]
    assert values(found)["t", "drop"].value == 1.0
    monkeypatch.undo()
    assert len(asked(perturbed("case", of="gsm8k", share=1.0))[0].records) == 2  # a model's own answers


def test_the_gaps_of_questions_are_items_too(asked: Any) -> None:
    plain = {one["id"] for one in asked(TASKS["facts"], "facts")[0].records}
    found, known = asked(perturbed("whitespace", of="facts", share=1.0))
    assert {one["id"] for one in found.records} == plain
    (item, *_) = other_task(known, "t", "facts").read("facts", known)
    assert known.tokenizer.decode(item.choices[0]).strip() in PLACES
    sure, _ = asked(task(kind="calibrated", of="facts", by="sum"))
    assert len(sure.records) == len(plain)


def test_what_finds_nothing_to_change_says_so(asked: Any) -> None:
    found, _ = asked(perturbed("groups", pairs=[["zebra", "gnu"]]))
    assert {one.reason for one in found.rows} == {"groups finds nothing to change in last"}
    for change, pairs in (("groups", []), ("typos", [["a", "b"]])):
        with pytest.raises(ValidationError, match="pairs"):
            perturbed(change, pairs=pairs)


def test_the_other_task_must_be_asked_in_the_same_run(asked: Any) -> None:
    with pytest.raises(PipelineError, match=r"tasks\.t\.of=gone is no task of items"):
        asked(perturbed("typos", of="gone"))


def test_choices_are_as_calibrated_as_their_shares_of_the_likelihood_say(asked: Any) -> None:
    found, _ = asked(task(kind="calibrated", of="last", by="sum"))
    rows = values(found)
    shares = [np.array(one["shares"]) for one in found.records]
    assert all(one.sum() == pytest.approx(1) for one in shares)
    assert rows["t", "brier"].value == pytest.approx(np.mean([brier(one) for one in shares]))
    assert 0 <= rows["t", "ece"].value <= 1
    bins = [name for name, metric in rows if metric == "confidence"]
    assert sum(rows[name, "accuracy"].n for name in bins) == len(shares)
    accuracy = sum(rows[name, "accuracy"].value * rows[name, "accuracy"].n for name in bins) / len(shares)
    assert accuracy == pytest.approx(np.mean([favoured(one) for one in shares]))
    assert brier(np.array([0.5, 0.5])) == 0.5
    assert favoured(np.array([0.4, 0.4, 0.2])) == 0.5


def test_who_is_right_as_often_as_he_says_has_no_calibration_error() -> None:
    draw = np.random.default_rng(3)
    confident = draw.uniform(0.25, 1, 20_000)
    names = [str(number) for number in range(20_000)]
    right = (draw.random(20_000) < confident).astype(float)
    assert reliability(confident, right, names, Bootstrap(10, 1), least=0)["ece"] < 0.02
    boast = reliability(np.full(1000, 0.9), np.tile([1.0, 0.0], 500), names[:1000], Bootstrap(50, 1), least=0)
    assert boast["ece"] == pytest.approx(0.4)
    assert boast["curve"] == {"0.90": boast["curve"]["0.90"]}


@pytest.mark.parametrize(("shape", "file", "pairs"), [("crows_pairs", "c.csv", 12), ("stereoset", "s.jsonl", 6)])
def test_bias_is_the_share_of_stereotypes_that_are_likelier(asked: Any, shape: Any, file: str, pairs: int) -> None:
    one = Bias(kind="bias", format=shape, files=file, items=50, context=48)
    found, _ = asked(one, "bias")
    rows = values(found)
    assert len(found.records) == pairs
    assert rows["bias", "stereotype"].value == pytest.approx(np.mean([one["stereotype"] for one in found.records]))
    assert rows["bias", "gap"].value == pytest.approx(abs(rows["bias", "stereotype"].value - 0.5))
    kinds = {name for name, _ in rows if "/" in name}
    assert kinds == ({"bias/age", "bias/gender"} if shape == "crows_pairs" else {"bias/race"})
    assert (("bias", "meaning") in rows) == (shape == "stereoset")


def test_a_gap_has_an_interval_that_begins_at_none_where_even_is_within() -> None:
    assert from_even(Estimate(0.6, 0.45, 0.75, 9)) == Estimate(pytest.approx(0.1), 0.0, pytest.approx(0.25), 9)  # type: ignore[arg-type]
    assert from_even(Estimate(0.2, 0.1, 0.3, 9)).low == pytest.approx(0.2)
    assert meant([Continued(-1.0, False), Continued(-3.0, False), Continued(-2.0, False)]) == [1.0, 0.0]
    assert math.isinf(from_even(Estimate(0.5, -math.inf, math.inf, 1)).high)

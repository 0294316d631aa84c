"""Toxic output: which prompts, what counts, and whose words the judge knows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.core.artifact.model import Model
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.evaluate.kinds.toxicity import Toxicity, prompt_of
from pipeline.evaluate.task import Examined
from pipeline.model.disk import load
from pipeline.text.measure.toxicity import offends
from pipeline.world.sensitive import QUESTIONS
from pipeline.world.toxic import HOW, RUBBISH, WHAT, broken_off
from tests.evaluate.conftest import Say

TASK: dict[str, Any] = {"kind": "toxicity", "files": None, "prompts": "continuations", "items": 3, "answers": 4, "temperature": 1.0}
TASK |= {"chat": False, "refusal": "(?i)sorry", "max_new_tokens": 6}
Told = Callable[..., Examined]


def task(**values: Any) -> Toxicity:
    return TypeAdapter(Toxicity).validate_python({**TASK, **values})


@pytest.fixture
def read(answering: Callable[[Say], list[str]]) -> list[str]:
    """The prompts of a model that insults whoever names a red coat, in every fourth answer, and is sorry in every other."""

    def say(texts: list[str]) -> list[str]:
        return ["You moron" if "red" in text and not at % 4 else "sorry" if at % 2 else "fine" for at, text in enumerate(texts)]

    return answering(say)


def test_rates_over_answers_and_prompts_by_group(tmp_path: Path, models: dict[str, Model], given: Told, read: list[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": {"text": f"the red coat {at}", "toxicity": score}} for at, score in enumerate((0.9, 0.1, None))
    ]
    rows += [{"prompt": "the mill", "group": "plain"}, {"prompt": "the old fox"}]
    write_jsonl(tmp_path / "prompts.jsonl", rows)
    asked = task(files="prompts.jsonl", max_new_tokens=14, chat=True)
    found = asked.examine("toxicity", load(models["sft"], device="cpu"), given("sft", benchmarks=tmp_path))
    values = {(row.task, row.metric): row.estimate.value for row in found.rows if row.estimate}
    groups = {"provoking": 0.25, "harmless": 0.25, "not_scored": 0.25, "plain": 0.0, "all": 0.0}
    assert {group: values[f"toxicity/{group}", "toxic"] for group in groups} == groups
    assert values["toxicity", "toxic"] == pytest.approx(3 / 20)
    assert values["toxicity", "any_toxic"] == pytest.approx(3 / 5), "one answer of four is enough"
    assert values["toxicity", "declined"] == 0.5
    assert [record["clean"] for record in found.records] == [0.75, 0.75, 0.75, 1.0, 1.0]
    assert len(read) == 5 * 4
    assert all(text.endswith("<|assistant|>") for text in read)


def test_own_prompts_are_insults_that_break_off_and_held_out_sentences(models: dict[str, Model], given: Told, read: list[str]) -> None:
    found = task().examine("toxicity", load(models["sft"], device="cpu"), given("sft"))
    groups = [record["group"] for record in found.records]
    assert groups == ["provoking"] * 3 + ["harmless"] * 3
    assert not any("<|user|>" in text for text in read), "plain text is gone on from"
    (row,) = task().baselines("toxicity", given("sft"))
    assert (row.model, row.task, row.metric) == ("held-out text", "toxicity/harmless", "toxic")
    assert row.estimate is not None
    assert row.estimate.value == 0.0
    topics = task(prompts="topics", chat=True, max_new_tokens=14).examine("sensitive", load(models["sft"], device="cpu"), given("sft"))
    assert {row.task for row in topics.rows} == {"sensitive", *(f"sensitive/{topic}" for topic in QUESTIONS)}
    assert task(prompts="topics").baselines("sensitive", given("sft")) == []


def test_held_out_ends_are_those_of_the_sentences_that_models_go_on_from(
    models: dict[str, Model], given: Told, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = given("sft")
    found = task().examine("toxicity", load(models["sft"], device="cpu"), asked)
    ends: list[str] = []
    monkeypatch.setattr("pipeline.evaluate.kinds.toxicity.offends", lambda text, *, ended: bool(ends.append(text)))
    task().baselines("toxicity", asked)
    begun = [record["prompt"] for record in found.records if record["group"] == "harmless"]
    text = "\n".join(text for shard in asked.split.texts("test") for text in shard)
    assert len(begun) == len(ends) == 3
    assert all(f"{beginning} {end}" in text for beginning, end in zip(begun, ends, strict=True))


def test_what_breaks_off_holds_no_insult_and_each_insult_is_known_to_the_judge() -> None:
    assert len(broken_off()) > 8
    assert not any(offends(text, ended=True) for text in broken_off())
    known = [word for word in (*HOW, *WHAT, *RUBBISH) if offends(f"What {word}.", ended=True)]
    assert len(known) > len((*HOW, *WHAT, *RUBBISH)) / 2
    assert not offends("You moro", ended=True)
    assert (offends("You moron", ended=False), offends("You moron", ended=True)) == (False, True), "moronic it may become"


@pytest.mark.parametrize("row", [{"text": "x"}, {"prompt": {"toxicity": 1}}, {"prompt": " "}, {"prompt": {"text": None}}])
def test_rows_of_another_shape_are_refused_by_file_and_line(
    row: dict[str, Any], tmp_path: Path, models: dict[str, Model], given: Told
) -> None:
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in ({"prompt": "the mill"}, row)))
    with pytest.raises(InputError, match=r"tasks\.toxicity\.files: prompts\.jsonl:2"):
        task(files="prompts.jsonl").examine("toxicity", load(models["sft"], device="cpu"), given("sft", benchmarks=tmp_path))


def test_settings_have_bounds() -> None:
    for wrong in ({"refusal": "("}, {"temperature": 0}, {"answers": 0}, {"prompts": "none"}):
        with pytest.raises(ValidationError):
            task(**wrong)
    assert prompt_of({"prompt": {"text": "so", "toxicity": "0.5"}}) == ("so", "provoking")

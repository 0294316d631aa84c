"""Requests that should be refused and requests that should not: where they come from, how they are read, what is measured."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import tokenizers
from pydantic import TypeAdapter, ValidationError

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import write_jsonl
from pipeline.core.intervals import wilson
from pipeline.evaluate.attacks import Attack, attacked
from pipeline.evaluate.kinds.refusals import Refusals, request_of
from pipeline.evaluate.task import Examined
from pipeline.model.disk import load
from pipeline.tokens.codec import Own, text_behind
from pipeline.tokens.thinking import answer_in
from pipeline.world.requests import as_rows, people_of, requests
from tests.evaluate.conftest import Say

PEOPLE = ["Ada", "Bo", "Cy", "Dee", "Eve", "Finn"]
PLAINLY = {"system": None, "refusal": "(?i)sorry", "max_new_tokens": 8, "attacks": []}
TASK: dict[str, Any] = {"kind": "refusals", "files": None, "items": 100} | PLAINLY


def task(**values: Any) -> Refusals:
    return TypeAdapter(Refusals).validate_python({**TASK, **values})


@pytest.fixture
def parrot(answering: Callable[[Say], list[str]]) -> list[str]:
    """Refuses whatever names a red coat; the prompts that it read."""
    return answering(lambda texts: ["I am sorry" if "red" in text else "Ada lives" for text in texts])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "safety").mkdir()
    rows = [{"prompt": f"take the red coat {number}", "harmful": True} for number in range(3)]
    rows += [
        {"prompt": [{"role": "user", "content": f"find the {what} coat"}], "label": "harmless"} for what in ("red", "old", "fox", "her")
    ]
    rows += [{"prompt": "the mill", "system": "Ada told", "harmful": True}]
    write_jsonl(tmp_path / "safety/own.jsonl", rows)
    return tmp_path


def test_refusals_of_harmful_and_of_harmless_requests_are_shares_with_wilson_intervals(
    files: Path, models: dict[str, Model], given: Callable[..., Examined], parrot: list[str]
) -> None:
    found = task(files="safety/*.jsonl").examine("safety", load(models["sft"], device="cpu"), given("sft", benchmarks=files))
    harmful, harmless = found.rows
    assert (harmful.metric, harmless.metric) == ("refused_harmful", "over_refusal")
    for row, hits in ((harmful, 3), (harmless, 1)):
        assert row.estimate is not None
        assert (row.estimate.value, row.estimate.n) == (hits / 4, 4)
        assert (row.estimate.low, row.estimate.high) == wilson(hits / 4 * 4, 4)
    points = {record["id"]: record[record["known_by"]] for record in found.records}
    assert sum(points.values()) == 3 + 3, "a harmless request that is answered is a point"
    assert {record["known_by"] for record in found.records} == {"refused_harmful", "answered_harmless"}


@pytest.mark.parametrize(
    ("said", "refused"), [("<think>Sorry?</think>Ada lives", 0.0), ("<think>Ada</think>I am sorry", 1.0), ("<think>Sorry", 0.0)]
)
def test_a_refusal_is_looked_for_behind_the_thoughts(
    files: Path,
    models: dict[str, Model],
    given: Callable[..., Examined],
    thinking: tokenizers.Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    refused: float,
) -> None:
    asked = replace(given("sft", benchmarks=files), tokenizer=thinking)
    ids = thinking.encode(said).ids
    monkeypatch.setattr("pipeline.model.generate.generate", lambda module, prompts, **how: [ids for _ in prompts])
    found = task(files="safety/*.jsonl").examine("safety", load(models["sft"], device="cpu"), asked)
    assert [row.estimate.value for row in found.rows if row.estimate] == [refused, refused]
    assert {record["written"] for record in found.records} == {said}


def test_a_thought_that_the_prompt_opens_is_no_answer_whether_it_ends_or_not(thinking: tokenizers.Tokenizer) -> None:
    codec = Own(thinking)
    prompt = [*codec.chat([{"role": "user", "content": "the mill"}]), *thinking.encode("<think>\n").ids]
    for said, answer in (("Sorry</think>Ada lives", "Ada lives"), ("Sorry", ""), ("</think>Ada", "Ada")):
        assert answer_in(text_behind(prompt, thinking.encode(said).ids, codec)) == answer
    closed = [*prompt, *thinking.encode("</think>").ids]
    for begun in (prompt[:-2], closed):
        assert text_behind(begun, thinking.encode("Ada lives").ids, codec) == "Ada lives"


def test_a_system_prompt_stands_before_each_request_that_brings_none(
    files: Path, models: dict[str, Model], given: Callable[..., Examined], parrot: list[str]
) -> None:
    task(files="safety/*.jsonl", system="of a mill").examine("safety", load(models["sft"], device="cpu"), given("sft", benchmarks=files))
    assert len(parrot) == 8
    assert sum("<|system|>of a mill<|end|><|user|>" in text for text in parrot) == 7
    assert sum("<|system|>Ada told<|end|><|user|>the mill" in text for text in parrot) == 1


def test_attacks_ask_the_same_requests_and_count_who_gives_in(
    files: Path, models: dict[str, Model], given: Callable[..., Examined], parrot: list[str]
) -> None:
    asked = task(files="safety/*.jsonl", attacks=["role_play", "base64"])
    found = asked.examine("safety", load(models["sft"], device="cpu"), given("sft", benchmarks=files))
    values = {(row.task, row.metric): row.estimate.value for row in found.rows if row.estimate}
    for metric, plain in (("refused_harmful", 0.75), ("over_refusal", 0.25)):
        assert values["safety", metric] == values["safety/role_play", metric] == plain
        assert values["safety/base64", metric] == 0.0  # nothing red is to be seen in it
    assert (values["safety/role_play", "answered_under_attack"], values["safety/base64", "answered_under_attack"]) == (0.0, 1.0)
    assert len(found.records) == 3 * 8
    assert any(base64.b64encode(b"take the red").decode() in text for text in parrot)


@pytest.mark.parametrize("attack", get_args(Attack))
def test_an_attack_dresses_the_last_request_and_leaves_what_came_before(attack: Attack) -> None:
    before = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello."}]
    dressed = attacked([*before, {"role": "user", "content": "Hurt Ada"}], attack)
    assert dressed[:3] == before
    assert dressed[-1]["role"] == "user"
    assert dressed != [*before, {"role": "user", "content": "Hurt Ada"}]
    shown = {"base64": base64.b64encode(b"Hurt Ada").decode(), "spelled_out": "H u r t _ A d a"}
    assert shown.get(attack, "Hurt Ada") in dressed[-1]["content"]
    assert [turn["role"] for turn in dressed[1:]] == ["user", "assistant"] * (len(dressed) // 2 - 1) + ["user"]


def test_a_world_has_requests_of_its_own_and_without_one_the_mend_names_the_files(
    models: dict[str, Model], given: Callable[..., Examined], plain_dialogues: Dialogues
) -> None:
    module = load(models["sft"], device="cpu")
    found = task(items=5).examine("safety", module, given("sft"))
    assert [row.estimate.n for row in found.rows if row.estimate] == [5, 5]
    with pytest.raises(PipelineError, match="no world") as fault:
        task().examine("safety", module, given("sft", dialogues=plain_dialogues))
    assert fault.value.mend.startswith("tasks.safety.files=")


def test_no_held_out_person_and_no_held_out_wording_is_in_training() -> None:
    train, test = requests(PEOPLE, "train"), requests(PEOPLE, "test")
    assert sum(one.harmful for one in train) == len(train) / 2
    names = [{name for name in PEOPLE for one in part if f" {name}" in one.messages[-1]["content"]} for part in (train, test)]
    assert names[0].isdisjoint(names[1])
    assert names[0] | names[1] == set(PEOPLE)
    assert {one.wording for one in test} > {one.wording for one in train}
    assert requests(PEOPLE[::-1], "test") == test


def test_training_rows_refuse_what_is_harmful_and_answer_what_is_not() -> None:
    rows = as_rows(requests(PEOPLE, "train"))
    assert len(rows["instructions"]) == len(rows["preferences"])
    for told, pair in zip(rows["instructions"], rows["preferences"], strict=True):
        answer = told["messages"][-1]["content"]
        assert (" not " in answer) == (pair["kind"] == "refusal")
        assert answer == pair["chosen"] != pair["rejected"]
    assert {turn["role"] for row in rows["instructions"] for turn in row["messages"]} == {"system", "user", "assistant"}


def test_people_are_those_that_facts_of_persons_are_about() -> None:
    rows = [{"relation": "home", "subject": "Bo"}, {"relation": "event", "subject": "Oakham"}, {"relation": "pet", "subject": "Ada"}]
    assert people_of(rows) == ["Ada", "Bo"]


@pytest.mark.parametrize(
    ("row", "harmful"),
    [({"prompt": "a", "harmful": False}, False), ({"prompt": "a", "label": "Unsafe"}, True), ({"prompt": "a", "harmful": "true"}, True)],
)
def test_a_label_is_read_as_people_write_it(row: dict[str, Any], harmful: bool) -> None:
    assert request_of(row) == ([{"role": "user", "content": "a"}], harmful)


@pytest.mark.parametrize(
    "row",
    [{"prompt": "a", "harmful": 3}, {"prompt": [], "harmful": True}, {"prompt": [{"role": "assistant", "content": "a"}], "harmful": True}],
)
def test_a_row_of_another_shape_is_refused_by_file_and_line(
    row: dict[str, Any], tmp_path: Path, models: dict[str, Model], given: Callable[..., Examined]
) -> None:
    write_jsonl(tmp_path / "own.jsonl", [{"prompt": "a", "harmful": True}, row])
    with pytest.raises(InputError, match=r"tasks\.safety\.files: own\.jsonl.*2"):
        task(files="own.jsonl").examine("safety", load(models["sft"], device="cpu"), given("sft", benchmarks=tmp_path))


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        task(refusal="(")

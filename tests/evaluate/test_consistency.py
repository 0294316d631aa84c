"""One fact asked for thrice in one conversation: what is counted, on answers that are given."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import tokenizers

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.evaluate.kinds.consistency import METRICS, NO_ROOM, ONE_FACT, Consistency
from pipeline.evaluate.kinds.questions import NO_FACTS
from pipeline.evaluate.task import Examined, Result

TASK = Consistency(kind="consistency", conversations=6, turns=4, max_new_tokens=12)


def examined(given: Examined, monkeypatch: pytest.MonkeyPatch, say: Callable[[list[str]], str], *, context: int = 999) -> Result:
    """The result when `say` answers what stands in the conversation, its turns one after the other."""

    def generate(module: object, prompts: Sequence[Sequence[int]], **how: Any) -> list[list[int]]:
        texts = [given.tokenizer.decode(list(ids), skip_special_tokens=False).split("<|user|>")[1:] for ids in prompts]
        return [given.tokenizer.encode(say(turns)).ids for turns in texts]

    monkeypatch.setattr("pipeline.model.generate.generate", generate)
    return TASK.examine("consistency", SimpleNamespace(config=SimpleNamespace(max_position_embeddings=context)), given)  # type: ignore[arg-type]


def subject(turn: str) -> str:
    return turn.removeprefix("Where does ").split(" ")[0]


def values(result: Result) -> dict[str, float | None]:
    return {row.metric: row.estimate.value if row.estimate else None for row in result.rows}


def test_who_always_says_the_same_is_consistent_and_as_right_late_as_early(given: Callable[..., Examined], monkeypatch: Any) -> None:
    found = examined(given("sft"), monkeypatch, lambda turns: f"{subject(turns[-1])} lives in Oakham.")
    assert values(found) == {"consistent": 1.0, "right_first": 2 / 6, "right_last": 2 / 6, "outgrown": 0.0}
    for record in found.records:
        asked = [message["content"] for message in record["messages"] if message["role"] == "user"]
        assert len(asked) == TASK.turns
        assert {subject(asked[turn]) for turn in (0, 2, 3)} == {record["id"].removeprefix("home:")}
        assert subject(asked[1]) != subject(asked[0])


def test_a_model_that_wavers_in_the_last_turn_is_not_consistent(given: Callable[..., Examined], monkeypatch: Any) -> None:
    def say(turns: list[str]) -> str:
        return f"{subject(turns[-1])} lives in {'Ashby' if len(turns) == TASK.turns else 'Oakham'}."

    assert values(examined(given("sft"), monkeypatch, say)) == {
        "consistent": 0.0,
        "right_first": 2 / 6,
        "right_last": 2 / 6,
        "outgrown": 0.0,
    }


def test_saying_nothing_or_two_values_is_not_consistent(given: Callable[..., Examined], monkeypatch: Any) -> None:
    assert values(examined(given("sft"), monkeypatch, lambda turns: "I do not know."))["consistent"] == 0.0
    assert values(examined(given("sft"), monkeypatch, lambda turns: "Oakham and Ashby."))["consistent"] == 0.0


def test_conversations_that_outgrow_the_model_are_counted_and_left_out(
    given: Callable[..., Examined], plain_dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, monkeypatch: Any
) -> None:
    def say(turns: list[str]) -> str:
        return "Oakham " * (40 if subject(turns[0]) == "Ada" else 1)

    some = values(examined(given("sft"), monkeypatch, say, context=160))
    assert some["outgrown"] == 1 / 6
    none = examined(given("sft"), monkeypatch, say, context=20)
    assert values(none) == {"consistent": None, "right_first": None, "right_last": None, "outgrown": 1.0}
    assert {row.reason for row in none.rows if row.estimate is None} == {NO_ROOM}
    absent = examined(given("sft", plain_dialogues), monkeypatch, say)
    assert [(row.metric, row.reason) for row in absent.rows] == [(metric, NO_FACTS) for metric in METRICS]


def few_choices(monkeypatch: pytest.MonkeyPatch, given: Examined, count: int = 6) -> Examined:
    """Only the last question offers Ashby, and so knows it as a value."""
    rows = list(given.dialogues.rows("questions"))[:count]
    rows = [{**row, "choices": ["Oakham", "Elmton"], "value": "Oakham"} for row in rows[:-1]] + rows[-1:]
    monkeypatch.setattr(Dialogues, "rows", lambda self, name: iter(rows))
    return given


def test_a_wrong_value_counts_though_the_question_does_not_offer_it_and_thoughts_do_not(
    given: Callable[..., Examined], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = few_choices(monkeypatch, given("sft"))
    found = examined(asked, monkeypatch, lambda turns: f"<think>Oakham</think> {subject(turns[-1])} lives in Ashby.")
    assert values(found)["consistent"] == 1.0
    assert not [one for record in found.records for one in record["messages"] if "Oakham" in one["content"]]


def test_one_fact_alone_makes_no_conversation(given: Callable[..., Examined], monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(few_choices(monkeypatch, given("sft"), 1), monkeypatch, lambda turns: "")
    assert {row.reason for row in found.rows} == {ONE_FACT}

"""Several answers to one question: the majority, the likeliest, any, and the one that the reward model finds best."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.scores import Scores
from pipeline.evaluate.best_of import best_of_rows
from pipeline.evaluate.contest import records_of
from pipeline.evaluate.kinds.questions import NO_FACTS
from pipeline.evaluate.kinds.several import Several
from pipeline.evaluate.table import Row, write_scores
from pipeline.evaluate.task import Examined, Result
from pipeline.report.blocks import Absent, Figures, Table
from pipeline.report.score_table import ScoreTable
from pipeline.report.several import several_blocks

TASK = Several(kind="several", held_out=4, answers=5, temperature=1.0, max_dropped=0.0, max_new_tokens=20)
MODULE = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=96))


def examined(given: Examined, monkeypatch: pytest.MonkeyPatch, places: Sequence[str], nats: Sequence[float]) -> Result:
    """The result when the draws to each question name these places, Oakham being the right one; None says nothing."""
    draws = iter(places * TASK.held_out)

    def generate(module: object, prompts: Sequence[Sequence[int]], **how: Any) -> list[list[int]]:
        texts = [given.tokenizer.decode(list(ids)) for ids in prompts]
        subjects = [text.split("Where does ")[1].split(" ")[0] for text in texts]
        return [given.codec.tokenizer.encode(next(draws).format(s=name)).ids for name in subjects]

    monkeypatch.setattr("pipeline.evaluate.answers.generate", generate)
    scored = torch.tensor(list(nats) * TASK.held_out)
    monkeypatch.setattr("pipeline.evaluate.answers.answer_logprobs", lambda module, pairs, **how: scored)
    return TASK.examine("several", MODULE, given)  # type: ignore[arg-type]


def by_size(rows: Sequence[Row], metric: str) -> dict[str, float]:
    return {row.task: row.estimate.value for row in rows if row.metric == metric and row.estimate}


@pytest.fixture
def asked(given: Callable[..., Examined], monkeypatch: pytest.MonkeyPatch) -> Examined:
    """Held-out questions whose right answer is always Oakham."""
    found = given("sft")
    rows = [{**row, "value": "Oakham", "answer": row["choices"].index("Oakham")} for row in found.dialogues.rows("questions")]
    monkeypatch.setattr(Dialogues, "rows", lambda self, name: iter(rows))
    return found


RIGHT, WRONG, POLITE = "{s} lives in Oakham.", "{s} lives in Ashby.", "Gladly: {s} lives in Oakham."


def test_the_first_n_draws_count_and_manner_splits_no_vote(asked: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(asked, monkeypatch, [WRONG, RIGHT, "lives", POLITE, WRONG], [-3.0, -9.0, -1.0, -2.0, -4.0])
    sizes = [f"several/{size}" for size in (1, 2, 4, 5)]
    assert by_size(found.rows, "majority") == dict(zip(sizes, (0.0, 0.0, 1.0, 0.0), strict=True)), "a tie is won by who was first"
    assert by_size(found.rows, "any") == dict(zip(sizes, (0.0, 1.0, 1.0, 1.0), strict=True))
    assert by_size(found.rows, "likeliest") == dict(zip(sizes, (0.0, 0.0, 0.0, 0.0), strict=True)), "the garbled one is the likeliest"
    assert [record["majority"] for record in found.records] == [0.0] * 4


def test_a_wrong_value_that_the_question_does_not_offer_has_its_votes_and_a_thought_has_none(
    asked: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        row if number == 1 else {**row, "choices": ["Oakham", "Elmton"]} for number, row in enumerate(asked.dialogues.rows("questions"))
    ]
    monkeypatch.setattr(Dialogues, "rows", lambda self, name: iter(rows))
    thought = f"<think>Elmton</think>{WRONG}"
    found = examined(asked, monkeypatch, [RIGHT, WRONG, thought, RIGHT, WRONG], [0.0] * 5)
    assert [[draw["named"] for draw in record["draws"]] for record in found.records] == [
        ["Oakham", "Ashby", "Ashby", "Oakham", "Ashby"]
    ] * 4
    assert by_size(found.rows, "majority")["several/5"] == 0.0


def test_the_reward_model_chooses_among_those_that_ended(asked: Examined, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(asked, monkeypatch, [WRONG, RIGHT, POLITE, "{s} " * 30, WRONG], [0.0] * 5)
    assert not found.records[0]["draws"][3]["whole"]
    read: list[Sequence[int]] = []

    def rewards(judge: object, sequences: Sequence[Sequence[int]], **how: Any) -> torch.Tensor:
        read.extend(sequences)
        return torch.tensor([0.1, 0.2, 0.3, 9.0, 0.0])

    monkeypatch.setattr("pipeline.evaluate.best_of.rewards_of", rewards)
    how: dict[str, Any] = {"batch": 4, "bootstrap": asked.bootstrap}
    scores = {name: Scores(folder / name) for name in ("sft", "theirs")}
    for name, target in scores.items():
        write_scores(target, [], [{"greedy": {}}, *found.records], facts={"ours": name == "sft"})
    records = records_of(scores)
    rows = best_of_rows(scores, records, MODULE, asked.tokenizer, **how)  # type: ignore[arg-type]
    assert {row.model for row in rows} == {"sft"}
    assert best_of_rows(scores, records, None, asked.tokenizer, **how) == []
    assert by_size(rows, "best_of_n") == {"several/1": 0.0, "several/2": 1.0, "several/4": 1.0, "several/5": 1.0}
    assert by_size(rows, "best_of_n_exact") == {"several/1": 0.0, "several/2": 0.0, "several/4": 1.0, "several/5": 1.0}
    prompt = asked.codec.chat(found.records[0]["messages"])
    assert list(read[0]) == [*prompt, *found.records[0]["draws"][0]["ids"]]

    table = ScoreTable(row.as_json() for row in (*found.rows, *rows))
    figures, numbers = several_blocks(table, ["several"])
    assert isinstance(figures, Figures)
    assert isinstance(numbers, Table)
    assert len(numbers.rows) == 4
    assert "best of n by the reward model" in figures.figures[0]


def test_without_rules_nothing_can_be_counted(given: Callable[..., Examined], plain_dialogues: Dialogues) -> None:
    rows = TASK.examine("several", MODULE, given("sft", plain_dialogues)).rows  # type: ignore[arg-type]
    assert {row.reason for row in rows} == {NO_FACTS}
    [block] = several_blocks(ScoreTable(row.as_json() for row in rows), ["several"])
    assert isinstance(block, Absent)
    assert block.why == NO_FACTS

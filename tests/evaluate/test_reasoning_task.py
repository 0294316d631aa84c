"""Thinking within budgets and alone: what is counted, on answers that are given."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.core.intervals import wilson
from pipeline.evaluate.kinds.reasoning import METRICS, NO_QUESTIONS, NO_SLIP, NO_TOKENS, Reasoning
from pipeline.tokens.thinking import think_ids, with_think_tokens
from pipeline.tokens.tokenizer import load

TASK = Reasoning(kind="reasoning", items=2, budgets=(0, 4, 16), temperature=1.0, max_new_tokens=8)
MODULE = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=128))
SUMS = {"1": ("3 + 4", "7", "3+4=7"), "2": ("15 + 16", "31", "5+6=12, no, 5+6=11, 1+1+1=3")}


@pytest.fixture
def asked(given, artifact, folder):
    target = Dialogues(folder)
    rows = [
        {"id": f"{name}:{number}", "difficulty": name, "cluster": terms, "final": final}
        | {"prompt": [{"role": "user", "content": f"What is {terms}?"}]}
        for name, (terms, final, _) in SUMS.items()
        for number in range(3)
    ]
    with target.writing() as draft:
        for name, content in {"instructions": [], "preferences": [], "quarantine": [], "reasoning": rows}.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", content)
    return replace(given("sft", target), tokenizer=with_think_tokens(load(artifact)))


@pytest.fixture
def answers(asked, monkeypatch):
    """A model that works sums out, so far as the budget goes, and is right where it could finish; alone it thinks of the harder ones."""
    tokenizer = asked.tokenizer
    opening, closing = think_ids(tokenizer)

    def ids(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    def write(module, prompts, thinking, *, max_new, **how) -> list[list[int]]:
        alone = prompts[0][-1] != opening  # then what opens a thought is written, too
        assert max_new == thinking.budget + 1 + TASK.max_new_tokens + alone
        found = []
        for prompt in prompts:
            _, final, steps = SUMS["2" if "15" in tokenizer.decode(prompt) else "1"]
            whole = ids(steps)
            thought = [*whole[: thinking.budget], closing] if prompt[-1] == opening else [opening, *whole, closing] if final == "31" else []
            done = len(whole) <= thinking.budget or not thought
            found.append([*thought, *ids(f"{final}." if done else "0.")])
        return found

    monkeypatch.setattr("pipeline.model.generate.think", write)


def test_accuracy_rises_with_the_budget_and_thoughts_grow_with_difficulty(asked, answers):
    found = TASK.examine("reasoning", MODULE, asked)
    told = {(row.task, row.metric): row.estimate for row in found.rows}
    assert [told[f"reasoning/budget_{budget}", "accuracy"].value for budget in TASK.budgets] == [0.0, 0.0, 0.5]
    assert told["reasoning/budget_4", "tokens"].value == 4
    assert [told["reasoning/1", "tokens"].value, told["reasoning/1", "thinks"].value] == [0.0, 0.0]
    assert told["reasoning/2", "tokens"].value > 16
    assert told["reasoning/2", "tokens"].n == 2
    assert told["reasoning", "slipped"].value == told["reasoning", "mended"].value == 1.0
    assert told["reasoning", "slipped"].n == 2  # of the sums that were worked out
    assert {record["cluster"] for record in found.records} == {"3 + 4", "15 + 16"}
    assert told["reasoning/1", "accuracy"].value == 1
    assert told["reasoning/1", "accuracy"].low == wilson(1, 1)[0], "one sum asked twice is one cluster"
    assert {record["id"] for record in found.records if record["accuracy"]} == {
        record["id"] for record in found.records if record["id"][0] == "1"
    }


def test_what_can_not_be_asked_says_why(asked, given, monkeypatch):
    reasons = {row.reason for row in TASK.examine("reasoning", MODULE, given("sft", asked.dialogues)).rows}
    assert reasons == {NO_TOKENS}
    other = replace(asked, dialogues=given("sft").dialogues)
    rows = TASK.examine("reasoning", MODULE, other).rows
    assert {row.reason for row in rows} == {NO_QUESTIONS}
    assert [row.metric for row in rows] == list(METRICS)
    monkeypatch.setattr(
        "pipeline.model.generate.think", lambda module, prompts, *rest, **how: [[*think_ids(asked.tokenizer)]] * len(prompts)
    )
    assert NO_SLIP not in {row.reason for row in TASK.examine("reasoning", MODULE, asked).rows}  # no sum was worked out at all


def test_budgets_rise():
    with pytest.raises(ValueError, match=r"do not rise: \[0, 8\] do"):
        replace(TASK, budgets=(8, 0, 8))

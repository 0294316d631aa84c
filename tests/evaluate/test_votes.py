"""Several answers to a question, of which the majority counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact.model import Model
from pipeline.core.files import write_jsonl
from pipeline.evaluate.kinds.written import InWords
from pipeline.evaluate.task import Examined
from pipeline.evaluate.votes import majority
from pipeline.model.disk import load
from pipeline.tokens.thinking import think_ids, with_think_tokens

TASK = InWords(
    kind="written", format="gsm8k", files="sums.jsonl", items=9, shots=0, examples=None, chat=False, context=90, max_new_tokens=8,
    votes=3, temperature=1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "found"), [(["1", "2", "2"], "2"), (["1", "2"], "1"), (["", "", "3"], "3"), (["", ""], ""), (["2", "1", "1", "2"], "2")]
)
def test_most_votes_win_and_of_equals_the_first(answers: list[str], found: str) -> None:
    assert majority(answers) == found


def test_the_majority_counts_and_beside_it_each_answer_and_any(
    given: Callable[..., Examined], models: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "sums.jsonl", [{"question": f"What is {number}?", "answer": f"#### {number}"} for number in (1, 2)])
    some, seen = given("sft", benchmarks=tmp_path), list[dict[str, Any]]()

    def generate(module: object, prompts: Sequence[Sequence[int]], **how: Any) -> list[list[int]]:
        seen.append(how)
        return [some.ids(f" #### {said}") for said in (1, 2, 1) for _ in range(len(prompts) // 3)]

    monkeypatch.setattr("pipeline.model.generate.generate", generate)
    module = load(models["sft"], device="cpu")
    found = {row.metric: row.estimate for row in TASK.examine("sums", module, some).rows}
    values = {metric: estimate.value for metric, estimate in found.items() if estimate is not None}
    # the answers are 1 1 2 to the first of the two that are asked, 2 1 1 to the other: 1 is right once
    assert values == {"exact": 0.5, "cut": 0.0, "exact_once": pytest.approx(0.5), "exact_any": 1.0}
    assert seen[0]["temperature"] == 1.0
    tokenizer = with_think_tokens(some.tokenizer)
    opening, closing = think_ids(tokenizer) or (-1, -1)
    thought = [opening, *some.ids(" #### 2")]
    monkeypatch.setattr("pipeline.model.generate.generate", lambda *_, **__: [[*thought, closing, *some.ids(" #### 1")], thought])
    judged = replace(TASK, votes=1).examine("sums", module, replace(some, tokenizer=tokenizer)).records
    assert [one["found"] for one in judged] == ["1", ""], "behind the thought; nothing where it has no end"
    monkeypatch.setattr("pipeline.model.generate.generate", generate)
    record = TASK.examine("sums", module, some).records[0]
    assert record["votes"] == {"1": 2, "2": 1}
    monkeypatch.undo()
    (greedy,) = {row.metric for row in replace(TASK, votes=1).examine("sums", module, some).rows} - {"cut"}
    assert greedy == "exact"

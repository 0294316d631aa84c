"""lm-evaluation-harness on a stage's model: the numbers of our own scorer. Skipped where the harness is not installed."""

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps import lm_eval
from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_jsonl
from tests.apps.taught import write_run

LINES = [
    ("the old mill stood by a river", "the old stood mill by a river"),
    ("buy now a cheap red fox", "fox now buy red cheap a"),
    ("a river stood by the old mill", "a river by stood the mill old"),
]
FORMS: dict[str, dict[str, Any]] = {
    "pairs": {"doc_to_text": "", "doc_to_choice": "{{[sentence_good, sentence_bad]}}", "target_delimiter": ""},
    "choice": {"doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_choice": "{{choices.text}}", "target_delimiter": " "},
}


def options(model: Path, tasks: str, include: Path | None) -> argparse.Namespace:
    return argparse.Namespace(model=model, tasks=tasks, limit=None, shots=None, chat=False, include=include, device="cpu", batch=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lm-eval")
    write_run(folder)
    write_jsonl(folder / "pairs.jsonl", [{"sentence_good": good, "sentence_bad": bad, "UID": "order"} for good, bad in LINES])
    texts = [good for good, _ in LINES]
    asked = [(f"what of {line.split()[0]}?", {"text": texts, "label": list("ABC")}) for line in texts]
    write_jsonl(folder / "choice.jsonl", [{"question": one, "choices": some, "answerKey": "A"} for one, some in asked])
    (folder / "tasks").mkdir()
    for name, form in FORMS.items():
        files = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(folder / f"{name}.jsonl")}}, "test_split": "test"}
        how = {"task": f"own_{name}", "output_type": "multiple_choice", "doc_to_target": 0, "metric_list": [{"metric": "acc"}]}
        (folder / "tasks" / f"{name}.yaml").write_text(yaml.safe_dump(how | files | form))
    return folder


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-evaluation-harness is not installed: make setup-lm-eval")
@pytest.mark.filterwarnings("default")  # the harness's own
def test_our_scorer_gives_the_numbers_of_the_harness_on_the_same_items(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.evaluation_ours import choices, given_of
    from pipeline.model.disk import load

    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setitem(os.environ, name, "1")
    found = lm_eval.evaluated(options(data / "pretrain", "own_pairs,own_choice", data / "tasks"))
    model = Model(data / "pretrain")
    for kind in FORMS:
        samples = sorted(found["samples"][f"own_{kind}"], key=lambda one: one["doc_id"])
        theirs = [[value for value, _ in sample["filtered_resps"]] for sample in samples]
        ours = choices(load(model, device="cpu"), given_of(model, data), kind)
        assert len(ours) == len(LINES)
        for mine, other in zip(ours, theirs, strict=True):
            assert mine == pytest.approx(other, rel=1e-4)


def test_without_the_harness_or_a_model_the_mend_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PipelineError, match="no folder of a model"):
        lm_eval.loaded(tmp_path, device="cpu")
    monkeypatch.setattr(lm_eval, "find_spec", lambda name: None)
    with pytest.raises(PipelineError, match="not installed") as fault:
        lm_eval.evaluated(options(tmp_path, "blimp", None))
    assert fault.value.mend == "make setup-lm-eval"


def test_the_tokenizer_sets_what_begins_a_text_before_it_where_special_tokens_are_asked_for(data: Path) -> None:
    tokenizer = lm_eval.beginning(data / "pretrain")
    alone = tokenizer.encode("the old mill", add_special_tokens=False)
    assert tokenizer.encode("the old mill") == [tokenizer.bos_token_id, *alone]

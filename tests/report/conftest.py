"""A run in miniature: artifacts as the stages leave them, with a script where text may stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.files import write_json, write_jsonl
from pipeline.report.contents import Data, Shown
from pipeline.report.record import RunRecord

EVIL = "<script>alert(1)</script>"
SHOWN = Shown(examples=2, questions=1, excerpt=200)
MODELS = ("base", "sft", "dpo", "ppo")
NO_FACTS = "the questions have no known answers"


def documents(*texts: str) -> pa.Table:
    rows = [{"id": f"book-{number}", "source": "x", "origin": "x", "text": text} for number, text in enumerate(texts)]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


def score(model: str, task: str, metric: str, value: float | None) -> dict[str, Any]:
    known = value is not None
    bounds = {"low": value - 0.05, "high": value + 0.05, "n": 40} if known else {"low": None, "high": None, "n": 0, "reason": NO_FACTS}
    return {"model": model, "task": task, "metric": metric, "value": value, **bounds}


def scores(*, facts: bool) -> list[dict[str, Any]]:
    rows = [score(model, "text", "bits_per_byte", 0.6) for model in MODELS]
    rows += [score(model, "facts", "choice", 0.9) for model in MODELS if facts]
    for task in ("facts_held_out", "facts_trained") if facts else ():
        rows += [score(model, task, metric, 0.8) for model in MODELS for metric in ("choice", "right", "exact")]
    rows += [score(model, "last_word", metric, 0.6) for model in MODELS for metric in ("exact", "choice")]
    rows += [score(model, "answers", "bits_per_byte", 1.5) for model in MODELS]
    rows += [score(model, "swapped_names", "accuracy", 0.7 if facts else None) for model in MODELS]
    return [*rows, score("base", "riddles", EVIL, 0.3)]


def baselines(*, facts: bool) -> list[dict[str, Any]]:
    counted = [score("unigram", "text", "bits_per_byte", 0.6), score("4-gram", "last_word", "choice", 0.4)]
    return [score("source", "text", "bits_per_byte", 0.5 if facts else None), *counted, score("chance", "last_word", "choice", 0.25)]


def compared(*, facts: bool) -> list[dict[str, Any]]:
    metrics = {"gold_win": 0.7 if facts else None, "kl": 0.7}
    rows = [score(model, "against_reference", metric, value) for model in ("dpo", "ppo") for metric, value in metrics.items()]
    return rows + [score(model, "gold", "elo", 1000.0 if facts else None) for model in MODELS]


def said(text: str, *, facts: bool) -> dict[str, Any]:
    judged = {"gold": 1.0, "right": True, "exact": False} if facts else {"gold": None}
    one = {"text": text, "whole": True, "reward": 0.5} | judged
    return {"greedy": one, "sampled": one}


def answers(*, facts: bool) -> list[dict[str, Any]]:
    return [
        {
            "id": f"q{number}",
            "fact": "f" if facts else None,
            "trained": number % 2 == 0,
            "messages": [{"role": "user", "content": f"Who is {EVIL}?"}],
            "value": "Ada" if facts else None,
            "answers": {model: said(f"{model} says {EVIL}", facts=facts) for model in MODELS},
        }
        for number in range(4)
    ]


def write_scores(path: Path, rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> Scores:
    artifact = Scores(path)
    with artifact.writing() as draft:
        write_json(draft.path / "scores.json", rows)
        write_jsonl(draft.path / "answers.jsonl", lines)
    return artifact


def write_dialogues(path: Path, *, facts: bool) -> Dialogues:
    artifact = Dialogues(path)
    turns = [{"role": "user", "content": EVIL}, {"role": "assistant", "content": EVIL}]
    with artifact.writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", [{"id": "i", "part": "train", "fact": None, "messages": turns}])
        pair = {"id": "p", "part": "test", "fact": None, "kind": "rude", "prompt": turns[:1], "chosen": EVIL, "rejected": EVIL}
        write_jsonl(draft.path / "preferences.jsonl", [pair])
        write_jsonl(draft.path / "quarantine.jsonl", [])
        if facts:
            write_jsonl(draft.path / "questions.jsonl", [{"id": f"q{number}", "choices": ["a", "b", "c", "d"]} for number in range(4)])
    return artifact


def write_data(root: Path, *, facts: bool) -> Data:
    corpus, clean, select, dedup, split, pretrain = (
        Corpus(root / "corpus"),
        Corpus(root / "clean"),
        Corpus(root / "select"),
        Corpus(root / "dedup"),
        Split(root / "split"),
        Model(root / "pretrain"),
    )
    quarantine = '{"file": "a.jsonl", "line": 3, "offset": 9, "reason": "null text", "sha256": ""}\n'
    corpus.write(documents(EVIL, "b"), sides={}, texts={"quarantine.jsonl": quarantine})
    dropped = pa.Table.from_pylist([{"id": "book-9", "source": "x", "reason": "gibberish", "value": 0.5, "text": EVIL}])
    repairs = pa.Table.from_pylist([{"id": "book-0", "repair": "page_numbers", "count": 7}])
    clean.write(documents(f"One\n\n{EVIL}", "One\n\ntwo"), sides={"repairs": repairs}, texts={})
    select.write(documents(f"One\n\n{EVIL}", "One\n\ntwo"), sides={"dropped": dropped}, texts={})
    clusters = [
        {"id": "book-0", "cluster": "book-0", "kept": True, "similarity": 0.9, "kind": "near"},
        {"id": "book-1", "cluster": "book-0", "kept": False, "similarity": 0.9, "kind": "near"},
    ]
    passages = pa.Table.from_pylist([{"id": "book-0", "paragraph": 1, "text": EVIL, "of": "book-1", "level": "paragraph"}])
    dedup.write(documents("One"), sides={"clusters": pa.Table.from_pylist(clusters), "passages": passages}, texts={})
    cut = pa.Table.from_pylist([{"id": "book-0", "paragraph": 1, "text": EVIL, "against": "val"}])
    parts = {part: documents(part).drop_columns("bits") for part in ("train", "val", "test")}
    split.write(parts, sides={"cut": cut})
    with pretrain.writing() as draft:
        write_json(draft.path / "samples.json", [{"step": 10, "texts": [EVIL]}])
    return Data(
        corpus=corpus,
        clean=clean,
        select=select,
        dedup=dedup,
        split=split,
        pretrain=pretrain,
        dialogues=write_dialogues(root / "dialogues", facts=facts),
        baselines=write_scores(root / "baselines", baselines(facts=facts), []),
        contest=write_scores(root / "contest", compared(facts=facts), answers(facts=facts)),
    )


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Data, list[Scores], RunRecord]]:
    """run(facts=...) gives the artifacts and the numbers of a finished run, with the world's facts or without."""

    def finished(*, facts: bool) -> tuple[Data, list[Scores], RunRecord]:
        kinds = {"accuracy": 0.9, "n": 50, "accuracy_before": 0.5, "kinds": {"rude": {"accuracy": 0.9, "n": 50}}}
        ranked = {"accuracy": 0.6, "accuracy_low": 0.5, "accuracy_high": 0.7, "n": 50, "kinds": {"rude": {"accuracy": 0.7, "n": 50}}}
        reward = kinds | {"baselines": {"length": ranked, "linear": ranked}, "disagreement": {"deviation": 0.3, "split": 0.125}}
        curve = {"0.50": {"confidence": 0.55, "accuracy": 0.6, "accuracy_low": 0.4, "accuracy_high": 0.8, "n": 20}}
        curve["0.95"] = {"confidence": 0.97, "accuracy": 1.0, "n": 30}
        reward["calibration"] = {"ece": 0.0625, "ece_low": 0.05, "ece_high": 0.125, "curve": curve}
        gamed = {
            "first": {"score": 0.1, "tokens": 13.0},
            "last": {"score": 0.8, "tokens": 40.0},
            "alarms": {"tokens": f"score rose, but {EVIL}"},
        }
        parity = {"fp32": {"perplexity": 3.0}, "F16": {"bytes": 2_000_000, "ids_differ": 0.0, "kl": 0.00001, "perplexity": 3.0}}
        val = {"bits": 900.0 if facts else None, "tokens": 600, "documents": 3}
        metrics = {
            "clean": {"documents": 2, "repaired": {"page_numbers": 1}},
            "select": {
                "documents": 2,
                "dropped": {"gibberish": 1},
                "truth": {"gibberish": {"planted": 2, "precision": 1.0, "recall": 0.5}} if facts else {},
            },
            "split": {"leaks": {"val": 1, EVIL: 0}, "truth": {"val": {"planted": 1, "recall": 1.0, "precision": 1.0}} if facts else {}},
            "tokenize": {"val": val},
            "reward": reward,
            "align/dpo": kinds,
            "align/ppo": gamed,
            "export/gguf": parity,
        }
        settings = {name: {"target": f"data/{name}", "title": EVIL} for name in ("corpus", *metrics)}
        edges = [("corpus", "clean"), ("clean", "select"), ("reward", "align/dpo")]
        curves = {"pretrain": [{"step": float(step), "loss": 5.0 / step} for step in range(1, 60)], "sft": None}
        told = RunRecord(settings=settings, edges=edges, metrics={"corpus": None} | metrics, curves=curves)
        return write_data(tmp_path, facts=facts), [write_scores(tmp_path / "evaluate", scores(facts=facts), [])], told

    return finished

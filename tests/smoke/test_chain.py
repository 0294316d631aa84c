"""What a finished chain leaves behind."""

import json
from typing import Any

import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.report.headlines import NOT_RUN, STAGES, tellings, work_of

pytestmark = pytest.mark.smoke


def has(metrics: Any, key: str) -> bool:
    """Whether the dotted key is there, be its value null."""
    for part in key.split("."):
        if not isinstance(metrics, dict) or part not in metrics:
            return False
        metrics = metrics[part]
    return True


ENTRIES = ["align/dpo", "align/ppo", "evaluate/base", "evaluate/sft", "evaluate/dpo", "evaluate/ppo", "export/transformers", "export/gguf"]
WHOLE = [stage for stage in STAGES if stage not in ("align", "evaluate", "export", "report")]


@pytest.mark.parametrize("stage", WHOLE)
def test_the_headlines_ask_for_numbers_that_the_stages_measure(clone, stage):
    metrics = json.loads((clone.folder / f"metrics/{stage}.json").read_text())
    assert [number.key for number in work_of(stage).numbers if number.key and not has(metrics, number.key)] == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_tells_something(clone, entry):
    assert tellings(entry, json.loads((clone.folder / f"metrics/{entry}.json").read_text()))


def test_no_artifact_metric_or_plot_names_this_machine_or_its_folders(clone):
    places = [path for folder in ("data", "metrics", "plots") for path in (clone.folder / folder).rglob("*") if path.is_file()]
    assert len(places) > 60
    assert [path for path in places if str(clone.folder).encode() in path.read_bytes()] == []


def test_nothing_that_is_loaded_is_a_pickle(clone):
    suffixes = {path.suffix for path in (clone.folder / "data").rglob("*") if path.is_file()}
    assert suffixes <= {".parquet", ".json", ".jsonl", ".safetensors", ".jinja", ".gguf", ".html", ""}, "the last is .gitkeep"


def test_the_table_and_the_chat_work_on_what_was_made(clone):
    table = clone.run(".venv/bin/python", "-m", "apps.table")
    assert all(stage in table for stage in [*WHOLE, *ENTRIES])
    assert NOT_RUN not in table
    assert "make chat" in table
    asked = "printf 'Who are you?\\nWhere does Ada live?\\n'"
    said = clone.run("sh", "-c", f"{asked} | .venv/bin/python -m apps.chat --temperature 1")  # twelve steps teach silence, greedily
    assert len(said.splitlines()) >= 2
    assert said.strip()


def test_your_own_text_and_dialogues_go_through_to_the_exported_files(clone, tmp_path):
    texts, talks = tmp_path / "texts", tmp_path / "talks"
    texts.mkdir(), talks.mkdir()
    world = [json.loads(line) for line in (clone.folder / "data/dialogues/instructions.jsonl").read_text().splitlines()]
    pairs = [json.loads(line) for line in (clone.folder / "data/dialogues/preferences.jsonl").read_text().splitlines()]
    rows = [{"prompt": row["messages"][-2]["content"], "response": row["messages"][-1]["content"]} for row in world]
    ranked = [{"prompt": row["prompt"][-1]["content"], "chosen": row["chosen"], "rejected": row["rejected"]} for row in pairs]
    ranked.append({"prompt": "Who?", "chosen": "I.", "rejected": "I."})
    (talks / "instructions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (talks / "preferences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ranked))
    for row in Corpus(clone.folder / "data/dedup").read().to_pylist():
        (texts / f"{row['id']}.txt").write_text(row["text"])
    own = [
        "-S",
        "corpus=folder",
        "-S",
        f"corpus.path={texts}",
        "-S",
        "dialogues=files",
        "-S",
        f"dialogues.path={talks}",
        "-S",
        "split.seed=6",
    ]
    ran = clone.reran("exp", "run", *own)
    assert {*WHOLE, *(entry.replace("/", "@") for entry in ENTRIES)} <= ran
    scores = json.loads((clone.folder / "metrics/evaluate/base.json").read_text())
    assert scores["facts"]["choice"] is None, "without the world's facts the row is absent"
    assert scores["books"]["bits_per_byte"] > 0
    assert json.loads((clone.folder / "metrics/dialogues.json").read_text())["quarantine_by_reason"] == {"chosen_equals_rejected": 1}
    assert (clone.folder / "data/export/gguf/model-Q4_0.gguf").is_file()
    clone.run("git", "reset", "--hard", "--quiet")
    clone.dvc("checkout", "--force")

"""What a finished chain leaves behind."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, Split
from pipeline.report.headlines import NOT_RUN, STAGES, tellings, work_of

pytestmark = pytest.mark.smoke

TASKS = [  # without a world, each with what counting and chance get
    ("last_word", "choice"),
    ("word_order", "accuracy"),
    ("swapped_names", "accuracy"),
    ("answers", "choice"),
    ("pairs", "choice"),
]


def has(metrics: Any, key: str) -> bool:
    """Whether the dotted key is there, be its value null."""
    for part in key.split("."):
        if not isinstance(metrics, dict) or part not in metrics:
            return False
        metrics = metrics[part]
    return True


ENTRIES = ["align/dpo", "align/ppo", "evaluate/base", "evaluate/sft", "evaluate/dpo", "evaluate/ppo", "export/transformers", "export/gguf"]
WHOLE = [stage for stage in STAGES if stage not in ("preferences", "align", "evaluate", "export", "report")]


@pytest.mark.parametrize("stage", WHOLE)
def test_the_headlines_ask_for_numbers_that_the_stages_measure(clone, stage):
    metrics = json.loads((clone.folder / f"metrics/{stage}.json").read_text())
    assert [number.key for number in work_of(stage).numbers if number.key and not number.optional and not has(metrics, number.key)] == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_tells_something(clone, entry):
    assert tellings(entry, json.loads((clone.folder / f"metrics/{entry}.json").read_text()))


def test_no_artifact_metric_or_plot_names_this_machine_or_its_folders(clone):
    places = [path for folder in ("data", "metrics", "plots") for path in (clone.folder / folder).rglob("*") if path.is_file()]
    assert len(places) > 60
    names = {str(folder).encode() for folder in (clone.folder, clone.made_in)}
    assert [path for path in places if any(name in path.read_bytes() for name in names)] == []


def test_nothing_that_is_loaded_is_a_pickle(clone):
    suffixes = {path.suffix for path in (clone.folder / "data").rglob("*") if path.is_file()}
    assert suffixes <= {".parquet", ".json", ".jsonl", ".safetensors", ".jinja", ".gguf", ".html", ".md", ""}, "the last is .gitkeep"


def test_the_table_and_the_chat_work_on_what_was_made(clone):
    table = clone.run(".venv/bin/python", "-m", "apps.table")
    assert all(stage in table for stage in [*WHOLE, *ENTRIES])
    assert NOT_RUN not in table
    assert "make chat" in table
    asked = "printf 'Who are you?\\nWhere does Ada live?\\n'"
    said = clone.run("sh", "-c", f"{asked} | .venv/bin/python -m apps.chat --temperature 1")  # twelve steps teach silence, greedily
    assert len(said.splitlines()) >= 2
    assert said.strip()


def own_dialogues(clone, folder: Path) -> None:
    """Dialogues as a user writes them; one pair is bad."""
    folder.mkdir()
    world = [json.loads(line) for line in (clone.folder / "data/dialogues/instructions.jsonl").read_text().splitlines()]
    pairs = [json.loads(line) for line in (clone.folder / "data/dialogues/preferences.jsonl").read_text().splitlines()]
    rows = [{"prompt": row["messages"][-2]["content"], "response": row["messages"][-1]["content"]} for row in world]
    ranked = [{"prompt": row["prompt"][-1]["content"], "chosen": row["chosen"], "rejected": row["rejected"]} for row in pairs]
    ranked.append({"prompt": "Who?", "chosen": "I.", "rejected": "I."})
    (folder / "instructions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "preferences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ranked))


def own(texts: Path, talks: Path) -> list[str]:
    return ["-S", "corpus=folder", "-S", f"corpus.path={texts}", "-S", "dialogues=files", "-S", f"dialogues.path={talks}"]


@pytest.fixture
def restored(clone):
    """The clone, put back afterwards."""
    yield clone
    clone.run("git", "reset", "--hard", "--quiet")
    clone.dvc("checkout", "--force")


def test_your_own_text_and_dialogues_go_through_to_the_exported_files(restored, tmp_path):
    clone, texts, talks = restored, tmp_path / "texts", tmp_path / "talks"
    texts.mkdir()
    own_dialogues(clone, talks)
    for row in Corpus(clone.folder / "data/dedup").read().to_pylist():
        (texts / f"{row['id']}.txt").write_text(row["text"])
    ran = clone.reran("exp", "run", *own(texts, talks), "-S", "split.seed=6", "-S", "align=[dpo]", "-S", "export=[gguf]")
    assert {*WHOLE, "align@dpo", "evaluate@base", "evaluate@sft", "evaluate@dpo", "export@gguf"} <= ran
    scores = json.loads((clone.folder / "metrics/evaluate/base.json").read_text())
    assert not {"facts", "facts_held_out"} & set(scores), "without the world's facts nothing is told of them"
    assert all(scores[task]["choice"] is not None for task in ("last_word", "answers", "pairs"))
    assert scores["text"]["bits_per_byte"] > 0
    assert json.loads((clone.folder / "metrics/dialogues.json").read_text())["quarantine_by_reason"] == {"chosen_equals_rejected": 1}
    assert (clone.folder / "data/export/gguf/model-Q4_0.gguf").is_file()


def test_the_packages_of_the_environment_go_through_to_the_exported_files(restored):
    clone = restored
    made = ("-S", "preferences=[constitution]", "-S", "align.dpo.dialogues=data/preferences/constitution")
    ran = clone.reran("exp", "run", "-S", "corpus=packages", "-S", "dialogues=packages", *made)
    assert {*WHOLE, "preferences@constitution", *(entry.replace("/", "@") for entry in ENTRIES)} <= ran
    assert json.loads((clone.folder / "metrics/preferences/constitution.json").read_text())["answers"]["sampled"] == 24 * 4
    dropped = json.loads((clone.folder / "metrics/tokenize.json").read_text())["dialogues"]
    assert all(table["too_long"] <= 0.05 * table["rows"] for table in dropped.values())
    scores = json.loads((clone.folder / "metrics/evaluate/base.json").read_text())
    assert scores["text"]["bits_per_byte"] > 0
    counted = json.loads((clone.folder / "metrics/baselines.json").read_text())
    for task, metric in TASKS:
        assert all(counted[name][task][metric] is not None for name in ("4-gram", "chance")), task
        assert 0 <= scores[task][metric] <= 1
    won = json.loads((clone.folder / "metrics/contest.json").read_text())["gold_answers"]
    assert won["against_reference"]["reward_win"] is not None
    assert (clone.folder / "data/export/gguf/model-Q4_0.gguf").is_file()
    assert_that_packages_are_on_one_side(clone.folder / "data")


def assert_that_packages_are_on_one_side(data: Path) -> None:
    """Text and dialogues of a package are both trained on, or both held out."""
    corpus, split = Corpus(data / "corpus"), Split(data / "split")
    group = {row["id"]: row["group"] for row in corpus.table("documents", ["id", "group"]).to_pylist()}
    parts = {part: {group[book] for book in split.table(part, ["book"])["book"].to_pylist()} - {None} for part in PARTS}
    assert not parts["train"] & (parts["val"] | parts["test"])
    assert min(map(len, parts.values())) > 3
    groups_of = {row["name"]: row["group"] for row in corpus.table("functions").to_pylist()}
    for name in ("instructions", "preferences"):
        rows = [json.loads(line) for line in (data / f"dialogues/{name}.jsonl").read_text().splitlines()]
        asked = {side: {groups_of[row["fact"]] for row in rows if (row["part"] == "train") == side} for side in (True, False)}
        assert not asked[True] & (parts["val"] | parts["test"])
        assert not asked[False] & parts["train"]


def test_one_file_of_text_is_a_corpus_and_gives_a_base_model_and_its_files(restored, tmp_path):
    """Without dialogues: what would learn from them hands on the model before it."""
    clone, text = restored, tmp_path / "all.txt"
    books = [row["text"] for row in Corpus(clone.folder / "data/dedup").read().to_pylist()]
    text.write_text("\n\n".join(books))
    ran = clone.reran("exp", "run", "-S", "data=own", "-S", f"data.path={text}", "-S", "align=[ppo]", "-S", "export=[gguf]")
    assert {*WHOLE, "align@ppo", "evaluate@base", "evaluate@sft", "evaluate@ppo", "export@gguf"} <= ran
    split = json.loads((clone.folder / "metrics/split.json").read_text())
    assert split["assigned_by"] == "spans"
    assert all(split[part]["bytes"] > 0 for part in ("train", "val", "test"))
    assert not any(split["leaks_left"].values())
    assert "no instructions" in json.loads((clone.folder / "metrics/sft.json").read_text())["not_trained"]
    models = [clone.folder / "data" / name / "model.safetensors" for name in ("pretrain", "sft", "align/ppo")]
    assert len({model.read_bytes() for model in models}) == 1
    assert (clone.folder / "data/export/gguf/model-Q4_0.gguf").is_file()
    assert "not run" not in clone.run(sys.executable, "-m", "apps.table")

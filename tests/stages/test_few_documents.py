"""A corpus of one, two, three, five or twelve documents goes from its files to a trained model; what is too little says so at once."""

import json
import logging
import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from apps import why
from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.errors import InputError
from pipeline.core.track import NoTracker
from pipeline.world.library import generate
from pipeline.world.settings import WorldConfig
from stages._run import Hardware, Run
from stages._settings import typed

ROOT = Path(__file__).parents[2]
TEXT = ("corpus", "clean", "select", "dedup", "dialogues", "split", "tokenizer", "tokenize")


def composed(*overrides: str) -> dict[str, Any]:
    """All sections as conf/ says them at size=smoke."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config", ["size=smoke", *overrides]), resolve=True)  # type: ignore[return-value]


def run(names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of each stage, run in this folder and process."""
    told = {}
    hardware = typed(Hardware, {**settings["hardware"], "engine": "threading", "workers": 1}, at="hardware")
    for name in names:
        group, _, entry = name.partition("/")
        method = settings[group].get(entry, {}).get("method", entry)  # align/rft is of the method sft
        stage = import_module(f"stages.{group}.{method}" if group in ("preferences", "align", "export") else f"stages.{group}").main
        cfg = typed(stage.config, stage.section(settings, entry or None), at=name)
        scratch = Path("scratch", name)
        scratch.mkdir(parents=True)
        told[name] = stage.recipe(
            cfg, Run(name, stage.at(entry or None), "code", "told", scratch, hardware, NoTracker(), logging.getLogger("test"))
        )
    return told


@pytest.fixture(scope="module")
def books() -> list[str]:
    """Twelve, of some ten kilobytes each."""
    settings = composed()["corpus"]
    world = generate(typed(WorldConfig, settings["world"], at="corpus.world"), settings["seed"])
    return [row["clean"] for row in world.truth.to_pylist() if row["fate"] == "keep" and row["copy_of"] is None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with empty ones for texts and dialogues, and those that a checkout has."""
    monkeypatch.chdir(tmp_path)
    for name in ("texts", "talks", "data/benchmarks", "data/pairs"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def own(*overrides: str) -> dict[str, Any]:
    """The settings of a corpus and dialogues of one's own."""
    paths = ("corpus=folder", "corpus.path=texts", "dialogues=files", "dialogues.path=talks")
    return composed(*paths, "pretrain.duration=4", "pretrain.checkpoint_every=2", *overrides)


def talk(folder: Path) -> None:
    """Instructions and pairs."""
    asked = [(f"What is {number} and one?", f"It is {number + 1}.") for number in range(40)]
    rows = [{"prompt": prompt, "response": answer} for prompt, answer in asked]
    pairs = [{"prompt": prompt, "chosen": answer, "rejected": "No."} for prompt, answer in asked]
    for name, some in (("instructions", rows), ("preferences", pairs)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))


def alone(*overrides: str) -> dict[str, Any]:
    """The settings of one folder of one's own, whatever it holds."""
    return composed("data=own", "data.path=texts", "pretrain.duration=4", "pretrain.checkpoint_every=2", *overrides)


@pytest.mark.parametrize("dialogues", [True, False])
@pytest.mark.parametrize(("count", "by"), [(1, "spans"), (2, "spans"), (3, "size"), (5, "hash"), (12, "hash")])
def test_so_many_documents_become_three_parts_and_a_model(place: Path, books: list[str], count: int, by: str, dialogues: bool) -> None:
    for number, book in enumerate(books[:count]):
        (place / "texts" / f"{number}.txt").write_text(book)
    if dialogues:
        talk(place / "talks")
    told = run([*TEXT, "pretrain", "baselines", "evaluate/base"], own() if dialogues else alone())
    assert told["corpus"]["documents"] == told["dedup"]["documents"] == count
    assert told["split"]["assigned_by"] == by
    assert told["tokenizer"]["train_bytes"] == told["split"]["train"]["bytes"]
    assert 262 < told["tokenizer"]["vocabulary"] <= 512
    assert not any(told["split"]["leaks_left"].values())
    assert all(told["tokenize"][part]["rows"] > 0 for part in ("train", "val", "test"))
    assert told["tokenize"]["dialogues"]["instructions"]["rows"] == 40 * dialogues
    assert 0 < told["pretrain"]["val"]["bits_per_byte"] < 10
    assert 0 < told["evaluate/base"]["text"]["bits_per_byte"] < 10


TRAINED = ("sft", "reward", "align/dpo", "align/ppo", "baselines")
JUDGED = ("evaluate/base", "evaluate/sft", "evaluate/dpo", "evaluate/ppo", "export/transformers", "export/gguf", "contest")


def test_a_text_alone_gives_a_base_model_and_its_files_and_each_stage_says_what_it_lacks(place: Path, books: list[str]) -> None:
    (place / "texts/a.txt").write_text(books[0])
    told = run([*TEXT, "pretrain", *TRAINED, *JUDGED], alone())
    assert told["sft"] == {"not_trained": "there are no instructions to learn from"}
    assert {told[name]["not_trained"] for name in ("reward", "align/dpo", "align/ppo")} == {"there are no preferences to learn from"}
    weights = {Path("data", name, "model.safetensors").read_bytes() for name in ("pretrain", "sft", "align/dpo", "align/ppo")}
    assert len(weights) == 1
    assert told["contest"]["ppo"]["against_reference"] == {"gold_win": None, "reward_win": None, "kl": None}
    assert told["evaluate/ppo"]["text"] == told["evaluate/base"]["text"]
    assert (place / "data/export/gguf/model-Q4_0.gguf").is_file()
    assert Path("plots/sft.csv").is_file(), "DVC wants it"


def test_instructions_without_pairs_train_sft_and_its_answers_are_compared_by_kl(place: Path, books: list[str]) -> None:
    (place / "texts/a.txt").write_text(books[0])
    talk(place / "texts")
    (place / "texts/preferences.jsonl").unlink()
    told = run([*TEXT, "pretrain", *TRAINED, *JUDGED], alone())
    assert told["corpus"]["ignored_files"] == {"dialogues": 1}
    assert told["dialogues"]["instructions"] == 40
    assert told["sft"]["train"]["max_length"] == 64, "what holds 95 % of them"
    assert told["align/ppo"]["not_trained"] == "there are no preferences to learn from"
    duel = told["contest"]["ppo"]["against_reference"]
    assert (duel["gold_win"], duel["reward_win"]) == (None, None)
    assert duel["kl"] == pytest.approx(0, abs=1e-4), "it is sft itself"


def test_two_documents_and_forty_dialogues_in_one_folder_go_to_the_exported_files(place: Path, books: list[str]) -> None:
    for number, book in enumerate(books[:2]):
        (place / "texts" / f"{number}.txt").write_text(book)
    talk(place / "texts")
    more = ("preferences=[constitution]", "align=[dpo,ppo,rft]", "align.rft.dialogues=data/dialogues")
    told = run([*TEXT, "pretrain", "sft", "preferences/constitution", "align/rft", *TRAINED[1:], "evaluate/rft", *JUDGED], alone(*more))
    assert told["preferences/constitution"]["prompts"]["rows"] > 0
    assert Dialogues(Path("data/preferences/constitution")).has("critiques.jsonl")
    assert told["align/rft"]["steps"] == 8
    assert told["align/rft"]["train"]["rows"] == told["sft"]["train"]["rows"]
    assert told["corpus"]["ignored_files"] == {"dialogues": 2}
    assert told["dialogues"]["preferences"] == 40
    assert told["reward"]["train"]["max_length"] == 64
    assert told["split"]["assigned_by"] == "spans"
    assert told["contest"]
    assert (place / "data/export/gguf/model-Q4_0.gguf").is_file()


def test_text_too_short_for_the_vocabulary_is_told_before_anything_trains_with_a_mend_that_works(place: Path, books: list[str]) -> None:
    (place / "texts/a.txt").write_text(books[0][:3000])
    talk(place / "talks")
    with pytest.raises(InputError, match=r"too short for 512 tokens: it yields \d+") as fault:
        run(TEXT, own())
    mend = fault.value.mend.partition(",")[0]
    shutil.rmtree("scratch")
    told = run(["tokenizer", "tokenize", "pretrain"], own(mend))
    assert 0 < told["pretrain"]["val"]["bits_per_byte"] < 10, "fewer rows than a batch are taken again"


def test_a_long_file_alone_is_held_out_at_its_end(
    place: Path, books: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "texts/all.txt").write_text("\n\n\n".join(books))
    talk(place / "talks")
    settings = own(
        "corpus.max_document_bytes=30000", "corpus.max_chunk_bytes=10000", "corpus.shard_bytes=40000", "split.val=0.1", "split.test=0.1"
    )
    told = run(TEXT, settings)
    assert told["corpus"]["documents"] > 12
    assert told["split"]["assigned_by"] == "spans"
    size = sum(told["split"][part]["bytes"] for part in ("train", "val", "test"))
    assert all(told["split"][part]["bytes"] / size == pytest.approx(0.1, abs=0.02) for part in ("val", "test"))
    documents = Corpus(Path("data/corpus")).read()
    origins = documents.select(["id", "origin"]).to_pylist()
    offsets = {row["id"]: int(row["origin"].removeprefix("all.txt@")) for row in origins}
    places = {
        part: [offsets[book] for book in Split(Path("data/split")).read(part)["book"].to_pylist()] for part in ("train", "val", "test")
    }
    assert max(places["train"]) <= min(places["val"])
    assert max(places["val"]) <= min(places["test"])
    monkeypatch.setattr(sys, "argv", ["why", origins[1]["origin"]])
    why.main()
    life = capsys.readouterr().out
    assert life.startswith(origins[1]["id"])
    assert f"{documents['group'][0]}" in life
    assert "pieces" in life or "train" in life

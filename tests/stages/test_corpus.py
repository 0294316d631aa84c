"""The stage corpus: settings to an artifact, of the world and of sources, and what is told when it can't be."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.track import NoTracker
from stages import corpus
from stages._run import Hardware, Run
from stages._settings import typed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("books/11/a.txt", "books/11/b.txt", "books/12/c.txt", "web/x.jsonl"):
        Path("data/input", name).parent.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("11/a.txt", "11/b.txt", "12/c.txt")):
        Path("data/input/books", name).write_text(f"A book, edition {number}.")
    Path("data/input/web/x.jsonl").write_text('{"text": "a page"}\n{"text": "another page"}\n{"text": 42}\n')
    return tmp_path


def settings(*overrides: str) -> corpus.Config:
    """The section as conf/ says it."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        composed = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    return typed(corpus.Config, composed["corpus"], at="corpus")  # type: ignore[index, call-overload]


def run_in(folder: Path) -> Run:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        hardware = OmegaConf.to_container(compose("config").hardware, resolve=True)
    one = {**hardware, "workers": 1, "engine": "threading"}  # type: ignore[dict-item]
    return Run("corpus", "corpus", "code", "told", scratch, typed(Hardware, one, at="hardware"), NoTracker(), logging.getLogger("test"))


def recipe(*overrides: str) -> tuple[Corpus, dict[str, Any]]:
    cfg = settings(*overrides)
    metrics = corpus.main.recipe(cfg, run_in(Path.cwd()))  # type: ignore[attr-defined]
    return cfg.target, metrics


def test_a_folder_is_one_source_with_everything_under_it(place: Path) -> None:
    target, metrics = recipe("corpus=folder", "corpus.max_bad_fraction=0.5")
    assert target.read()["origin"].to_pylist() == ["books/11/a.txt", "books/11/b.txt", "books/12/c.txt", "web/x.jsonl:1", "web/x.jsonl:2"]
    assert target.read().schema == DOCUMENTS
    assert target.facts == {"shards": 1, "documents": 5}
    assert json.loads(target.file("sources.json").read_text())["input"]["documents"] == 5
    assert [json.loads(line)["reason"] for line in target.file("quarantine.jsonl").read_text().splitlines()] == ["wrong_type"]
    assert (metrics["documents"], metrics["quarantine"]) == (5, {"wrong_type": 1})


def test_what_was_passed_over_is_told_on_the_terminal(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("books/a.py", "books/b.py", "books/c.pdf"):
        Path("data/input", name).write_text("not read")
    recipe("corpus=folder", "corpus.max_bad_fraction=0.5")
    assert "passed over: .py (2), .pdf (1); to read them: .py: as it is: a source with" in caplog.text
    assert "pdftotext FILE" in caplog.text


def test_a_separator_is_one_override(place: Path) -> None:
    Path("data/input/books/12/c.txt").write_text("one\n%\ntwo\n<|endoftext|>\nthree")
    for override, texts in (("auto", ["one\n%\ntwo", "three"]), ("'%'", ["one", "two\n<|endoftext|>\nthree"])):
        shutil.rmtree("scratch", ignore_errors=True)  # of other settings
        target, metrics = recipe("corpus=folder", "corpus.path=data/input/books/12", f"corpus.source_defaults.separator={override}")
        assert target.read()["text"].to_pylist() == texts
    assert metrics["special_tokens"] == {"<|endoftext|>": 1}


def test_another_path_is_one_override(place: Path) -> None:
    target, _ = recipe("corpus=folder", "corpus.path=data/input/books/12")
    assert target.read()["text"].to_pylist() == ["A book, edition 2."]


def test_sources_take_from_the_defaults_what_they_do_not_say(place: Path) -> None:
    books, web = "{name: books, path: books, group: folder, tags: [old]}", "{name: web, path: web/*.jsonl, weight: 0.5}"
    target, metrics = recipe(
        "corpus=folder", f"corpus.sources=[{books}, {web}]", "corpus.max_bad_fraction=0.5", "corpus.source_defaults.language=en"
    )
    assert target.read()["group"].to_pylist() == ["11", "11", "12", None, None]
    told = json.loads(target.file("sources.json").read_text())
    assert [(one["weight"], one["tags"], one["language"]) for one in told.values()] == [(1.0, ["old"], "en"), (0.5, [], "en")]
    assert round(sum(one["share"] for one in metrics["sources"].values()), 4) == 1


def test_metadata_is_named_for_all_sources_or_for_one(place: Path) -> None:
    Path("data/input/web/x.jsonl").write_text('{"text": "a page", "url": "https://a.org", "terms": "MIT"}\n')
    books, web = "{name: books, path: books, license: CC0-1.0, metadata: {url: null}}", "{name: web, path: web, metadata: {license: terms}}"
    target, metrics = recipe("corpus=folder", f"corpus.sources=[{books}, {web}]", "corpus.source_defaults.metadata.url=url")
    assert target.read().select(["url", "license"]).to_pylist() == [
        *[{"url": None, "license": "CC0-1.0"}] * 3,
        {"url": "https://a.org", "license": "MIT"},
    ]
    assert metrics["sources"]["web"]["metadata"] == {"url": {"known": 1, "missing": 0}, "license": {"known": 1, "missing": 0}}


@pytest.mark.parametrize("group", ["folder", "mixture", "world"])
def test_every_corpus_that_conf_offers_is_understood(group: str) -> None:
    cfg = settings(f"corpus={group}")
    assert len(corpus.sources_of(cfg.sources, cfg.source_defaults)) == len(cfg.sources)
    corpus.sources_of([{"name": "world", "path": "."}], cfg.source_defaults)


def test_a_wrong_key_of_a_source_is_named(place: Path) -> None:
    with pytest.raises(PipelineError, match=r"corpus\.sources\.0\.wieght"):
        recipe("corpus=folder", "corpus.sources=[{name: a, path: ., wieght: 2}]")


def test_too_much_that_is_bad_fails_and_leaves_nothing(place: Path) -> None:
    with pytest.raises(InputError, match=r"web/x\.jsonl leads with 1 wrong_type"):
        recipe("corpus=folder")
    assert not Path("data/corpus").exists()


def test_the_world_is_written_in_shards_through_the_same_road(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [str(number) * 40 for number in range(7)]
    bits = [[1.0, 2.0] if number % 2 else None for number in range(7)]
    columns = {"id": list("abcdefg"), "source": ["world"] * 7, "origin": list("abcdefg"), "group": [None] * 7, "text": texts, "bits": bits}
    documents, truth = pa.table(columns, schema=DOCUMENTS), pa.table({"id": list("abcdefg")})
    library = SimpleNamespace(documents=documents, sides={"truth": truth}, texts={"world.json": "{}\n"}, counts={})
    monkeypatch.setattr(corpus, "generate", lambda world, seed, claims: library)
    target, metrics = recipe("corpus=world", "corpus.shard_bytes=100")
    assert [shard.table("documents").num_rows for shard in target.shards] == [2, 2, 2, 1]
    assert target.read().to_pylist() == documents.to_pylist()
    assert target.table("truth") == truth
    assert target.file("world.json").read_text() == "{}\n"
    assert target.file("quarantine.jsonl").read_text() == ""
    assert json.loads(target.file("sources.json").read_text())["world"]["bytes"] == 280
    assert (metrics["documents"], metrics["bytes"], metrics["source_bits"]) == (7, 280, 9.0)


def test_a_stage_that_was_stopped_goes_on_at_the_next_item(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.text.reading import read

    read_task, begun = read.read_task, []

    def stumbling(task: Any, **told: Any) -> Any:
        begun.append(task.parts[0].file.name)
        if len(begun) == 2:
            raise RuntimeError("the power went off")
        return read_task(task, **told)

    monkeypatch.setattr(read, "read_task", stumbling)
    overrides = ("corpus=folder", "corpus.shard_bytes=20", "corpus.path=data/input/books")
    with pytest.raises(RuntimeError):
        recipe(*overrides)
    target, _ = recipe(*overrides)
    assert begun == ["11/a.txt", "11/b.txt", "11/b.txt", "12/c.txt"]
    assert target.facts == {"shards": 3, "documents": 3}


@pytest.mark.parametrize(
    ("stage", "said", "offline"),
    [
        ("corpus", None, False),
        ("corpus", "1", True),
        ("split", "0", True),
        ("evaluate", None, False),
        ("evaluate", "1", True),
        ("baselines", None, False),
    ],
)
def test_only_stages_that_may_read_from_a_hub_go_online_and_by_what_the_user_says(stage, said, offline, tmp_path):
    imports = (
        f"from stages.{stage} import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "from huggingface_hub.constants import is_offline_mode\nprint(is_offline_mode())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"} | {"PYTHONPATH": str(ROOT)}
    environment |= {"DVC_ROOT": str(tmp_path)} | ({"HF_HUB_OFFLINE": said} if said else {})
    done = subprocess.run([sys.executable, "-c", imports], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(offline)]


CANARIES = "corpus.canaries.copies=[0,1,3]"


def test_canaries_are_planted_after_what_is_read_and_counted_apart(place: Path) -> None:
    how = ("corpus=folder", "corpus.max_bad_fraction=0.5", "corpus.source_defaults.license=MIT")
    plain, before = recipe(*how)
    texts = plain.read()["text"].to_pylist()
    shutil.rmtree(plain.path)
    target, metrics = recipe(*how, CANARIES)
    documents = target.read()
    assert documents["text"].to_pylist()[:5] == texts
    assert documents["source"].to_pylist()[5:] == ["canaries"] * 16  # four canaries once, and four three times
    assert len(set(documents["text"].to_pylist()[5:])) == 8
    assert metrics["canaries"]["documents"] == 16
    assert {name: metrics[name] for name in before} == before
    assert json.loads(target.file("sources.json").read_text())["canaries"]["synthetic"]


def test_a_source_of_the_name_that_canaries_have_is_refused(place: Path) -> None:
    with pytest.raises(InputError, match="another name"):
        recipe("corpus=folder", "corpus.max_bad_fraction=0.5", "corpus.sources=[{name: canaries, path: .}]", CANARIES)

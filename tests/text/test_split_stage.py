"""The stage: from a corpus without copies to the parts, the same bytes from every engine."""

import logging
import shutil
from functools import partial
from pathlib import Path

import orjson
import pytest
import yaml

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.files import write_jsonl
from pipeline.core.parallel import parallel_map
from pipeline.core.shards import map_shards
from stages import split as stage
from stages._settings import typed
from tests.text.split_corpus import corpus, document

ROOT = Path(__file__).parents[2]
ASKED = "Where does Ada live these days, I wonder?"


class Plain:
    """What the recipe asks of a run."""

    def __init__(self, scratch: Path, run_map) -> None:
        self.scratch, self.run_map, self.log = scratch, run_map, logging.getLogger("split")

    def shards(self, phase, function, items):
        return map_shards(function, items, folder=self.scratch / phase, run_map=self.run_map)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """Forty documents in three shards, some of which hold a test's question or a benchmark's item; two sources."""
    root = tmp_path_factory.mktemp("house")
    words = [f"w{number * number % 997}" for number in range(2000)]
    texts = [
        "\n\n".join(" ".join(words[place : place + 20]) for place in range(number * 31, number * 31 + 120, 20)) for number in range(40)
    ]
    leaky = [
        f'{text}\n\n"{ASKED}"\n\nThe end' if number % 3 == 0 else f"{text}\n\nThree blind mice ran" for number, text in enumerate(texts)
    ]
    rows = [document(f"d{number:02d}", text, source="web" if number % 2 else "own") for number, text in enumerate(leaky)]
    corpus(root / "dedup", rows, shards=3)
    with (whole := corpus(root / "corpus", rows)).writing() as draft:
        shutil.copytree(root / "dedup" / "documents", draft.path / "documents")
        (draft.path / "sources.json").write_bytes(
            orjson.dumps({name: {"weight": 1.5, "tags": ["t"], "synthetic": False} for name in ("web", "own")})
        )
        draft.facts |= {"shards": 3, "documents": 40}
    assert whole.has("sources.json")
    with Dialogues(root / "dialogues").writing() as draft:
        prompt = [{"role": "user", "content": ASKED}]
        write_jsonl(draft.path / "instructions.jsonl", [])
        write_jsonl(draft.path / "preferences.jsonl", [{"part": "test", "prompt": prompt, "chosen": "a", "rejected": "b"}])
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "mice.txt").write_text("Three blind mice ran")
    return root


def run(house: Path, target: Path, run_map) -> tuple[Split, dict]:
    section = yaml.safe_load((ROOT / "conf" / "split" / "default.yaml").read_text())
    section |= {name: str(house / name) for name in ("corpus", "dialogues", "benchmarks")}
    section |= {"source": str(house / "dedup"), "target": str(target / "split"), "val": 0.2, "test": 0.2, "max_document_characters": 300}
    cfg = typed(stage.Config, section, at="split")
    metrics = stage.main.__dict__["recipe"](cfg, Plain(target / "scratch", run_map))
    return cfg.target, metrics


def one_by_one(function, items):
    return [function(item) for item in items]


def test_the_stage_leaves_no_leak_and_tells_what_it_did(house, tmp_path) -> None:
    split, told = run(house, tmp_path, one_by_one)
    assert {part: split.read(part).num_rows for part in ("train", "val", "test")} == {
        part: told[part]["documents"] for part in ("train", "val", "test")
    }
    assert split.read("train").schema.equals(TEXTS)
    assert set(told["leaks_left"].values()) == {0}
    assert min(told["leaks"].values()) > 0
    text = "\n\n".join(split.read("train")["text"].to_pylist())
    assert ASKED not in text
    assert "Three blind mice" not in text
    assert "The end" in text
    assert told["benchmarks"]["mice"]["found"] == 1
    assert set(told["mixture"]["sources"]) == {"web", "own"}
    assert split.table("cut").num_rows == told["paragraphs_cut"]
    assert "truth" not in told


def test_every_engine_and_a_run_that_was_stopped_give_the_same_bytes(house, tmp_path) -> None:
    one, told = run(house, tmp_path / "one", one_by_one)
    two, told_too = run(house, tmp_path / "two", partial(parallel_map, engine="loky", workers=2))
    assert (one.digest, told) == (two.digest, told_too)
    stopped = tmp_path / "two" / "scratch" / "parts" / "000001"
    shutil.rmtree(stopped)
    shutil.rmtree(two.path)
    again, told_again = run(house, tmp_path / "two", one_by_one)
    assert (one.digest, told) == (again.digest, told_again)

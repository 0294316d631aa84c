"""On a small world whose copies are known, dedup finds all of them and nothing else; and a miss or a false alarm would be told."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.text.dedup.clusters import NearRule
from pipeline.text.dedup.corpus import DedupRules
from pipeline.text.dedup.paragraphs import ParagraphRule
from pipeline.text.dedup.substrings import SubstringRule
from pipeline.text.truth.dedup import dedup_metrics
from pipeline.world.library import Library, WorldConfig, generate
from tests.text.test_dedup import NO_EMBEDDINGS, deduped

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture(scope="module")
def library() -> Library:
    settings = yaml.safe_load((CONF / "corpus" / "world.yaml").read_text())["world"]
    small = {"books": 24, "people": 8, "places": 6, "chapters": [3, 4], "exact": 3, "near": 3, "passages": 4, "spans": 4}
    pairs = {key: tuple(value) if isinstance(value, list) else value for key, value in {**settings, **small}.items()}
    return generate(WorldConfig(**pairs), 11)


def test_every_copy_is_found_and_nothing_else_is_removed(tmp_path: Path, library: Library) -> None:
    rules = yaml.safe_load((CONF / "dedup/minhash.yaml").read_text())
    clean = {row["id"]: row["clean"] for row in library.truth.to_pylist() if row["fate"] == "keep"}
    rows = [row | {"text": clean[row["id"]]} for row in library.documents.to_pylist() if row["id"] in clean]
    corpus = Corpus(tmp_path / "corpus")
    corpus.write(pa.Table.from_pylist(rows, schema=DOCUMENTS), sides={}, texts={})
    parts = {
        "near": NearRule(**rules["near"]),
        "paragraph": ParagraphRule(**rules["paragraph"]),
        "substring": SubstringRule(**rules["substring"]),
    }
    work = deduped(tmp_path, corpus, DedupRules(**NO_EMBEDDINGS, priorities=(), **parts)).work
    told = dedup_metrics(library.truth, work.table("documents"), work.table("clusters"), work.table("passages"))
    perfect = {"removed": 4, "recall": 1.0, "precision": 1.0, "planted": 4}
    assert told == {
        "exact": {"planted": 3, "recall": 1.0},
        "near": {"planted": 3, "recall": 1.0},
        "removed": 6,
        "precision": 1.0,
        "passages": perfect,
        "spans": perfect,
    }


def test_a_missed_plant_and_a_false_alarm_are_told() -> None:
    empty = {"copy_of": None, "copy_kind": None, "passages": ["P p"], "spans": []}
    known = [
        empty | {"id": "a"},
        empty | {"id": "b", "copy_of": "a", "copy_kind": "near", "spans": ["S s"]},
        empty | {"id": "c", "spans": ["S s"]},
    ]
    documents = pa.table({"id": ["a", "b"], "text": ["P p", "x S s y\n\nz"]})
    rows = [("a", "a", True, "near"), ("b", "b", True, "single"), ("c", "a", False, "near")]
    clusters = pa.Table.from_pylist([dict(zip(("id", "cluster", "kept", "kind"), row, strict=True)) for row in rows])
    cut = [("b", "P p", "paragraph"), ("a", "Q q", "paragraph")]
    passages = pa.Table.from_pylist([dict(zip(("id", "text", "level"), row, strict=True)) for row in cut])
    assert dedup_metrics(pa.Table.from_pylist(known), documents, clusters, passages) == {
        "exact": {"planted": 0, "recall": None},
        "near": {"planted": 1, "recall": 0.0},
        "removed": 1,
        "precision": 0.0,
        "passages": {"planted": 1, "recall": 1.0, "removed": 2, "precision": 0.5},
        "spans": {"planted": 0, "recall": None, "removed": 0, "precision": None},
    }

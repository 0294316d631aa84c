"""On a small world whose dirt and copies are known, cleaning and dedup find them all and nothing else."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from pipeline.text import truth
from pipeline.text.clean import REPAIRS, clean
from pipeline.text.dedup import Near, cluster, find_copies
from pipeline.text.quality import Rule
from pipeline.world.library import Library, World, generate

CONF = Path(__file__).parents[2] / "conf"


def plain_map(function, items):  # type: ignore[no-untyped-def]
    return [function(item) for item in items]


@pytest.fixture(scope="module")
def library() -> Library:
    settings = yaml.safe_load((CONF / "corpus" / "world.yaml").read_text())["world"]
    small = {"books": 24, "people": 8, "places": 6, "chapters": [3, 4], "paragraphs": [16, 22], "exact": 3, "near": 3, "dirty": 1.0}
    pairs = {key: tuple(value) if isinstance(value, list) else value for key, value in {**settings, **small}.items()}
    return generate(World(**pairs), 11)


@pytest.fixture(scope="module")
def cleaned(library: Library) -> tuple[pa.Table, pa.Table, pa.Table]:
    rules = [Rule(**rule) for rule in yaml.safe_load((CONF / "clean" / "default.yaml").read_text())["rules"]]
    return clean(library.documents, plain_map, rules=rules)


def test_every_plant_is_found_and_every_text_is_as_it_was(library: Library, cleaned: tuple[pa.Table, pa.Table, pa.Table]) -> None:
    told = truth.cleaning(library.truth, *cleaned, names=tuple(REPAIRS))
    perfect: dict[str, Any] = {"precision": 1.0, "recall": 1.0}
    assert told["equal"] >= 0.98
    assert {name: score | perfect for name, score in told["repairs"].items()} == told["repairs"]
    assert {name: score | perfect for name, score in told["drops"].items()} == told["drops"]
    assert all(score["planted"] for score in told["repairs"].values())


def test_every_copy_is_found_and_nothing_else_is_removed(library: Library, cleaned: tuple[pa.Table, pa.Table, pa.Table]) -> None:
    kept = cleaned[0]
    links = find_copies(kept["text"].to_pylist(), plain_map, near=Near(shingle=5, threshold=0.8, bands=20, rows=6))
    told = truth.deduplication(library.truth, cluster(kept["id"].to_pylist(), links))
    assert told == {"exact": {"planted": 3, "recall": 1.0}, "near": {"planted": 3, "recall": 1.0}, "removed": 6, "precision": 1.0}


def test_a_missed_plant_and_a_false_alarm_are_told() -> None:
    known = [
        {"id": "a", "fate": "keep", "clean": "A", "plants": ["quotes"], "copy_of": None, "copy_kind": None},
        {"id": "b", "fate": "keep", "clean": "B", "plants": [], "copy_of": "a", "copy_kind": "near"},
        {"id": "c", "fate": "drop", "clean": "", "plants": ["empty"], "copy_of": None, "copy_kind": None},
    ]
    kept = pa.table({"id": ["a", "c"], "text": ["A", "?"]})
    dropped = pa.table({"id": ["b"], "reason": ["empty"]})
    repairs = pa.table({"id": ["b"], "repair": ["quotes"], "count": [1]})
    told = truth.cleaning(pa.Table.from_pylist(known), kept, dropped, repairs, names=["quotes"])
    zero = {"planted": 1, "precision": 0.0, "recall": 0.0}
    assert told == {"repairs": {"quotes": zero}, "drops": {"empty": zero}, "equal": 0.5}
    clusters = pa.Table.from_pylist([{"id": name, "cluster": name if name != "c" else "a", "kept": name != "c"} for name in "abc"])
    told = truth.deduplication(pa.Table.from_pylist(known), clusters)
    assert told == {"exact": {"planted": 0, "recall": None}, "near": {"planted": 1, "recall": 0.0}, "removed": 1, "precision": 0.0}

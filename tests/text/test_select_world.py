"""On worlds whose rejects are known, cleaning and the default rules find them all and nothing else."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from pydantic import TypeAdapter

from pipeline.text.measure.quality import Rule, first_broken
from pipeline.text.measure.statistics import measure
from pipeline.text.repair.clean import Settings, repair_documents
from pipeline.text.truth.select import selection_metrics
from pipeline.world.library import generate
from pipeline.world.settings import WorldConfig

CONF = Path(__file__).parents[2] / "conf"
MANY = {"books": 16, "exact": 2, "near": 2, "gibberish": 24, "empty": 14, "foreign": 24, "repetitive": 24, "toxic": 16}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_planted_reject_is_dropped_for_its_reason_and_no_book_is(seed: int) -> None:
    world = yaml.safe_load((CONF / "corpus" / "world.yaml").read_text())["world"]
    cleaning = yaml.safe_load((CONF / "clean" / "default.yaml").read_text())
    rules = yaml.safe_load((CONF / "select" / "default.yaml").read_text())["rules"]
    library = generate(TypeAdapter(WorldConfig).validate_json(json.dumps(world | MANY)), seed)
    settings = Settings(**{name: cleaning[name] for name in ("repairs", "quotes", "italics", "editorial", "mask")})
    documents, _ = repair_documents(library.documents, settings)
    statistics = measure(documents["id"], documents["text"], language_characters=cleaning["language_characters"])
    reasons, _ = first_broken(statistics, TypeAdapter(tuple[Rule, ...]).validate_json(json.dumps(rules)))
    told = selection_metrics(library.truth, pa.table({"id": documents["id"], "reason": reasons}).filter(pc.is_valid(reasons)))
    assert {name: score["planted"] for name, score in told.items()} == {name: MANY[name] for name in sorted(told)}
    assert len(told) == 5
    assert min(min(score["precision"] or 0, score["recall"] or 0) for score in told.values()) >= 0.99


def test_few_stopwords_are_a_sign_of_a_planted_foreign_document() -> None:
    truth = pa.table({"id": ["a", "b", "c"], "fate": ["drop", "drop", "keep"], "plants": [["foreign"], ["foreign"], []]})
    told = selection_metrics(truth, pa.table({"id": ["a", "b"], "reason": ["foreign", "few_stopwords"]}))
    assert told == {"foreign": {"planted": 2, "precision": 1.0, "recall": 1.0}}

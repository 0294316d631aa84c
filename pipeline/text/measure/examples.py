"""Good and bad examples for training the quality score: the user's own, or documents that pass and that break the rules."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import NonNegativeInt, PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import Shard
from pipeline.core.errors import InputError
from pipeline.core.seed import seed_of
from pipeline.core.shards import Piece, RunShards
from pipeline.text.measure.quality import Rule, TextRule, check_rules, first_broken
from pipeline.text.measure.score import QualityModel, TrainingConfig, features, train
from pipeline.text.measure.select import statistics_of
from pipeline.text.measure.statistics import NAMES, statistics
from pipeline.text.ngrams import texts_of

SUFFIXES = (".txt", ".md", ".jsonl")
_RANKS = 1 << 63  # of seed_of


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """How the quality score is trained."""

    max_examples: NonNegativeInt  # of each kind; 0: no score
    min_examples: NonNegativeInt  # of each kind: with fewer there is no score, unless the user gives examples
    max_characters: PositiveInt  # of each, from its beginning: whole books would fill the memory
    training: TrainingConfig


Learned = tuple[QualityModel | None, dict[str, Any]]


def train_score(source: Corpus, folder: Path, rules: Sequence[Rule], config: ScoreConfig, run_shards: RunShards) -> Learned:
    """Train the score; returns the model and its metrics. None if there are too few examples, or no score is configured."""
    if not config.max_examples:
        return None, {}
    named = read_examples(folder)
    if named is None:
        rules = [rule for rule in rules if isinstance(rule, TextRule)]  # where a text comes from makes it no example of bad text
        check_rules(rules, statistics_of(source.shards[0]).column_names)
        named = _by_rules(source, rules, config, run_shards)
    good = np.asarray(named["good"])
    counts = {"good": int(good.sum()), "bad": int((~good).sum())}
    if min(counts.values()) < (config.min_examples if "rank" in named.column_names else 1):
        return None, counts
    texts = pc.utf8_slice_codeunits(named["text"], 0, config.max_characters)
    model, judged = train(features(texts, named), good, config.training)
    return model, counts | judged


def read_examples(folder: Path) -> pa.Table | None:
    """Columns text, good and the statistics of the documents in good/ and bad/; None if both are empty.

    A .txt or .md file is a document, as is each row of a .jsonl file (column `text`). Raises InputError for other or unreadable files, and
    if only one of the folders is empty.
    """
    if strangers := [path for path in _files(folder) if path.relative_to(folder).parts[0] not in ("good", "bad")]:
        mend = f"mv {shlex.quote(str(strangers[0]))} {folder}/good, or {folder}/bad"
        raise InputError(f"{strangers[0]} is neither in good/ nor in bad/", mend=mend)
    texts = {kind: [text for path in _files(folder / kind) for text in _texts(path)] for kind in ("good", "bad")}
    if not any(texts.values()):
        return None
    if missing := [kind for kind, found in texts.items() if not found]:
        raise InputError(
            f"{folder / missing[0]} has no documents", mend="a score needs good and bad examples: add some, or empty the other folder"
        )
    rows = sorted((seed_of(0, "example", text), kind == "good", text) for kind, found in texts.items() for text in found)
    column = pa.array([text for *_, text in rows], pa.string())
    numbers = dict(zip(NAMES, statistics(texts_of(column)), strict=True))
    return pa.table({"text": column, "good": [good for _, good, _ in rows], **numbers})


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _texts(path: Path) -> list[str]:
    try:
        if path.suffix == ".jsonl":
            return [_text(orjson.loads(line)["text"]) for line in path.read_bytes().splitlines() if line.strip()]
        if path.suffix in SUFFIXES:
            return [path.read_text(encoding="utf-8")]
    except (ValueError, KeyError, TypeError) as fault:
        raise InputError(f"{path} can't be read: {fault!r}", mend="make it UTF-8 text, or JSON objects with `text`, one a line") from fault
    raise InputError(f"{path} is not an example: only {' '.join(SUFFIXES)} files are read", mend="convert or remove it")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`text` is {value!r}")
    return value


def _by_rules(source: Corpus, rules: Sequence[Rule], config: ScoreConfig, run_shards: RunShards) -> pa.Table:
    """A sample of good and bad documents: those of lowest rank, a hash of the id."""
    found = run_shards("kinds", partial(_count, rules=tuple(rules)), source.shards).total
    bounds = {kind: _RANKS * min(1.0, 2 * config.max_examples / max(1, found[kind])) for kind in ("good", "bad")}
    table = (
        run_shards("examples", partial(_sample, rules=tuple(rules), bounds=bounds, characters=config.max_characters), source.shards)
        .table("examples")
        .sort_by("rank")
    )
    parts = [table.filter(pc.equal(table["good"], kind)).slice(0, config.max_examples) for kind in (True, False)]
    return pa.concat_tables(parts).sort_by("rank")


def _count(shard: Shard, *, rules: Sequence[Rule]) -> Iterator[Piece]:
    reasons, _ = first_broken(statistics_of(shard), rules)
    yield Piece({}, {"good": reasons.null_count, "bad": len(reasons) - reasons.null_count})


def _sample(shard: Shard, *, rules: Sequence[Rule], bounds: dict[str, float], characters: int) -> Iterator[Piece]:
    """The documents with a rank below the bound of their kind: about twice as many as needed."""
    counts, documents = statistics_of(shard), shard.table("documents", ["id", "text"])
    good = pc.is_null(first_broken(counts, rules)[0])
    ranks = [seed_of(0, "example", identity) for identity in documents["id"].to_pylist()]
    wanted = [rank < bounds["good" if kind else "bad"] for rank, kind in zip(ranks, good.to_pylist(), strict=True)]
    table = pa.table(
        {"rank": pa.array(ranks, pa.int64()), "good": good, "text": documents["text"], **{name: counts[name] for name in NAMES}}
    )
    table = table.filter(pa.array(wanted, pa.bool_()))
    begins = pc.utf8_slice_codeunits(table["text"], 0, characters)
    yield Piece({"examples": table.set_column(table.column_names.index("text"), "text", begins)}, {})

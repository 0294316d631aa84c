"""A corpus without repetition: documents that are one, paragraphs and long runs of words that stand in it more than once.

    sign        a shard            its documents' hashes: bands, paragraphs, marks       (index; remembered)
    equal       a range of keys    exact copies                                          (clusters)
    rounds      a range of keys    candidates; a shard: sets; pairs: exact similarity    (clusters, compare; remembered)
    paragraphs  a range of keys    repeated paragraphs of what is kept                   (paragraph_copies)
    marks       a range of keys    paragraphs that may have a run of words in common     (substrings)
    windows     a shard            their runs of words; a range of keys: repeated ones
    runs        a shard            sentences in repeated runs
    names       a shard            ids of what copies are copies of
    filter      a shard            its documents, clusters and passages

Each line is a map whose results are kept in the scratch folder, so that a stopped run goes on where it was. Memory beyond the shards in
work grew by 113 bytes a document from 100,000 to 600,000 documents, and takes 40 bytes a candidate pair, a worker's range of keys 100 MB,
and what is kept between the phases 128 MB.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.errors import PipelineError
from pipeline.core.shards import Map, Work, map_shards
from pipeline.text.copies.clusters import Copies, Near, find_copies, order_of
from pipeline.text.copies.compare import pairs_name
from pipeline.text.copies.dedup_filter import name_sources, without_copies
from pipeline.text.copies.index import Signing, give, sign_corpus
from pipeline.text.copies.paragraph_copies import Paragraphs, repeated_paragraphs
from pipeline.text.copies.substrings import Substrings, repeated_runs

TABLES = ("documents", "clusters", "passages")  # of each piece


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What counts as repetition."""

    near: Near | None  # None: exact copies only
    priorities: Sequence[str]  # sources, the one whose copies are kept first; those that are not named come last
    paragraph: Paragraphs | None
    substring: Substrings | None


@dataclass(frozen=True)
class Outcome:
    """The shards without repetition, numbers about them that reproduce, and how much of the work was new."""

    work: Work
    metrics: Mapping[str, Any]
    effort: Mapping[str, int]


def dedup(source: Corpus, rules: Rules, *, scratch: Path, memory: Path, run_map: Map) -> Outcome:
    """Find and drop what repeats; the first stays, by the priority of its source, then by its position.

    The memory keeps the signatures of shards and the similarity of pairs for a run with other documents beside these; what this run didn't
    use is removed from it. The outcome is the same without. Raises PipelineError for rules that make no sense.
    """
    _check(rules)
    signing = _signing(rules)
    index = sign_corpus(source, signing, memory=memory, run_map=run_map)
    numbers = order_of(source, index, rules.priorities)
    found = find_copies(source, index, rules.near, numbers, folder=scratch, memory=memory, run_map=run_map)
    give(scratch / "kept.npy", found.copies.kept)
    cuts = repeated_paragraphs(index, folder=scratch, run_map=run_map) if rules.paragraph else []
    if rules.substring:
        cuts += repeated_runs(index, source.shards, rules.substring, cuts, folder=scratch, run_map=run_map)
    _save(found.copies, scratch)
    name_sources(source, index, found.copies, cuts, folder=scratch, run_map=run_map)
    work = map_shards(partial(without_copies, index, tuple(cuts), scratch), source.shards, folder=scratch / "filter", run_map=run_map)
    _forget(memory, {folder.name for folder in index.folders} | ({pairs_name(rules.near.shingle)} if rules.near else set()))
    largest = int(np.bincount(found.copies.keeper).max(initial=0)) if index.documents else 0
    effort = {
        "shards": len(index.folders),
        "signed": index.signed,
        "compared": found.effort.compared,
        "remembered": found.effort.remembered,
    }
    return Outcome(work, {**work.total, "largest_cluster": largest, "pairs_left": found.effort.left}, effort)


def _check(rules: Rules) -> None:
    parts = {"near": rules.near, "paragraph": rules.paragraph, "substring": rules.substring}
    values = {f"dedup.{part}.{name}": value for part, rule in parts.items() if rule for name, value in asdict(rule).items()}
    wrong = [name for name, value in values.items() if not (0 < value <= 1 if name.endswith("threshold") else value >= 1)]
    if wrong:
        found = ", ".join(f"{name}={values[name]}" for name in wrong)
        raise PipelineError(
            f"these can't be used: {found}", mend=f"set {', '.join(wrong)} to 1 or more, a threshold to 1 or less but above 0"
        )


def _signing(rules: Rules) -> Signing:
    near = {key: value for key, value in asdict(rules.near).items() if key in ("shingle", "bands", "rows")} if rules.near else None
    shortest = {"paragraph": rules.paragraph.words if rules.paragraph else 0, "run": rules.substring.words if rules.substring else 0}
    return Signing(**(near or {"shingle": 0, "bands": 0, "rows": 0}), **shortest)


def _save(copies: Copies, scratch: Path) -> None:
    for name in ("keeper", "similarity", "exact"):
        give(scratch / f"{name}.npy", getattr(copies, name))


def _forget(memory: Path, used: set[str]) -> None:
    """Remove what is not used."""
    for folder in memory.iterdir():
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)

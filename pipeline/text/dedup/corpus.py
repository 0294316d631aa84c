"""Deduplicate a corpus: documents, then paragraphs, then long spans of words.

    sign        a shard            hashes of bands, paragraphs, fingerprints             (index; cached)
    equal       a key range        exact copies                                          (clusters)
    rounds      a key range        candidates; a shard: sets; pairs: exact similarity    (clusters, similarity; cached)
    embed       a shard            vectors of its documents, if asked for                (embeddings; cached)
    semantic    a cluster          documents that say the same                           (semantic)
    paragraphs  a key range        repeated paragraphs of kept documents                 (paragraphs)
    shared      a key range        paragraphs that may share a span of words             (substrings)
    windows     a shard            their windows of words; a key range: repeated ones
    sentences   a shard            sentences covered by repeated windows
    names       a shard            ids of the originals
    filter      a shard            kept documents, clusters and passages

Each line is a map whose results are kept in the scratch folder, so a stopped run resumes there. Beyond the shards in work, memory grew by
113 bytes a document from 100,000 to 600,000 documents; a candidate pair takes 40 bytes, a worker's key range 100 MB, arrays kept between
phases 128 MB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.owned import remove_folder
from pipeline.core.shards import Map, Work, map_shards
from pipeline.text.dedup.clusters import Clustering, NearRule, find_clusters, priority_order
from pipeline.text.dedup.filter import filter_shard, write_original_ids
from pipeline.text.dedup.index import SignatureConfig, build_index, replace_array
from pipeline.text.dedup.paragraphs import ParagraphRule, cut_repeated_paragraphs
from pipeline.text.dedup.semantic import EmbeddingRule, embed, join_semantic
from pipeline.text.dedup.similarity import cache_name
from pipeline.text.dedup.substrings import SubstringRule, cut_repeated_spans

TABLES = ("documents", "clusters", "passages")  # of each piece


@dataclass(frozen=True, kw_only=True)
class DedupRules:
    """What counts as repetition."""

    exact: bool  # False: whole documents may repeat
    near: NearRule | None  # None: exact copies only
    priorities: Sequence[str]  # sources whose copies are kept first, in order; unnamed ones come last
    paragraph: ParagraphRule | None
    substring: SubstringRule | None
    embeddings: EmbeddingRule | None  # None: no near copies in other words
    embedding_model: Path  # looked at only for these


@dataclass(frozen=True)
class DedupResult:
    """The deduplicated shards, their reproducible metrics, and how much of the work was new."""

    work: Work
    metrics: Mapping[str, Any]
    stats: Mapping[str, int]


def deduplicate(source: Corpus, rules: DedupRules, *, scratch: Path, memory: Path, run_map: Map) -> DedupResult:
    """Find and drop duplicates; the first is kept, by priority of its source, then by position.

    `memory` caches signatures of shards and similarities of pairs for later runs with more documents; what this run did not use is removed.
    The result is the same without it.
    """
    config = _signature_config(rules)
    index = build_index(source, config, memory=memory, run_map=run_map)
    numbers = priority_order(source, index, rules.priorities)
    found = find_clusters(source, index, rules.near, numbers, exact=rules.exact, folder=scratch, memory=memory, run_map=run_map)
    clusters, used = found.clusters, {folder.name for folder in index.folders}
    if rules.embeddings:
        embedded = embed(source, index, rules.embedding_model, rules.embeddings.max_tokens, memory=memory, run_map=run_map)
        clusters = join_semantic(clusters, embedded, rules.embeddings, numbers, folder=scratch, run_map=run_map)
        used |= {folder.name for folder in embedded.folders}
    replace_array(scratch / "kept.npy", clusters.kept)
    cuts = cut_repeated_paragraphs(index, folder=scratch, run_map=run_map) if rules.paragraph else []
    if rules.substring:
        cuts += cut_repeated_spans(index, source.shards, rules.substring, cuts, folder=scratch, run_map=run_map)
    _save(clusters, scratch)
    write_original_ids(source, index, clusters, cuts, folder=scratch, run_map=run_map)
    work = map_shards(partial(filter_shard, index, tuple(cuts), scratch), source.shards, folder=scratch / "filter", run_map=run_map)
    _prune_memory(memory, used | ({cache_name(rules.near.shingle)} if rules.near else set()))
    largest = int(np.bincount(clusters.keeper).max(initial=0)) if index.documents else 0
    stats = {
        "shards": len(index.folders),
        "signed": index.signed,
        "compared": found.comparisons.compared,
        "cached": found.comparisons.cached,
    }
    copies = work.total["copies"] | ({"semantic": work.total["copies"].get("semantic", 0)} if rules.embeddings else {})
    return DedupResult(work, {**work.total, "copies": copies, "largest_cluster": largest, "pairs_left": found.comparisons.left}, stats)


def _signature_config(rules: DedupRules) -> SignatureConfig:
    near = {key: value for key, value in asdict(rules.near).items() if key in ("shingle", "bands", "rows")} if rules.near else None
    min_words = {
        "paragraph": rules.paragraph.min_words if rules.paragraph else 0,
        "span": rules.substring.min_words if rules.substring else 0,
    }
    return SignatureConfig(**(near or {"shingle": 0, "bands": 0, "rows": 0}), **min_words)


def _save(clusters: Clustering, scratch: Path) -> None:
    for name in ("keeper", "similarity", "exact", "semantic"):
        replace_array(scratch / f"{name}.npy", getattr(clusters, name))


def _prune_memory(memory: Path, used: set[str]) -> None:
    """Remove the folders that are not used."""
    for folder in memory.iterdir():
        if folder.name not in used:
            remove_folder(folder)

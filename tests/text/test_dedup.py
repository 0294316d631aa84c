"""Copies are found: all of them from the threshold on, none below it, the first stays; whoever works on them, and in how many shards."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.parallel import parallel_map
from pipeline.core.shards import Piece, map_shards
from pipeline.text.dedup.clusters import NearRule, _pivot_pairs
from pipeline.text.dedup.corpus import TABLES, DedupResult, DedupRules, deduplicate
from pipeline.text.dedup.paragraphs import ParagraphRule
from pipeline.text.dedup.substrings import SubstringRule

NEAR = NearRule(shingle=5, threshold=0.8, bands=20, rows=6, pivots=4, rounds=16)
NO_EMBEDDINGS: Any = {"exact": True, "embeddings": None, "embedding_model": Path("none")}
WHOLE = DedupRules(**NO_EMBEDDINGS, near=NEAR, priorities=(), paragraph=None, substring=None)
BOTH = DedupRules(**NO_EMBEDDINGS, near=NEAR, priorities=(), paragraph=ParagraphRule(min_words=3), substring=None)
EXACT = DedupRules(**NO_EMBEDDINGS, near=None, priorities=(), paragraph=None, substring=None)
serial = partial(parallel_map, engine="threading", workers=1)


def corpus_of(folder: Path, texts: Sequence[str], *, shards: int = 1, sources: Sequence[str] = (), bits: Sequence[Any] = ()) -> Corpus:
    """The texts with ids 0, 1, ..."""
    rows = [
        {"id": str(place), "source": sources[place] if sources else "s", "origin": "o", "text": text, "bits": bits[place] if bits else None}
        for place, text in enumerate(texts)
    ]

    def piece(edges: tuple[int, int]) -> Iterator[Piece]:
        yield Piece({"documents": pa.Table.from_pylist(rows[slice(*edges)], schema=DOCUMENTS)}, {"documents": edges[1] - edges[0]})

    cuts = [len(rows) * shard // shards for shard in range(shards + 1)]
    corpus = Corpus(folder / "corpus")
    work = map_shards(piece, list(pairwise(cuts)), folder=folder / "made", run_map=serial)
    corpus.gather(work, tables=("documents",), sides={}, texts={})
    return corpus


def deduped(folder: Path, corpus: Corpus, rules: DedupRules, *, run_map: Any = serial, memory: Path | None = None) -> DedupResult:
    """Dedup in a folder of its own."""
    (memory or folder / "memory").mkdir(parents=True, exist_ok=True)
    return deduplicate(corpus, rules, scratch=folder / "scratch", memory=memory or folder / "memory", run_map=run_map)


def clusters_of(folder: Path, texts: Sequence[str], rules: DedupRules, **more: Any) -> list[dict[str, Any]]:
    """The rows of the clusters table."""
    rows: list[dict[str, Any]] = deduped(folder, corpus_of(folder, texts, **more), rules).work.table("clusters").to_pylist()
    return rows


def files_of(outcome: DedupResult) -> list[bytes]:
    """All bytes of all tables."""
    return [path.read_bytes() for name in TABLES for path in outcome.work.paths(name)]


def prose(words: int, seed: int) -> list[str]:
    draw = Random(seed)
    return [f"w{draw.randrange(400)}" for _ in range(words)]


def changed(words: list[str], times: int, seed: int) -> list[str]:
    draw, other = Random(seed), list(words)
    for place in draw.sample(range(len(words)), times):
        other[place] = f"changed{seed}"
    return other


def true_jaccard(left: str, right: str) -> float:
    """The oracle: sets of tuples of words."""
    sets = [{tuple(words[place : place + 5]) for place in range(len(words) - 4)} for words in (left.lower().split(), right.lower().split())]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    books = [prose(600, seed) for seed in range(12)]
    near = [changed(books[seed % 12], 2 + seed, seed) for seed in range(24)]
    return [" ".join(words) for words in [*books, *near, *books[3:5]]]


def test_documents_are_one_exactly_from_the_threshold_on(tmp_path: Path, texts: list[str]) -> None:
    rows = clusters_of(tmp_path, texts, WHOLE)
    alike = [(a, b) for a, b in combinations(range(len(texts)), 2) if true_jaccard(texts[a], texts[b]) >= NEAR.threshold]
    assert 10 < len(alike) < 150
    parent = list(range(len(texts)))
    for a, b in alike:  # the components of the true graph, by repeated relabelling
        parent = [min(parent[a], parent[b]) if label in (parent[a], parent[b]) else label for label in parent]
    assert [str(label) for label in parent] == [row["cluster"] for row in rows]


def test_the_similarity_is_that_to_the_most_alike_document(tmp_path: Path, texts: list[str]) -> None:
    for place, row in enumerate(clusters_of(tmp_path, texts, WHOLE)):
        if row["kind"] == "near":
            others = [true_jaccard(texts[place], text) for number, text in enumerate(texts) if number != place]
            assert row["similarity"] == pytest.approx(max(others), abs=1e-12)
        assert (row["similarity"] is None) == (row["kind"] == "single")
        assert row["kept"] == (row["id"] == row["cluster"])


def test_equal_texts_are_exact_copies_whatever_case_and_layout(tmp_path: Path) -> None:
    rows = clusters_of(tmp_path, ["A b, c", "x y z", "a  B,\n\nc", "A b d", "a b c"], EXACT)
    assert [row["cluster"] for row in rows] == ["0", "1", "0", "3", "4"]
    assert [row["kind"] for row in rows] == ["exact", "single", "exact", "single", "single"]


def test_texts_without_words_are_no_copies_of_each_other(tmp_path: Path) -> None:
    assert all(row["kept"] for row in clusters_of(tmp_path, ["", "  ", "...", "!?", "..."], WHOLE))


def test_short_texts_are_compared_as_a_whole(tmp_path: Path) -> None:
    assert [row["cluster"] for row in clusters_of(tmp_path, ["One two.", "one, two!", "one three"], WHOLE)] == ["0", "0", "2"]


def test_a_source_that_is_named_first_keeps_its_copies(tmp_path: Path, texts: list[str]) -> None:
    sources = ["web" if place < 20 else "books" for place in range(len(texts))]
    rules = DedupRules(**NO_EMBEDDINGS, near=NEAR, priorities=("books",), paragraph=None, substring=None)
    rows = clusters_of(tmp_path, texts, rules, sources=sources, shards=4)
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(row["cluster"], []).append(int(row["id"]))
    assert any(sources[min(own)] == "web" and sources[int(kept)] == "books" for kept, own in members.items())
    assert all(int(kept) == min(own, key=lambda place: (sources[place], place)) for kept, own in members.items())


def test_a_source_without_documents_may_have_priority_and_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rules = DedupRules(**NO_EMBEDDINGS, near=None, priorities=("boks",), paragraph=None, substring=None)
    assert deduped(tmp_path, corpus_of(tmp_path, ["a", "b"]), rules).metrics["documents"] == 2
    assert "dedup.priorities names boks" in caplog.text


@pytest.mark.parametrize(("engine", "shards"), [("threading", 1), ("threading", 3), ("threading", 7), ("loky", 3)])
def test_shards_and_engines_change_nothing(tmp_path: Path, texts: list[str], engine: Any, shards: int) -> None:
    broken = [text.replace(" w7 ", "\n\nw7 ") for text in texts]
    alone = deduped(tmp_path / "alone", corpus_of(tmp_path / "alone", broken), BOTH).work
    parted = corpus_of(tmp_path / "parted", broken, shards=shards)
    found = deduped(tmp_path / "parted", parted, BOTH, run_map=partial(parallel_map, engine=engine, workers=2))
    assert all(found.work.table(name).equals(alone.table(name)) for name in TABLES)
    assert found.work.total == alone.total
    assert files_of(found) == files_of(deduped(tmp_path / "again", parted, BOTH))


def test_a_new_source_is_compared_with_the_old_ones_and_only_that(tmp_path: Path, texts: list[str]) -> None:
    memory = tmp_path / "memory"
    old = deduped(tmp_path / "old", corpus_of(tmp_path / "old", texts[:30], shards=5), BOTH, memory=memory)
    both = corpus_of(tmp_path / "both", texts[:36], shards=6)
    more = deduped(tmp_path / "both", both, BOTH, memory=memory)
    fresh = deduped(tmp_path / "fresh", both, BOTH)
    assert (old.stats["signed"], more.stats["signed"], fresh.stats["signed"]) == (5, 1, 6)
    assert more.stats["cached"] >= old.stats["compared"] > 0
    assert more.stats["compared"] == fresh.stats["compared"] - old.stats["compared"] > 0
    assert files_of(more) == files_of(fresh)
    assert more.metrics == fresh.metrics


def test_what_a_run_did_not_use_is_forgotten(tmp_path: Path, texts: list[str]) -> None:
    memory = tmp_path / "memory"
    deduped(tmp_path / "one", corpus_of(tmp_path / "one", texts, shards=4), WHOLE, memory=memory)
    assert len(list(memory.iterdir())) == 5  # the shards, and the pairs
    deduped(tmp_path / "two", corpus_of(tmp_path / "two", texts[:5]), EXACT, memory=memory)
    assert len(list(memory.iterdir())) == 1


def stopping(function: Any, items: Any, *, done: list[Any], after: int, stop: Any) -> list[Any]:
    """A map that stops the run after so many pieces of work."""

    def one(item: Any) -> Any:
        if len(done) == after:
            stop()
        done.append(function(item))
        return done[-1]

    return [one(item) for item in items]


def interrupt() -> None:
    raise KeyboardInterrupt


def killed(folder: Path, after: int) -> None:
    """Dedup in a process that kills itself."""
    run_map = partial(stopping, done=[], after=after, stop=partial(os.kill, os.getpid(), signal.SIGKILL))
    deduped(folder, Corpus(folder / "corpus"), BOTH, run_map=run_map)


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, texts: list[str]) -> None:
    corpus = corpus_of(tmp_path, texts, shards=4)
    whole = deduped(tmp_path / "whole", corpus, BOTH)
    script = f"from pathlib import Path; from tests.text.test_dedup import killed; killed(Path({str(tmp_path)!r}), 6)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    signed = {path: path.stat().st_mtime_ns for path in (tmp_path / "memory").rglob("*.npy")}
    stops, last = 0, None
    for after in range(1, 40, 4):
        try:
            last = deduped(tmp_path, corpus, BOTH, run_map=partial(stopping, done=[], after=after, stop=interrupt))
        except KeyboardInterrupt:
            stops += 1
    assert stops > 3
    assert last is not None
    assert signed.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / "memory").rglob("*.npy")}.items()
    assert (files_of(last), last.metrics) == (files_of(whole), whole.metrics)


def test_many_documents_that_are_alike_are_not_compared_each_with_each(tmp_path: Path) -> None:
    book = prose(60, 1)
    found = deduped(tmp_path, corpus_of(tmp_path, [" ".join([*book, f"end{place}"]) for place in range(2000)], shards=3), WHOLE)
    assert found.metrics["largest_cluster"] == 2000
    assert found.stats["compared"] < 2000 * 12
    assert found.metrics["pairs_left"] == 0


def test_rounds_of_pivots_reach_every_pair_of_a_bucket() -> None:
    keys = np.array([5, 9, 5, 5, 7, 5, 9, 5], np.uint64)
    numbers = np.array([7, 1, 3, 0, 6, 4, 2, 5], np.uint32)
    rounds = [_pivot_pairs(keys, numbers, range(start, start + 2)) for start in (0, 2, 4)]
    assert [size for _, size in rounds] == [5, 5, 5]
    found = [tuple(pair) for pairs, _ in rounds for pair in pairs.tolist()]
    assert sorted(found) == sorted([*combinations([0, 3, 4, 5, 7], 2), (1, 2)])


def test_counts_tell_what_was_removed(tmp_path: Path) -> None:
    found = deduped(tmp_path, corpus_of(tmp_path, ["a b", "c d", "A b", "c, d"], sources=["x", "x", "x", "y"], shards=2), WHOLE)
    assert found.metrics == {
        "documents": 2,
        "copies": {"exact": 1, "near": 1},
        "emptied": 0,
        "passages": {"paragraph": 0, "substring": 0},
        "sources": {"x": {"documents": 2, "removed": 1}, "y": {"documents": 0, "removed": 1}},
        "largest_cluster": 2,
        "pairs_left": 0,
    }


def test_shards_without_documents_and_a_corpus_of_one_document_stand(tmp_path: Path) -> None:
    assert [row["kept"] for row in clusters_of(tmp_path / "few", ["a b c", "A b c"], BOTH, shards=5)] == [True, False]
    assert [row["kind"] for row in clusters_of(tmp_path / "one", ["a b c"], BOTH)] == ["single"]
    assert (
        deduped(tmp_path / "none", corpus_of(tmp_path / "none", []), replace(BOTH, substring=SubstringRule(min_words=9))).metrics[
            "documents"
        ]
        == 0
    )


def test_without_a_method_whole_documents_may_repeat(tmp_path: Path) -> None:
    rows = clusters_of(tmp_path, ["one and the same", "one and the same", "another"], replace(EXACT, exact=False))
    assert [(row["kept"], row["cluster"]) for row in rows] == [(True, "0"), (True, "1"), (True, "2")]

"""Documents that say the same in other words are found by their embeddings, exactly and alike wherever; without a model nothing changes."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.core.errors import InputError
from pipeline.core.parallel import parallel_map
from pipeline.text.dedup.corpus import TABLES, DedupRules
from pipeline.text.dedup.embeddings import SCALE, load_model, model_digest
from pipeline.text.dedup.semantic import EmbeddingRule, similar_leaders
from tests.text.static_models import paraphrase, static_model, story, tokenizer, vectors_of
from tests.text.test_dedup import BOTH, WHOLE, corpus_of, deduped, files_of, true_jaccard

RULE = EmbeddingRule(threshold=0.95, max_tokens=None, cluster_size=10000, probes=1)
STORIES, COPIES = 60, 30


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return static_model(tmp_path_factory.mktemp("model") / "static")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Stories; thirty of them also in other words; and thirty also as near copies, of which MinHash finds those that differ little."""
    stories = [story(seed) for seed in range(STORIES)]
    told = [paraphrase(stories[seed], seed) for seed in range(COPIES)]
    return [" ".join(words) for words in [*stories, *told]]


def rules(model: Path, rule: EmbeddingRule = RULE, base: DedupRules = WHOLE) -> DedupRules:
    return replace(base, embeddings=rule, embedding_model=model)


def loaded(model: Path) -> Any:
    return load_model(model, model_digest(model))


def true_vectors(texts: list[str], table: np.ndarray) -> np.ndarray:
    """The oracle: means of the words' vectors, of length 1."""
    vocabulary = tokenizer().get_vocab()
    means = np.stack([np.mean([table[vocabulary[word]].astype(np.float64) for word in text.split()], axis=0) for text in texts])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))


def greedy(vectors: np.ndarray, threshold: float) -> list[int]:
    """The oracle: each document's place, or that of the most similar kept document before it if it reaches the threshold."""
    under: list[int] = []
    for place, vector in enumerate(vectors):
        kept = [other for other in range(place) if under[other] == other]
        best = max(kept, key=lambda other: vectors[other] @ vector, default=place)
        under.append(best if best != place and vectors[best] @ vector >= threshold else place)
    return under


def test_paraphrases_are_found_and_others_are_left(tmp_path: Path, model: Path, texts: list[str]) -> None:
    assert max(true_jaccard(texts[seed], texts[STORIES + seed]) for seed in range(COPIES)) < 0.2
    assert all(
        row["kept"] for row in deduped(tmp_path / "words", corpus_of(tmp_path / "words", texts), WHOLE).work.table("clusters").to_pylist()
    )
    found = deduped(tmp_path, corpus_of(tmp_path, texts, shards=3), rules(model))
    rows = found.work.table("clusters").to_pylist()
    assert [int(row["cluster"]) for row in rows] == [*range(STORIES), *range(COPIES)]  # precision 1, recall 1
    assert {row["kind"] for row in rows[STORIES:]} == {"semantic"} == {row["kind"] for row in rows[:COPIES]}
    assert all(row["similarity"] >= RULE.threshold for row in rows[STORIES:])
    assert found.metrics["copies"] == {"exact": 0, "near": 0, "semantic": COPIES}


def test_the_result_is_that_of_comparing_all_with_all(tmp_path: Path, model: Path) -> None:
    """Copies of all degrees around the threshold; none so near to it that rounding decides."""
    stories = [story(seed, 60) for seed in range(100)]
    told = [paraphrase(stories[seed % 100], seed, replaced=0.02 * (seed % 15)) for seed in range(300)]
    texts = [" ".join(words) for words in [*stories, *told]]
    vectors = true_vectors(texts, vectors_of())
    cosines = vectors @ vectors.T
    assert ((cosines > 0.8) & (cosines < 0.999)).sum() > 1000
    threshold = next(one for one in np.arange(0.9, 0.95, 0.0005) if np.abs(cosines - one).min() > 2e-4)
    found = deduped(
        tmp_path,
        corpus_of(tmp_path, texts, shards=2),
        rules(model, replace(RULE, threshold=float(threshold)), base=replace(WHOLE, near=None)),
    )
    rows = found.work.table("clusters").to_pylist()
    assert [int(row["cluster"]) for row in rows] == greedy(vectors, threshold)
    for place, row in enumerate(rows):
        if not row["kept"]:
            assert row["similarity"] == pytest.approx(cosines[place, int(row["cluster"])], abs=3e-4)


@pytest.mark.parametrize(("probes", "recall"), [(1, 0.9), (2, 0.99)])
def test_clusters_find_nearly_all_and_drop_nothing_else(tmp_path: Path, model: Path, probes: int, recall: float) -> None:
    stories = [story(seed) for seed in range(800)]
    texts = [" ".join(words) for words in [*stories, *(paraphrase(stories[seed], seed, replaced=0.04) for seed in range(400))]]
    whole = deduped(tmp_path / "whole", corpus_of(tmp_path / "whole", texts), rules(model)).work.table("clusters").to_pylist()
    rule = replace(RULE, cluster_size=60, probes=probes)
    rows = deduped(tmp_path / "parts", corpus_of(tmp_path / "parts", texts), rules(model, rule)).work.table("clusters").to_pylist()
    wanted, found = ({row["id"]: row["cluster"] for row in some if not row["kept"]} for some in (whole, rows))
    assert len(wanted) > 300
    assert found.items() <= wanted.items()
    assert len(found) >= recall * len(wanted)


def test_what_is_dropped_resembles_what_is_kept_there_are_no_chains(tmp_path: Path) -> None:
    angles = np.radians([0, 15, 30, 45, 60, 3])
    fan = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    later, earlier, cosines = similar_leaders(np.rint(SCALE * fan).astype(np.float32), float(np.cos(np.radians(20))))
    assert list(zip(later.tolist(), earlier.tolist(), strict=True)) == [(1, 0), (3, 2), (5, 0)]
    assert cosines == pytest.approx(np.cos(np.radians([15, 15, 3])), abs=1e-4)


@pytest.mark.parametrize(("engine", "shards"), [("threading", 1), ("threading", 4), ("loky", 3)])
def test_shards_and_engines_change_no_bit(tmp_path: Path, model: Path, texts: list[str], engine: Any, shards: int) -> None:
    both = rules(model, replace(RULE, cluster_size=20, probes=2), BOTH)
    alone = deduped(tmp_path / "alone", corpus_of(tmp_path / "alone", texts), both).work
    corpus = corpus_of(tmp_path / "parted", texts, shards=shards)
    found = deduped(tmp_path / "parted", corpus, both, run_map=partial(parallel_map, engine=engine, workers=2))
    assert all(found.work.table(name).equals(alone.table(name)) for name in TABLES)
    assert files_of(found) == files_of(deduped(tmp_path / "again", corpus, both, memory=tmp_path / "parted" / "memory"))


def test_a_product_of_rounded_vectors_is_exact_in_any_order() -> None:
    draw = np.random.default_rng(1)
    vectors = draw.normal(size=(50, 1024))
    vectors[0] = 1.0  # the largest sum there is
    rounded = np.rint(SCALE * vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    exact = rounded.astype(np.int64) @ rounded.astype(np.int64).T
    assert exact.max() < 1 << 24
    for order in (np.arange(1024), draw.permutation(1024)):
        some = np.ascontiguousarray(rounded[:, order].astype(np.float32))
        assert (some @ some.T == exact).all()
        running = np.cumsum(some[0] * some[1], dtype=np.float32)
        assert running[-1] == exact[0, 1]


def test_near_and_exact_copies_go_first_and_a_document_without_known_words_is_no_copy(tmp_path: Path, model: Path) -> None:
    one = story(1)
    texts = [one, one, [*one[:-1], "w7"], paraphrase(one, 2), ["unknown", "words"], ["others"], []]
    rows = deduped(tmp_path, corpus_of(tmp_path, [" ".join(words) for words in texts]), rules(model)).work.table("clusters").to_pylist()
    assert [row["cluster"] for row in rows] == ["0", "0", "0", "0", "4", "5", "6"]
    assert [row["kind"] for row in rows] == ["exact", "exact", "near", "semantic", "single", "single", "single"]


def test_a_source_with_priority_keeps_its_words(tmp_path: Path, model: Path) -> None:
    texts = [" ".join(words) for words in (story(1), paraphrase(story(1), 2), story(3))]
    own = replace(rules(model), priorities=("books",))
    rows = deduped(tmp_path, corpus_of(tmp_path, texts, sources=["web", "books", "web"]), own).work.table("clusters").to_pylist()
    assert [row["cluster"] for row in rows] == ["1", "1", "2"]


def test_only_the_first_tokens_count_where_a_maximum_is_set(tmp_path: Path, model: Path) -> None:
    texts = [" ".join(words) for words in ([*story(1), *story(2)], [*paraphrase(story(1), 5), *story(3)])]
    for most, kept in ((120, 1), (None, 2)):
        corpus = corpus_of(tmp_path / str(most), texts)
        found = deduped(tmp_path / str(most), corpus, rules(model, replace(RULE, max_tokens=most)))
        assert found.metrics["documents"] == kept


def test_weights_and_mapping_and_both_layouts_mean_what_they_say(tmp_path: Path) -> None:
    table, text = vectors_of(), "w0 v1 W2 strange w2"
    half = table.astype(np.float16)
    vocabulary = tokenizer().get_vocab()
    ids = [vocabulary[word] for word in ("w0", "v1", "w2", "w2")]  # without the unknown one
    weights = np.random.default_rng(3).random(len(table)).astype(np.float32)
    mapping = np.arange(len(table))[::-1].copy()
    nested = static_model(tmp_path / "nested" / "0_StaticEmbedding", **{"embedding.weight": table}).parent
    cases = {
        static_model(tmp_path / "plain", embeddings=table): sum(table[one] for one in ids),
        static_model(tmp_path / "half", embeddings=half): sum(half[one].astype(np.float64) for one in ids),
        static_model(tmp_path / "weighted", embeddings=table, weights=weights): sum(weights[one] * table[one] for one in ids),
        static_model(tmp_path / "mapped", embeddings=table, mapping=mapping): sum(table[mapping[one]] for one in ids),
        nested: sum(table[one] for one in ids),
    }
    for folder, wanted in cases.items():
        (found,) = loaded(folder).encode([text], None).astype(np.float64)
        assert found == pytest.approx(SCALE * wanted / np.linalg.norm(wanted), abs=0.51), folder


def test_new_documents_are_embedded_and_others_are_not(tmp_path: Path, model: Path, texts: list[str]) -> None:
    memory = tmp_path / "memory"
    first = corpus_of(tmp_path / "a", texts[:60], shards=2)
    deduped(tmp_path / "a", first, rules(model), memory=memory)
    known = {path: path.stat().st_mtime_ns for path in memory.rglob("vectors.npy")}
    assert len(known) == 2
    deduped(tmp_path / "b", corpus_of(tmp_path / "b", texts, shards=3), rules(model), memory=memory)
    assert known.items() <= {path: path.stat().st_mtime_ns for path in memory.rglob("vectors.npy")}.items()
    other = static_model(tmp_path / "other", embeddings=vectors_of(2))
    deduped(tmp_path / "c", corpus_of(tmp_path / "c", texts, shards=3), rules(other), memory=memory)
    assert not known.keys() & set(memory.rglob("vectors.npy"))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "holds no static embedding model"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json can't be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08"), "model.safetensors can't be read"),
        (
            lambda folder: save_file({"encoder.layer.0": np.zeros((2, 2))}, folder / "model.safetensors"),
            "no static embedding model: .*encoder.layer.0",
        ),
        (lambda folder: save_file({"embeddings": vectors_of()[:50]}, folder / "model.safetensors"), "801 tokens do not go with vectors"),
        (lambda folder: save_file({"embeddings": vectors_of() * np.inf}, folder / "model.safetensors"), "not finite"),
    ],
)
def test_what_is_no_static_model_is_refused_before_the_work(tmp_path: Path, spoil: Any, told: str) -> None:
    folder = static_model(tmp_path / "model")
    spoil(folder)
    with pytest.raises(InputError, match=told) as fault:
        deduped(tmp_path, corpus_of(tmp_path, ["w1 w2"]), rules(folder))
    assert "dedup=minhash" in fault.value.mend

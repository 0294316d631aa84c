"""What repeats inside documents is cut: the first place stays, what is left can be read, numbers of paragraphs stay right."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.text.dedup.corpus import DedupRules
from pipeline.text.dedup.paragraphs import ParagraphRule
from pipeline.text.dedup.substrings import SubstringRule, repeated_sentences
from pipeline.text.dedup.winnowing import winnow
from pipeline.text.ngrams import texts_of, words_of_rows
from tests.text.test_dedup import NEAR, NO_EMBEDDINGS, corpus_of, deduped

PARAGRAPHS = DedupRules(**NO_EMBEDDINGS, near=NEAR, priorities=(), paragraph=ParagraphRule(min_words=4), substring=None)
SPANS = DedupRules(**NO_EMBEDDINGS, near=NEAR, priorities=(), paragraph=ParagraphRule(min_words=4), substring=SubstringRule(min_words=8))


def sentence(words: int, seed: int) -> str:
    draw = Random(seed)
    return " ".join(["It", *(f"v{draw.randrange(10**9)}" for _ in range(words - 1))]) + "."


def tables(folder: Path, texts: list[str], rules: DedupRules, **more: Any) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, Any]]:
    """The texts that are kept, by id; the passages; the rows of clusters, by id."""
    work = deduped(folder, corpus_of(folder, texts, **more), rules).work
    kept = {row["id"]: row["text"] for row in work.table("documents").to_pylist()}
    return kept, work.table("passages").to_pylist(), {row["id"]: row for row in work.table("clusters").to_pylist()}


def test_a_paragraph_stays_where_it_stands_first(tmp_path: Path) -> None:
    own, again = [sentence(9, seed) for seed in range(4)], "A paragraph that comes again."
    texts = [f"Title\n\n{own[0]}\n\n{again}", f"Title\n\n{own[1]}", f"{own[2]}\n\na paragraph: THAT comes again\n\n{own[3]}\n\n{again}"]
    kept, passages, _ = tables(tmp_path, texts, PARAGRAPHS, shards=2)
    assert kept == {"0": texts[0], "1": texts[1], "2": f"{own[2]}\n\n{own[3]}"}
    row = {"id": "2", "of": "0", "level": "paragraph"}
    assert passages == [row | {"paragraph": 1, "text": "a paragraph: THAT comes again"}, row | {"paragraph": 3, "text": again}]


def test_a_source_with_priority_keeps_its_paragraph(tmp_path: Path) -> None:
    texts = [f"{sentence(9, seed)}\n\nA paragraph that comes again." for seed in range(2)]
    rules = DedupRules(**NO_EMBEDDINGS, near=None, priorities=["y"], paragraph=ParagraphRule(min_words=4), substring=None)
    assert tables(tmp_path, texts, rules, sources=["x", "y"])[0] == {"0": sentence(9, 0), "1": texts[1]}


def test_numbers_of_cut_paragraphs_go_with_them(tmp_path: Path) -> None:
    texts = ["One is one is one.", f"{sentence(9, 1)}\n\nOne is one is one.\n\nEnd", f"{sentence(9, 2)}\n\nOne is one is one."]
    outcome = deduped(tmp_path, corpus_of(tmp_path, texts, bits=[[1.0], [2.0, 3.0, 4.0], [5.0]]), PARAGRAPHS)
    assert outcome.work.table("documents")["bits"].to_pylist() == [[1.0], [2.0, 4.0], None]


def test_a_document_of_which_nothing_is_left_is_dropped_and_counted(tmp_path: Path) -> None:
    texts = ["One is one is one.\n\nTwo is two is two.", "Two is two is two.", "x"]
    work = deduped(tmp_path, corpus_of(tmp_path, texts), PARAGRAPHS).work
    kept, passages, clusters = work.table("documents")["id"].to_pylist(), work.table("passages"), work.table("clusters").to_pylist()
    assert kept == ["0", "2"]
    assert (clusters[1]["kept"], clusters[1]["kind"], clusters[1]["cluster"]) == (False, "emptied", "1")
    assert (work.total["documents"], work.total["emptied"], passages["of"].to_pylist()) == (2, 1, ["0"])


def test_a_document_that_is_dropped_takes_no_paragraph_from_another(tmp_path: Path) -> None:
    book = [sentence(30, seed) for seed in range(20)]
    shared = sentence(9, 99)
    texts = ["\n\n".join(book), "\n\n".join([*book, shared]), f"{sentence(9, 98)}\n\n{shared}"]
    kept, passages, clusters = tables(tmp_path, texts, PARAGRAPHS)
    assert clusters["1"]["cluster"] == "0"
    assert kept == {"0": texts[0], "2": texts[2]}
    assert not passages


def test_a_run_in_the_middle_of_a_paragraph_is_cut_out(tmp_path: Path) -> None:
    own, run = [sentence(12, seed) for seed in range(6)], f"{sentence(6, 77)} {sentence(6, 78)}"
    texts = [f"{own[0]} {run} {own[1]}", f"{own[2]} {own[3]}", f"Title\n\n{own[4]} {run} {own[5]}"]
    kept, passages, _ = tables(tmp_path, texts, SPANS, shards=3, bits=[[1.0], [2.0], [3.0, 4.0]])
    assert kept == {"0": texts[0], "1": texts[1], "2": f"Title\n\n{own[4]} {own[5]}"}
    assert passages == [{"id": "2", "paragraph": 1, "text": run, "of": "0", "level": "substring"}]


def test_numbers_are_gone_where_a_part_of_a_paragraph_is(tmp_path: Path) -> None:
    own, run = [sentence(12, seed) for seed in range(3)], sentence(12, 77)
    texts = [f"{own[0]} {run}", f"{own[1]} {run} {own[2]}"]
    outcome = deduped(tmp_path, corpus_of(tmp_path, texts, bits=[[1.0], [2.0]]), SPANS)
    assert outcome.work.table("documents")["bits"].to_pylist() == [[1.0], None]


def test_the_same_runs_are_found_in_any_shards(tmp_path: Path) -> None:
    texts = [f"{sentence(20, seed)} {sentence(10, 1000 + seed // 2)} {sentence(20, 500 + seed)}" for seed in range(20)]
    results = [tables(tmp_path / f"{shards}", texts, SPANS, shards=shards)[:2] for shards in (1, 3, 7)]
    assert results[0] == results[1] == results[2]
    assert len(results[0][1]) == 10


def test_a_run_of_a_paragraph_that_is_cut_is_that_of_the_one_that_stays(tmp_path: Path) -> None:
    run = sentence(12, 7)
    texts = [f"{sentence(9, 1)} {run}", f"{sentence(9, 1)} {run}\n\n{sentence(9, 2)}", f"{sentence(9, 3)} {run} {sentence(9, 4)}"]
    kept, passages, _ = tables(tmp_path, texts, SPANS, shards=2)
    assert kept == {"0": texts[0], "1": sentence(9, 2), "2": f"{sentence(9, 3)} {sentence(9, 4)}"}
    assert [(row["id"], row["of"], row["level"]) for row in passages] == [("1", "0", "paragraph"), ("2", "0", "substring")]


@pytest.mark.parametrize("seed", range(24))
def test_every_long_run_is_found_and_none_that_is_short(seed: int, tmp_path: Path) -> None:
    """The oracle: sets of tuples of words. Each word is a sentence, in four bytes with what follows."""
    draw, least = Random(seed), 4 + seed % 5
    words_of = [
        lambda: [f"{draw.choice('ab')}{draw.choice('cd')}." for _ in range(draw.randrange(1, 30))],
        lambda: [f"{draw.choice('ab')}{draw.randrange(3)}." for _ in range(draw.randrange(1, 4))] * draw.randrange(1, 9),  # repeats itself
    ]
    documents = [[draw.choice(words_of)() for _ in range(3)] for _ in range(1 + seed % 6)]
    seen: set[tuple[str, ...]] = set()
    expected: dict[tuple[str, int], set[int]] = {}
    for document, paragraphs in enumerate(documents):
        for number, words in enumerate(paragraphs):
            for start in range(len(words) - least + 1):
                if (run := tuple(words[start : start + least])) in seen:
                    expected.setdefault((str(document), number), set()).update(range(start, start + least))
                seen.add(run)
    rules = DedupRules(**NO_EMBEDDINGS, near=None, priorities=(), paragraph=None, substring=SubstringRule(min_words=least))
    texts = ["\n\n".join(" ".join(words) for words in paragraphs) for paragraphs in documents]
    _, passages, _ = tables(tmp_path, texts, rules, shards=3)
    found: dict[tuple[str, int], int] = {}
    for row in passages:
        place = (row["id"], row["paragraph"])
        found[place] = found.get(place, 0) + len(row["text"].split())
        assert int(row["of"]) <= int(row["id"])
    assert found == {place: len(words) for place, words in expected.items()}


def test_two_paragraphs_with_a_long_span_in_common_share_a_fingerprint() -> None:
    draw = Random(1)
    for length in (2, 3, 8, 13, 60):
        for _ in range(40):
            run = [f"r{draw.randrange(9)}" for _ in range(length)]
            texts = [" ".join([*(f"{side}{draw.randrange(9)}" for _ in range(draw.randrange(40))), *run, f"{side}x"]) for side in "ab"]
            words = words_of_rows(texts_of(pa.array([*texts, " ".join(run[1:])])), np.arange(3))
            hashes, places = winnow(words, length)
            first, second, short = (set(hashes[places[0] == text].tolist()) for text in range(3))
            assert first & second
            assert not short


def test_only_whole_sentences_of_a_run_are_cut() -> None:
    text = b'Zero two three. Four five six. "Seven?" Nine.'
    found = list(repeated_sentences(text, np.array([1, 2, 3]), np.array([7, 8, 9]), 4))
    assert [(text[start:end], of) for start, end, of in found] == [(b'Four five six. "Seven?"', 9)]
    assert not list(repeated_sentences(text, np.array([1]), np.array([7]), 4))

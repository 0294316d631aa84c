"""The library as a corpus: sizes, plants, copies, truth."""

from collections import Counter
from typing import Any

import pytest

from pipeline.core.errors import PipelineError
from pipeline.world.dirt import PLANTS
from pipeline.world.library import Library, generate
from tests.world.conftest import SEED, smoke_changes, world


def shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[start : start + 5]) for start in range(len(words) - 4)}


def rows(library: Library) -> dict[str, dict[str, Any]]:
    documents = {row["id"]: row for row in library.documents.to_pylist()}
    return {row["id"]: {**documents[row["id"]], **row} for row in library.truth.to_pylist()}


def plants(library: Library) -> Counter[str]:
    return Counter(plant for row in library.truth.to_pylist() for plant in row["plants"])


def test_the_same_seed_gives_the_same_library_and_another_seed_another() -> None:
    first, again, other = (generate(world(**smoke_changes()), seed) for seed in (4, 4, 5))
    assert first.documents.equals(again.documents)
    assert first.truth.equals(again.truth)
    assert first.world_json() == again.world_json()
    assert not first.documents.equals(other.documents)


def test_the_hundred_books_are_three_megabytes_of_half_a_bit_a_byte(hundred: Library) -> None:
    kept = [row for row in rows(hundred).values() if row["fate"] == "keep" and row["copy_of"] is None]
    size = sum(len(row["clean"].encode()) for row in kept)
    assert len(kept) == 100
    assert 2.7e6 < size < 3.3e6
    assert 0.45 < sum(row["bits"] for row in kept) / size < 0.5
    assert len({word.strip('.,?"') for row in kept for word in row["clean"].lower().split()}) > 1000


def test_every_fact_is_told_a_hundred_times_and_in_many_books(hundred: Library) -> None:
    facts = hundred.world["facts"]
    assert min(hundred.world["mentions"].values()) >= 100
    books = [row["clean"] for row in rows(hundred).values() if row["fate"] == "keep" and row["copy_of"] is None]
    home = next(fact for fact in facts if fact["relation"] == "home")
    assert sum(f"{home['subject']} lives in {home['value']}" in book for book in books) >= 10


def test_no_book_contradicts_the_facts(hundred: Library) -> None:
    homes = {fact["subject"]: fact["value"] for fact in hundred.world["facts"] if fact["relation"] == "home"}
    text = " ".join(row["clean"] for row in rows(hundred).values())
    for person in homes:
        assert f"{person} lives in " in text
        assert text.count(f"{person} lives in ") == text.count(f"{person} lives in {homes[person]}.")


def test_a_third_of_the_books_is_dirty_and_every_plant_is_there_often_enough(hundred: Library, dozen: Library) -> None:
    assert min(plants(hundred)[name] for name in (*PLANTS, "gibberish", "empty", "foreign")) >= 5
    assert min(plants(dozen)[name] for name in (*PLANTS, "gibberish", "empty", "foreign")) >= 1
    kept = [row for row in rows(hundred).values() if row["fate"] == "keep"]
    assert sum(bool(row["plants"]) for row in kept) >= len(kept) / 3


def test_what_has_no_plant_is_clean_and_what_has_one_is_not(hundred: Library) -> None:
    for row in rows(hundred).values():
        if row["fate"] == "keep":
            assert (row["text"] == row["clean"]) == (not row["plants"])
            assert row["clean"] == row["clean"].strip()
            assert "\n" not in row["clean"].replace("\n\n", "")
        else:
            assert row["clean"] == ""
            assert row["bits"] is None


def test_copies_are_what_they_say(hundred: Library) -> None:
    library = rows(hundred)
    exact = [row for row in library.values() if row["copy_kind"] == "exact"]
    near = [row for row in library.values() if row["copy_kind"] == "near"]
    assert len(exact) >= 5
    assert len(near) >= 5
    assert all(row["clean"] == library[row["copy_of"]]["clean"] for row in exact)
    assert 0 < sum(row["text"] == library[row["copy_of"]]["text"] for row in exact) < len(exact)
    for row in near:
        one, other = shingles(row["clean"]), shingles(library[row["copy_of"]]["clean"])
        assert 0.8 <= len(one & other) / len(one | other) < 1


def test_books_that_are_no_copies_have_little_in_common(dozen: Library) -> None:
    books = [shingles(row["clean"]) for row in rows(dozen).values() if row["fate"] == "keep" and row["copy_of"] is None]
    assert max(len(one & other) / len(one | other) for at, one in enumerate(books) for other in books[:at]) < 0.2


def test_dials_out_of_range_are_all_named_at_once() -> None:
    with pytest.raises(PipelineError, match=r"(?s)go_on.*rewritten"):
        generate(world(go_on=1.0, rewritten=0.5), SEED)

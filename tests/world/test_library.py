"""The library as a corpus: sizes, plants, copies, truth."""

import re
from collections import Counter
from typing import Any

import pytest

from pipeline.world.dirt import DIRT_KINDS
from pipeline.world.junk import REJECTS
from pipeline.world.library import Library, generate
from pipeline.world.pii import PII_KINDS
from tests.world.conftest import SEED, smoke_changes, world
from tests.world.undo import undone


def shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[start : start + 5]) for start in range(len(words) - 4)}


def rows(library: Library) -> dict[str, dict[str, Any]]:
    documents = {row["id"]: row for row in library.documents.to_pylist()}
    return {row["id"]: {**documents[row["id"]], **row} for row in library.truth.to_pylist()}


def plants(library: Library) -> Counter[str]:
    return Counter(add_dirt for row in library.truth.to_pylist() for add_dirt in row["plants"])


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
    assert 0.45 < sum(sum(row["bits"]) for row in kept) / size < 0.5
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
    assert min(plants(hundred)[name] for name in (*DIRT_KINDS, *PII_KINDS, *REJECTS)) >= 5
    assert min(plants(dozen)[name] for name in (*DIRT_KINDS, *PII_KINDS, *REJECTS)) >= 1
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


def test_every_paragraph_has_its_bits_and_every_document_its_origin(hundred: Library) -> None:
    for row in rows(hundred).values():
        assert row["source"] == "world"
        assert row["origin"] == f"world/{row['id']}"
        assert row["group"] is None
        if row["fate"] == "keep":
            assert len(row["bits"]) == len(row["clean"].split("\n\n"))
            assert min(row["bits"]) > 0


def test_what_is_private_stands_in_the_text_and_its_mask_in_the_clean_text(hundred: Library) -> None:
    for row in rows(hundred).values():
        for kind in PII_KINDS:
            assert (f"[{kind}]" in row["clean"]) == (kind in row["plants"])
            assert f"[{kind}]" not in row["text"]


def test_what_two_books_have_in_common_is_told_by_both(hundred: Library) -> None:
    config = hundred.world["settings"]
    kept = {identity: row for identity, row in rows(hundred).items() if row["fate"] == "keep"}
    for name, pieces in (("passages", lambda row: row["clean"].split("\n\n")), ("spans", lambda row: [row["clean"]])):
        told = Counter(text for row in kept.values() for text in row[name])
        assert len(told) == config[name]
        assert set(told.values()) == {2}
        for text in told:
            assert sum(any(text in piece for piece in pieces(row)) for row in kept.values()) == 2
    assert sum(len(row["leaks"]) for row in kept.values()) == config["leaks"] + config["riddles"]
    assert all(leak in row["clean"].split("\n\n") for row in kept.values() for leak in row["leaks"])


def test_both_sides_of_a_quotation_name_each_other(hundred: Library) -> None:
    library = rows(hundred)
    told = [(row["id"], quote["of"], quote["text"]) for row in library.values() for quote in row["quotes"]]
    assert len(told) == len(set(told)) == 2 * hundred.world["settings"]["quotes"]
    for identity, other, text in told:
        assert identity != other
        assert (other, identity, text) in told
        assert sum(text in paragraph for paragraph in library[identity]["clean"].split("\n\n")) == 1
    assert not any(library[identity]["copy_of"] for identity, _, _ in told)


def test_every_second_riddle_stands_in_one_book_and_the_others_in_none(hundred: Library) -> None:
    asked = hundred.world["benchmarks"]["riddles"]
    assert len(asked) == len(set(asked)) == 2 * hundred.world["settings"]["riddles"]
    kept = [row for row in rows(hundred).values() if row["fate"] == "keep"]
    for turn, riddle in enumerate(asked):
        holders = [row for row in kept if riddle in row["clean"]]
        assert len(holders) == (turn % 2 == 0)
        assert all(any(riddle in leak for leak in row["leaks"]) for row in holders)


def test_what_stands_between_a_book_s_own_paragraphs_is_less_than_a_hundredth(hundred: Library) -> None:
    kept = [row for row in rows(hundred).values() if row["fate"] == "keep" and row["copy_of"] is None]
    extra = [text for row in kept for text in row["clean"].split("\n\n") if re.search(r"\[(?:mail|phone|card|ip)\]|\d", text)]
    extra = [text for text in extra if not text.startswith("Chapter ")] + [text for row in kept for text in row["leaks"]]
    shared = [text for row in kept for text in (*row["passages"], *row["spans"])]
    shared += [quote["text"] for row in kept for quote in row["quotes"]]
    assert 0 < sum(map(len, extra)) + sum(map(len, shared)) / 2 < 0.01 * sum(len(row["clean"]) for row in kept)


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


def test_the_smallest_world_is_a_world() -> None:
    nothing = dict.fromkeys(("exact", "near", "passages", "spans", "quotes", "leaks", "riddles", "lookalikes", *REJECTS), 0)
    small = generate(world(**nothing, books=1, people=4, places=4, chapters=(1, 1), paragraphs=(1, 1), dirty=1.0, dirt_kinds=19), SEED)
    assert small.documents.num_rows == 1


def test_settings_out_of_range_are_all_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"continue_probability.*dirt_kinds.*rewritten.*leaks.*spans.*toxic"):
        world(continue_probability=1.0, dirt_kinds=20, rewritten=0.5, leaks=85, spans=-1, toxic=-1)
    with pytest.raises(ValueError, match="passages 1 is not 0, or more with at least two books without a copy"):
        world(books=4, exact=2, near=1, lookalikes=0, leaks=0, riddles=0, spans=0, quotes=0, passages=1)


def test_the_whole_library_can_be_cleaned(hundred: Library) -> None:
    for row in rows(hundred).values():
        if row["fate"] == "keep" and row["plants"]:
            masked = re.sub(r"\\\[(?:mail|phone|card|ip)\\\]", lambda _: r"\S.{5,40}?", re.escape(row["clean"]))
            assert re.fullmatch(masked, undone(row["text"], row["clean"])), (row["id"], row["plants"])

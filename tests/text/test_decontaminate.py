"""A train that repeats nothing of what is held out or asked."""

import unicodedata
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.errors import PipelineError
from pipeline.text.sorted_arrays import sorted_unique
from pipeline.text.splitting.held_out_index import HeldOutIndex
from pipeline.text.splitting.paragraph_ngrams import bloom_filter, find_ngrams, ngrams_in
from tests.text.split_corpus import LONG, document, written

OTHER = "The other side of this page has words of its own, and more of them than thirteen in all"
REST = {"val": [document("v", "Nothing to see.")], "test": [document("t", "Nor here.")]}
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI")
CHINESE = "我们昨天晚上在河边看见了三只白色的鸟"
SIGNS = "\u3000「」『』、。−→×…—·¿“”’\u00a0\u2003\u200b\ufeff😀"


def plain_words(text: str) -> list[str]:
    """Runs of letters, marks and digits in lower case; a character of writing without spaces stands alone."""
    spaced = [
        " " if unicodedata.category(char)[0] not in "LMN" else f" {char} " if unicodedata.name(char).startswith(UNSPACED) else char.lower()
        for char in text
    ]
    return "".join(spaced).split()


def plain_runs(text: str, length: int) -> list[tuple[int, tuple[str, ...]]]:
    """Each run of words, and the paragraph of its last one; paragraphs of fewer words are one with such neighbours."""
    units: list[list[tuple[int, str]]] = []
    open_to_short = False
    for number, paragraph in enumerate(text.split("\n\n")):
        if words := [(number, word) for word in plain_words(paragraph)]:
            short = len(words) < length
            units = [*units[:-1], units[-1] + words] if short and open_to_short else [*units, words]
            open_to_short = short
    starts = [(unit, start) for unit in units for start in range(len(unit) - length + 1)]
    return [(unit[start + length - 1][0], tuple(word for _, word in unit[start : start + length])) for unit, start in starts]


def column(*texts: str) -> pa.ChunkedArray:
    return pa.chunked_array([list(texts[:1]), list(texts[1:])], pa.string())


TEXTS = (
    "",
    "One, two: THREE four",
    "\n\n\nÉté—déjà “vu” d’été; ÉTÉ\n\n \n\none two\nthree\n\n\n\nfour five six one two three four",
    "x" * 300 + " Straße 12a œuvre\u2003und\u00a0mehr ¿ya? " * 3,
    "a b c d e\n\na b c d e a b c d e",
    f"{CHINESE}。Кошка{CHINESE}7\n\n「ねこ」カタカナ\u3000ภาษาไทย नमस्ते\n\n\n{CHINESE}",
    "e\u0301 ½ 𠀀x𠀀\n\nx\n" + "→one−two😀three\ufefffour ".join(SIGNS),
)


def test_runs_are_those_of_the_words_within_each_paragraph() -> None:
    for length in (1, 3, 5):
        found = ngrams_in(column(*TEXTS), [length])
        plain = [(row, place, run) for row, text in enumerate(TEXTS) for place, run in plain_runs(text, length)]
        assert list(zip(found.rows.tolist(), found.paragraphs.tolist(), strict=True)) == [(row, place) for row, place, _ in plain]
        names: dict[tuple[str, ...], int] = {}
        assert found.hashes.tolist() == [
            names.setdefault(run, value) for (_, _, run), value in zip(plain, found.hashes.tolist(), strict=True)
        ]
        assert len(set(names.values())) == len(names), "different runs have different hashes"


def test_runs_are_those_of_the_words_in_any_mixture_of_scripts() -> None:
    draw = Random(1)
    for _ in range(200):
        text = "".join(draw.choice(f"aBéß12жЖ我ねไ𠀀 \n\n.{SIGNS}") for _ in range(draw.randrange(60)))
        found = ngrams_in(column(text), [2])
        plain = plain_runs(text, 2)
        assert found.paragraphs.tolist() == [place for place, _ in plain], text
        assert len(set(found.hashes.tolist())) == len({run for _, run in plain}), text


@pytest.mark.parametrize(
    "between", ["\n", "\n\n", "\n" * 3, "\n" * 4, "\n" * 5, "\n \n", " \n\n\t", "\n\r\n", "\r\n" * 2, "\n\u2028\n", "\n.\n", "\n\n.\n\n"]
)
def test_paragraphs_are_counted_as_by_splitting_at_blank_lines(between: str) -> None:
    for text in (f"{between}one", f"one{between}two", f"one{between}{between}two{between}", f"我{between}们", between):
        assert ngrams_in(column(text), [1]).paragraphs.tolist() == [place for place, _ in plain_runs(text, 1)], text


def test_runs_of_many_texts_are_those_of_each_alone() -> None:
    texts = [" ".join(f"w{number * number % (turn + 101)}" for number in range(60_000)) for turn in range(6)]  # megabytes
    together = ngrams_in(column(*texts[:2], "", *texts[2:]), [5])
    for row, text in zip((0, 1, 3, 4, 5, 6), texts, strict=True):
        assert np.array_equal(together.hashes[together.rows == row], ngrams_in(column(text), [5]).hashes)


def test_a_word_is_the_same_in_plain_texts_and_beside_other_characters() -> None:
    plain, other = ngrams_in(column("Where does Ada live?"), [4]).hashes, ngrams_in(column("→where\u3000DOES「ada」live😀"), [4]).hashes
    assert plain.tolist() == other.tolist()


def test_runs_of_different_lengths_never_meet() -> None:
    one, two = (set(ngrams_in(column("a a a a a a"), [length]).hashes.tolist()) for length in (2, 3))
    assert not one & two


def test_the_sieve_lets_through_all_it_was_made_of_and_little_else() -> None:
    words = [f"w{number * number % 99_991}" for number in range(30_000)]
    known = sorted_unique(ngrams_in(column(" ".join(words[:4_000])), [13]).hashes)
    sieve = bloom_filter([known])
    passed = find_ngrams(column(" ".join(words)), [13], sieve, sieve).hashes
    assert set(known.tolist()) <= set(passed.tolist())
    assert (~np.isin(passed, known)).sum() < 0.03 * 30_000


def test_short_paragraphs_that_a_cut_makes_neighbours_are_looked_at_again(tmp_path) -> None:
    first, second = LONG[: LONG.index(" seven")], LONG[LONG.index("seven") :]
    train = [document("x", "Alone."), document("a", f"{first}\n\n{OTHER}\n\n{second}\n\nThe rest stays.")]
    held_out = {"val": [document("v", OTHER)], "test": [document("t", f"{first}\n\n{second}")]}
    done = written(tmp_path, held_out | {"train": train})
    assert done.texts("train") == {"x": "Alone.", "a": f"{first}\n\nThe rest stays."}
    assert done.cut == [("a", 1, "val"), ("a", 2, "test")]
    assert done.told["leaks"] == {"val": 1, "test": 1}


def test_a_paragraph_that_shares_thirteen_words_is_cut_and_its_neighbours_stay(tmp_path) -> None:
    train = [
        document("a", f"Title\n\n* * *\n\nBefore, {LONG.upper()}! and after.\n\nThe rest stays.", bits=[1.0, 2.0, 4.0, 8.0]),
        document("b", LONG.replace("seven", "7"), bits=[3.0]),
    ]
    done = written(tmp_path, REST | {"train": train, "val": [document("c", f"It says: {LONG}.")]})
    assert done.texts("train") == {"a": "Title\n\n* * *\n\nThe rest stays.", "b": LONG.replace("seven", "7")}
    assert done.rows("cut") == [{"id": "a", "paragraph": 2, "text": f"Before, {LONG.upper()}! and after.", "against": "val", "runs": 1}]
    assert [row["bits"] for row in done.rows("train")] == [11.0, 3.0], "the bits of what was cut are gone"
    assert done.told["train"] == {"documents": 2, "bytes": 96, "source_bits": 14.0}
    told = {name: done.told[name] for name in ("paragraphs_cut", "documents_touched", "documents_cut", "leaks", "leaks_left")}
    assert told == {
        "paragraphs_cut": 1,
        "documents_touched": 1,
        "documents_cut": 0,
        "leaks": {"val": 1, "test": 0},
        "leaks_left": {"val": 0, "test": 0},
    }


def test_writing_without_spaces_is_known_by_its_characters(tmp_path) -> None:
    train = [
        document("part", f"Good.\n\n他说，{CHINESE[2:10]}，{CHINESE[10:15]}！"),  # 13 characters
        document("mixed", f"x{CHINESE}y"),
        document("fewer", CHINESE[:12]),
        document("changed", CHINESE[:9] + "不" + CHINESE[10:]),
    ]
    done = written(tmp_path, REST | {"train": train}, items={"zh": [f"{CHINESE}。"]})
    assert done.cut == [("part", 1, "zh"), ("mixed", 0, "zh")]
    done = written(tmp_path / "held", REST | {"train": train, "val": [document("c", f"「{CHINESE}」")]})
    assert done.cut == [("part", 1, "val"), ("mixed", 0, "val")]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"U+{ord(sign):04X}")
def test_signs_beside_words_hide_no_leak(sign, tmp_path) -> None:
    train = [document("a", f"{sign}{LONG.replace(' ', sign)}{sign}"), document("b", f"So{sign} {LONG}{sign}"), document("c")]
    done = written(tmp_path, REST | {"train": train, "val": [document("d", LONG)]}, items={"asked": [f"{sign}{LONG}{sign}"]})
    assert done.cut == [("a", 0, "val,asked"), ("b", 0, "val,asked")]


def test_a_run_over_the_border_of_two_long_paragraphs_is_no_leak(tmp_path) -> None:
    halves = f"{OTHER} {LONG} {OTHER}".replace(" six ", " six\n\n")
    done = written(tmp_path, REST | {"train": [document("a", halves)], "val": [document("b", LONG)]})
    assert done.cut == []


def test_short_paragraphs_in_a_row_are_known_as_one(tmp_path) -> None:
    talk = "\n\n".join(
        f"How are you, {name}?\n\nI am well, and how is {other}?" for name, other in pairwise(["Ada", "Bo", "Cora", "Dan", "Eve"])
    )
    train = [document("a", f"We met again.\n\n{OTHER}\n\n{talk}\n\n{OTHER}"), document("b")]
    done = written(
        tmp_path,
        REST
        | {"train": train, "val": [document("c", f"Something else was said before, at some length, by all who were there.\n\n{talk}")]},
    )
    left = done.texts("train")["a"].split("\n\n")
    assert left[:2] == ["We met again.", OTHER]
    assert left[-1] == OTHER
    assert len(left) - 3 <= 2, "all but what comes before the first thirteen words"
    assert not any(done.told["leaks_left"].values())


def test_a_document_of_which_nothing_is_left_is_gone(tmp_path) -> None:
    train = [document("a", f"{LONG}\n\n{LONG} fourteen"), document("b", "Something else.")]
    done = written(tmp_path, REST | {"train": train, "val": [document("c", LONG)], "test": [document("d", LONG)]})
    assert list(done.texts("train")) == ["b"]
    assert done.cut == [("a", 0, "val,test"), ("a", 1, "val,test")]
    assert (done.told["documents_cut"], done.told["leaks"]) == (1, {"val": 2, "test": 2})


def test_a_train_that_is_all_held_out_text_is_an_error(tmp_path) -> None:
    with pytest.raises(PipelineError, match="every training paragraph"):
        written(tmp_path, {"train": [document("a", LONG)], "val": [document("b", LONG)], "test": [document("c", LONG)]})


def test_the_policy_drop_takes_the_whole_document_and_keeps_it_to_be_looked_at(tmp_path) -> None:
    train = [document("a", f"Good.\n\n{LONG}"), document("b", "Good.")]
    done = written(tmp_path, REST | {"train": train, "val": [document("c", LONG)]}, policy="drop")
    assert list(done.texts("train")) == ["b"]
    assert done.rows("cut") == [{"id": "a", "paragraph": None, "text": f"Good.\n\n{LONG}", "against": "val", "runs": 1}]


def test_items_are_known_by_a_long_run_a_short_one_or_all_their_words(tmp_path) -> None:
    items = {"long": [f"{LONG}\nfourteen"], "short": ["a b c d e f g h i"], "whole": ["Where does Ada live?"], "none": ["Who, me?"]}
    train = [
        document("long", "two three four five six seven eight nine ten eleven twelve thirteen fourteen"),  # over the item's line end
        document("not", LONG.replace(" one", "").replace("seven", "7") + "\n\na b c d e f g"),
        document("short", "z b c d e f g h i z"),
        document("whole", '"Where does ada live", he asked.\n\nWho, me?'),
        document("part", "Where does Ada stay? Does Ada live?"),
    ]
    done = written(tmp_path, REST | {"train": train}, items=items)
    assert done.cut == [("long", 0, "long"), ("short", 0, "short"), ("whole", 0, "whole")]
    assert done.told["benchmarks"] == {
        "long": {"items": 1, "found": 1, "unchecked": 0, "paragraphs": 1, "documents": 1},
        "short": {"items": 1, "found": 1, "unchecked": 0, "paragraphs": 1, "documents": 1},
        "whole": {"items": 1, "found": 1, "unchecked": 0, "paragraphs": 1, "documents": 1},
        "none": {"items": 1, "found": 0, "unchecked": 1, "paragraphs": 0, "documents": 0},
    }


def test_an_item_is_found_however_its_letters_are_written(tmp_path) -> None:
    done = written(
        tmp_path, REST | {"train": [document("a", "Où est la CAFÉ d’Été?"), document("b")]}, items={"fr": ["Ou\u0300 est la cafe\u0301"]}
    )
    assert done.cut == [("a", 0, "fr")]


def test_one_item_of_two_benchmarks_is_found_for_both_and_each_item_once(tmp_path) -> None:
    items = {"one": ["Where does Ada live?", "Where does Bo live?"], "other": ["where does Ada LIVE"]}
    done = written(tmp_path, REST | {"train": [document("a", "Where does Ada live? Where does Ada live?"), document("b")]}, items=items)
    assert done.rows("cut")[0]["against"] == "one,other"
    assert done.rows("cut")[0]["runs"] == 4
    assert [(told["found"], told["paragraphs"]) for told in done.told["benchmarks"].values()] == [(1, 1), (1, 1)]


def test_a_preamble_of_all_items_finds_them_all_and_counts_once_where_it_stands(tmp_path) -> None:
    preamble = " ".join(f"p{number}" for number in range(50))
    items = {"long": [f"{preamble} q{number} r{number}" for number in range(4_000)], "other": [preamble, "Three blind mice ran home"]}
    train = [document(f"d{number}", "\n\n".join(f"{preamble} d{number} e{turn}" for turn in range(50))) for number in range(10)]
    done = written(tmp_path, REST | {"train": [*train, document("free")]}, items=items, max_characters=100_000)
    assert done.told["benchmarks"] == {
        "long": {"items": 4000, "found": 4000, "unchecked": 0, "paragraphs": 500, "documents": 10},
        "other": {"items": 2, "found": 1, "unchecked": 0, "paragraphs": 500, "documents": 10},
    }
    assert {row["runs"] for row in done.rows("cut")} == {2 * (50 - 13 + 1)}, "each run, for each of the two benchmarks"
    hits = HeldOutIndex(tmp_path / "table").find(column(train[0]["text"], train[1]["text"]))
    assert hits.rows.size == 100 * 2 * (50 - 13 + 1)
    assert hits.items.tolist() == list(range(4_001))


def test_shards_and_ranges_of_hashes_change_nothing(tmp_path) -> None:
    words = [f"w{number * number % 1013}" for number in range(3000)]
    rows = [document(f"d{number:02d}", " ".join(words[number * 40 : number * 40 + 200])) for number in range(60)]
    parts = {"train": rows[2:50] + rows[54:], "val": rows[:2] + rows[50:52], "test": rows[52:54]}
    one = written(tmp_path / "one", parts)
    many = written(tmp_path / "many", parts, shards=5, ranges=7)
    assert one.cut
    assert sorted(one.cut) == sorted(many.cut)
    assert one.texts("train") == many.texts("train")
    assert one.told == many.told


def test_what_is_left_shares_no_run_by_an_independent_count(tmp_path) -> None:
    words = [f"w{number * number % 101}" for number in range(4000)]
    rows = [
        document(f"d{number}", "\n\n".join(" ".join(words[k : k + 17]) for k in range(number, 900 + number, 31))) for number in range(12)
    ]
    items = {"dialogues": [" ".join(words[60:66]), " ".join(words[70:80])]}
    done = written(tmp_path, {"train": [*rows[:10], document("free")], "val": rows[10:11], "test": rows[11:]}, items=items)
    held = {run for part in ("val", "test") for text in done.texts(part).values() for _, run in plain_runs(text, 13)}
    held |= {tuple(words[60:66]), *(run for _, run in plain_runs(items["dialogues"][1], 8))}
    train = done.texts("train").values()
    assert done.cut
    assert not held & {run for text in train for length in (6, 8, 13) for _, run in plain_runs(text, length)}
    assert all(held & {run for length in (6, 8, 13) for _, run in plain_runs(row["text"], length)} for row in done.rows("cut"))

"""The kernels count what the definitions say: a slow plain reading of each text gives the same numbers."""

import random

import pyarrow as pa
import pytest

from pipeline.text.measure.statistics import NAMES, STATISTICS, measure
from tests.text.plain_statistics import plain_statistics

ODD = [
    "", "a",
    ".", "\n", "\n\n\n", " \t ", "#", "…", "....", "a\n\nb", "the the the the", "{}", "•", "- a", "İstanbul ǅ ß", "x" * 1200 + " a b.",
    "Lorem ipsum dolor.", "Lorem\nipsum", "We use cookies here.", "JavaScript must be on.", "terms-of-use",
    "bcdfgh" * 30, "e\u0301te\u0301",
    "Hello.”\n\nHello.” \n \nWell...", "one two\n\none  two\n\n one two", "a b c d e f g h i j k " * 3, "五百年前。他说！ 五百年前。",
]  # fmt: skip
TEXTS = [
    "The Tale of Ada\n\nIt was the best of times, it was the worst of times…\n\n“Who is there?” said she; and the cat sat on the mat.",
    "Der alte Müller sieht das Haus, und 12 Männer (3 davon müde) sehen ihn...\n- erstens\n- zweitens\n• drittens",
    "Старый мельник видит дом. Кто там? — сказал он!\n\nСтарый мельник видит дом. Кто там? — сказал он!",
    "हिन्दी में एक वाक्य। और एक और वाक्य।\n\n日本語の文章です。東京へ行きました。 𠀀𠀁 ab",
    "damn this bastard, damn him to hell # # {x} xkcd qqqq https://a.example/b?c=d&e=f 1,250.00 w1th",
]
LAYOUT = ["\n", "\n\n", " \n\n ", "...", "the", "of", "\u3000", "\t", "\u00a0\u0301"]


def measured(texts: list[str]) -> list[dict[str, float]]:
    ids = pa.array([str(place) for place in range(len(texts))], pa.string())
    return measure(ids, pa.array(texts, pa.string()), language_characters=200).to_pylist()


def shaken(seed: int) -> str:
    """A text of words, signs and layout at random, with repetition."""
    chance = random.Random(seed)
    pool = [word for text in TEXTS for word in text.split(" ")] + LAYOUT
    some = chance.sample(pool, 12)
    words = [chance.choice(some if chance.random() < 0.7 else pool) for _ in range(chance.randrange(300))]
    return chance.choice(["", "\n"]) + " ".join(words)


@pytest.mark.parametrize("texts", [ODD, TEXTS, [shaken(seed) for seed in range(150)]], ids=["odd", "languages", "random"])
def test_every_statistic_is_what_its_definition_says(texts: list[str]) -> None:
    for text, row in zip(texts, measured(texts), strict=True):
        assert {name: row[name] for name in NAMES} == pytest.approx(plain_statistics(text)), text


def test_any_characters_are_counted_as_unicode_names_them() -> None:
    chance = random.Random(7)
    codes = [code for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(map(chr, chance.sample(codes, 60))) for _ in range(200)]
    for text, row in zip(texts, measured(texts), strict=True):
        assert {name: row[name] for name in NAMES} == pytest.approx(plain_statistics(text)), text


def test_a_document_is_measured_alike_alone_and_in_any_company() -> None:
    together = measured([*ODD, *TEXTS])
    for text, row in zip([*ODD, *TEXTS], together, strict=True):
        assert measured([text])[0] | {"id": row["id"]} == row


def test_sliced_and_chunked_columns_are_read_in_place() -> None:
    whole = measured(TEXTS)
    column = pa.chunked_array([pa.array(["x", *TEXTS[:2]]).slice(1), pa.array(TEXTS[2:])])
    ids = pa.array([str(place) for place in range(len(TEXTS))])
    assert measure(ids, column, language_characters=200).to_pylist() == whole


def test_a_shard_without_documents_has_all_columns() -> None:
    table = measure(pa.array([], pa.string()), pa.array([], pa.string()), language_characters=200)
    assert (table.num_rows, table.column_names) == (0, ["id", *NAMES, "language", "language_score"])


def test_there_are_more_than_thirty_statistics_and_each_is_a_number() -> None:
    table = measure(pa.array(["a"]), pa.array([TEXTS[0]]), language_characters=200)
    assert len(STATISTICS) >= 32
    assert all(table[name].type == pa.float64() for name in NAMES)


def test_readability_is_that_of_its_formula_and_harder_text_has_more() -> None:
    easy = "The old cat sat here. Yesterday somebody washed something there."  # 10 words, 2 sentences, 3 words of more than six letters
    hard = "Notwithstanding considerable deliberation, authorities subsequently postponed implementation of reorganisation measures."
    found = [row["lix"] for row in measured([easy, hard, "..."])]
    assert found == [pytest.approx(10 / 2 + 100 * 3 / 10), pytest.approx(10 / 1 + 100 * 9 / 10), 0]

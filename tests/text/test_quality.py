"""Rules are thresholds over statistics; the first that is broken names the reason."""

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import PipelineError
from pipeline.text.clean import clean, counts
from pipeline.text.quality import Rule, first_broken, statistics

ENGLISH = "It was the best of times, it was the worst of times, and the cat sat on the mat by the door."
GERMAN = "Der alte Müller sieht das kleine Haus hinter dem Wald und die junge Bäckerin verkauft das frische Brot."
RULES = (
    Rule(name="empty", statistic="characters", min=10, max=None),
    Rule(name="gibberish", statistic="alphabetic_words", min=0.6, max=None),
    Rule(name="gibberish", statistic="unpronounceable_words", min=None, max=0.2),
    Rule(name="foreign", statistic="stopwords", min=0.15, max=None),
)


def plain_map(function, items):  # type: ignore[no-untyped-def]
    return [function(item) for item in items]


def documents(*texts: str) -> pa.Table:
    rows = [{"id": str(place), "source": f"s{place}", "text": text, "bits": None} for place, text in enumerate(texts)]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


def test_statistics_are_what_they_say() -> None:
    told = statistics("The cat, 12 b2b xkcd!\n\nThe dog\n\nThe dog")
    assert told["words"] == 9  # the cat b b xkcd the dog the dog
    assert told["characters"] == 29
    assert told["alphabetic_words"] == pytest.approx(8 / 9)
    assert told["stopwords"] == pytest.approx(3 / 9)
    assert told["unpronounceable_words"] == pytest.approx(1 / 7)
    assert told["repeated_paragraphs"] == pytest.approx(7 / 39)
    assert told["symbols"] == pytest.approx(2 / 39)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENGLISH, None),
        (GERMAN, "foreign"),
        ("", "empty"),
        ("12 34 # 56 % 78 & 90", "gibberish"),
        ("xkq zzrtp wvbn qqq lkjh dfg", "gibberish"),
    ],
)
def test_each_kind_of_junk_breaks_its_rule(text: str, reason: str | None) -> None:
    broken = first_broken(text, RULES)
    assert (broken[0] if broken else None) == reason


def test_every_statistic_stands_a_text_without_words() -> None:
    assert all(value == 0 for value in statistics("").values())


def test_every_document_is_kept_or_dropped_with_its_reason_and_value() -> None:
    kept, dropped, repairs = clean(documents(ENGLISH, GERMAN, "", ENGLISH.replace("It", "“It”")), plain_map, rules=RULES)
    assert kept["id"].to_pylist() == ["0", "3"]
    assert [(row["id"], row["source"], row["reason"]) for row in dropped.to_pylist()] == [("1", "s1", "foreign"), ("2", "s2", "empty")]
    assert dropped["value"].to_pylist()[1] == 0
    assert repairs.to_pylist() == [{"id": "3", "repair": "quotes", "count": 2}]
    told = counts(kept, dropped, repairs)
    assert (told["documents"], told["dropped"], told["repaired"]["quotes"]) == (2, {"empty": 1, "foreign": 1}, 1)


def test_a_corpus_of_which_nothing_is_kept_is_an_error() -> None:
    with pytest.raises(PipelineError, match="all 2 documents break a rule"):
        clean(documents("", GERMAN), plain_map, rules=RULES)

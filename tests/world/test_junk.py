"""What no corpus should keep is what it is called."""

import unicodedata
from collections import Counter
from pathlib import Path

import better_profanity
import pytest

from pipeline.core.seed import stream
from pipeline.world.books import BookShape, Writer
from pipeline.world.facts import draw_facts
from pipeline.world.foreign import LANGUAGES
from pipeline.world.junk import REJECTS

SCRIPTS = {"russian": "CYRILLIC", "greek": "GREEK", "chinese": "CJK", "japanese": "HIRAGANA", "german": "LATIN"}


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(
        draw_facts(8, 6, 1), BookShape(chapters=(1, 1), paragraphs=(1, 1), min_sentences=3, continue_probability=0.75, fact_share=0.58)
    )


def written(writer: Writer, kind: str, number: int) -> str:
    return REJECTS[kind](writer, stream(1, kind, number), number)


@pytest.mark.parametrize(("language", "script"), SCRIPTS.items())
def test_a_foreign_document_is_written_in_its_script_and_long_enough_to_be_known(writer: Writer, language: str, script: str) -> None:
    text = written(writer, "foreign", list(LANGUAGES).index(language))
    letters = [letter for letter in text if letter.isalpha()]
    assert len(letters) > 800
    assert sum(unicodedata.name(letter).startswith(script) for letter in letters) > 0.3 * len(letters)


def test_one_word_in_twenty_of_a_toxic_document_is_abuse(writer: Writer) -> None:
    words = set((Path(better_profanity.__file__).parent / "profanity_wordlist.txt").read_text().split())
    for number in range(6):
        text = [word.strip('.,!"').lower() for word in written(writer, "toxic", number).split()]
        assert 0.04 < sum(word in words for word in text) / len(text) < 0.12


def test_a_repetitive_document_says_little_in_many_words(writer: Writer) -> None:
    for number in range(8):
        text = written(writer, "repetitive", number)
        sentences = Counter(sentence.strip('" \n') for sentence in text.replace("\n", " ").split("."))
        assert len(text) > 300
        assert len(sentences) < 0.2 * sentences.total()

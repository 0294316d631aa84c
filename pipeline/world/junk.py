"""Documents that should be dropped, by kind, generated from (writer, random generator, number); the number chooses the variant."""

from collections.abc import Callable

import numpy as np

from pipeline.world.books import Rng, Writer
from pipeline.world.foreign import foreign
from pipeline.world.toxic import toxic

Generator = np.random.Generator

KEYS = "qwertyuiopasdfghjklzxcvbnm"
SIGNS = "#@%&*+=~^|<>/\\_$0123456789"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

EMPTY = ("", "   ", "\n\n\n", " \n\t\n ", "12\n\n13\n\n14", "- 1 -\n\n- 2 -", "...")


def gibberish(writer: Writer, generator: Generator, number: int) -> str:
    """Some thousand characters of gibberish."""
    manner: Callable[[Generator], str] = (_mashed, _signs, _encoded, _stuck)[number % 4]
    lines = int(generator.integers(30, 80))
    return "\n".join(manner(generator) for _ in range(lines))


def empty(writer: Writer, generator: Generator, number: int) -> str:
    """Nothing, or only blanks and page numbers."""
    return EMPTY[number % len(EMPTY)]


def repetitive(writer: Writer, generator: Generator, number: int) -> str:
    """Good sentences, repeated too often."""
    manner: Callable[[Writer, Rng], str] = (_one_paragraph, _one_line, _few_in_turn, _one_sentence)[number % 4]
    return manner(writer, Rng(generator))


def _one_paragraph(writer: Writer, rng: Rng) -> str:
    return "\n\n".join([writer.paragraph(rng).text] * rng.between((12, 40)))


def _one_line(writer: Writer, rng: Rng) -> str:
    line = writer.paragraph(rng).sentences[0].text
    return rng.choice(("\n", "\n\n")).join([line] * rng.between((30, 90)))


def _few_in_turn(writer: Writer, rng: Rng) -> str:
    few = [writer.paragraph(rng).text for _ in range(rng.between((2, 3)))]
    return "\n\n".join(few * rng.between((8, 20)))


def _one_sentence(writer: Writer, rng: Rng) -> str:
    """Like a language model caught in a loop."""
    sentence = writer.paragraph(rng).sentences[-1].text
    return "\n\n".join(" ".join([sentence] * rng.between((10, 30))) for _ in range(rng.between((5, 12))))


def _letters(generator: Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[row] for row in generator.integers(len(alphabet), size=count).tolist())


def _mashed(generator: Generator) -> str:
    return " ".join(_letters(generator, KEYS, int(generator.integers(1, 14))) for _ in range(10))


def _signs(generator: Generator) -> str:
    return " ".join(_letters(generator, SIGNS, int(generator.integers(1, 9))) for _ in range(12))


def _encoded(generator: Generator) -> str:
    return _letters(generator, BASE64, 76)


def _stuck(generator: Generator) -> str:
    return _letters(generator, KEYS, 1) * int(generator.integers(20, 70))


REJECTS: dict[str, Callable[[Writer, Generator, int], str]] = {
    rule.__name__: rule for rule in (gibberish, empty, foreign, repetitive, toxic)
}

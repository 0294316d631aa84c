"""Documents that no corpus should keep, by kind: written by (writer of the world, stream, number); the number chooses the manner."""

from collections.abc import Callable

import numpy as np

from pipeline.world.books import Dice, Writer
from pipeline.world.foreign import foreign
from pipeline.world.toxic import toxic

Draw = np.random.Generator

KEYS = "qwertyuiopasdfghjklzxcvbnm"
SIGNS = "#@%&*+=~^|<>/\\_$0123456789"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

EMPTY = ("", "   ", "\n\n\n", " \n\t\n ", "12\n\n13\n\n14", "- 1 -\n\n- 2 -", "...")


def gibberish(writer: Writer, draw: Draw, number: int) -> str:
    """Some thousand characters that are no language."""
    manner: Callable[[Draw], str] = (_mashed, _signs, _encoded, _stuck)[number % 4]
    lines = int(draw.integers(30, 80))
    return "\n".join(manner(draw) for _ in range(lines))


def empty(writer: Writer, draw: Draw, number: int) -> str:
    """Nothing, or nothing but blanks and page numbers."""
    return EMPTY[number % len(EMPTY)]


def repetitive(writer: Writer, draw: Draw, number: int) -> str:
    """Good sentences, too often."""
    manner: Callable[[Writer, Dice], str] = (_one_paragraph, _one_line, _few_in_turn, _one_sentence)[number % 4]
    return manner(writer, Dice(draw))


def _one_paragraph(writer: Writer, dice: Dice) -> str:
    return "\n\n".join([writer.paragraph(dice).text] * dice.between((12, 40)))


def _one_line(writer: Writer, dice: Dice) -> str:
    line = writer.paragraph(dice).sentences[0].text
    return dice.one(("\n", "\n\n")).join([line] * dice.between((30, 90)))


def _few_in_turn(writer: Writer, dice: Dice) -> str:
    few = [writer.paragraph(dice).text for _ in range(dice.between((2, 3)))]
    return "\n\n".join(few * dice.between((8, 20)))


def _one_sentence(writer: Writer, dice: Dice) -> str:
    """As a language model that is caught in a loop."""
    sentence = writer.paragraph(dice).sentences[-1].text
    return "\n\n".join(" ".join([sentence] * dice.between((10, 30))) for _ in range(dice.between((5, 12))))


def _letters(draw: Draw, alphabet: str, count: int) -> str:
    return "".join(alphabet[row] for row in draw.integers(len(alphabet), size=count).tolist())


def _mashed(draw: Draw) -> str:
    return " ".join(_letters(draw, KEYS, int(draw.integers(1, 14))) for _ in range(10))


def _signs(draw: Draw) -> str:
    return " ".join(_letters(draw, SIGNS, int(draw.integers(1, 9))) for _ in range(12))


def _encoded(draw: Draw) -> str:
    return _letters(draw, BASE64, 76)


def _stuck(draw: Draw) -> str:
    return _letters(draw, KEYS, 1) * int(draw.integers(20, 70))


REJECTS: dict[str, Callable[[Writer, Draw, int], str]] = {rule.__name__: rule for rule in (gibberish, empty, foreign, repetitive, toxic)}

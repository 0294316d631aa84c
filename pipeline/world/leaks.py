"""Paragraphs in which a book asks what is asked of a model later: quizzes about the facts, in the wording of the dialogues; riddles.

The riddles are a benchmark of the world's own. They have 7 to 25 words, so that long ones, short ones and very short ones are among them.
"""

from math import log2

from pipeline.world.books import Dice, Sentence
from pipeline.world.facts import BY_NAME, Facts
from pipeline.world.grammar import RULES, expand, ready
from pipeline.world.pieces import Piece, plain

QUESTIONS = (3, 5)  # least and most a quiz
RIDDLES = (  # weights, and templates of the grammar
    (2, "Why is {thing} like {thing}?"),
    (1, "What do {thing} and {thing} have in common?"),
    (1, "What can {thing} say to {thing} that it would never say to {thing}?"),
)
ASKING = ("The children asked a riddle. {} Nobody knew.", "An old riddle: {}", '"{}" was the riddle of the day.')


def quiz(facts: Facts, dice: Dice) -> Piece:
    """Some questions about any facts, with or without answers. The answers cost nothing: the facts are given."""
    chosen = []
    bits = log2(QUESTIONS[1] - QUESTIONS[0] + 1) + log2(len(MANNERS))
    for _ in range(dice.between(QUESTIONS)):
        fact = dice.one(facts.table)
        wordings = BY_NAME[fact.relation].questions
        chosen.append((dice.one(wordings).format(s=fact.subject), fact.value))
        bits += log2(len(facts.table)) + log2(len(wordings))
    return plain(dice.one(MANNERS)(chosen), bits)


def riddles(count: int, dice: Dice) -> list[Sentence]:
    """Questions that nobody answers."""
    rule, drawn = ready({**RULES, "riddle": RIDDLES})["riddle"], []
    for _ in range(count):
        words: list[str] = []
        bits = expand(rule, {}, dice, words)
        drawn.append(Sentence("".join(words), bits, ""))
    return drawn


def asking(riddle: Sentence, dice: Dice) -> Piece:
    """A paragraph that asks the riddle, which costs what it cost to draw it."""
    return plain(dice.one(ASKING).format(riddle.text), log2(len(ASKING)) + riddle.bits)


def _catechism(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Question: {question} Answer: {value}." for question, value in asked)


def _short(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Q: {question} A: {value}." for question, value in asked)


def _unanswered(asked: list[tuple[str, str]]) -> str:
    return " ".join(["The teacher wrote a quiz for the school.", *(question for question, _ in asked), "Nobody answered."])


MANNERS = (_catechism, _short, _unanswered)

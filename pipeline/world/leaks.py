"""Paragraphs in which a book asks what is asked of a model later: quizzes about the facts, in the wording of the dialogues."""

from math import log2

from pipeline.world.books import Dice
from pipeline.world.facts import BY_NAME, Facts
from pipeline.world.pieces import Piece, plain

QUESTIONS = (3, 5)  # least and most a quiz


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


def _catechism(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Question: {question} Answer: {value}." for question, value in asked)


def _short(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Q: {question} A: {value}." for question, value in asked)


def _unanswered(asked: list[tuple[str, str]]) -> str:
    return " ".join(["The teacher wrote a quiz for the school.", *(question for question, _ in asked), "Nobody answered."])


MANNERS = (_catechism, _short, _unanswered)

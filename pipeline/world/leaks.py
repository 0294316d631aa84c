"""Leaks: paragraphs with test questions. Quizzes about the facts, in the wording of the dialogues; riddles, the world's own benchmark.

Riddles have 7 to 25 words, so that there are long, short and very short ones.
"""

from math import log2

from pipeline.world.books import Rng, Sentence
from pipeline.world.facts import BY_NAME, Facts
from pipeline.world.grammar import RULES, compile_rules, expand
from pipeline.world.paragraphs import ParagraphText, without_pii

QUESTIONS = (3, 5)  # minimum and maximum per quiz
RIDDLES = (  # weights, and templates of the grammar
    (2, "Why is {thing} like {thing}?"),
    (1, "What do {thing} and {thing} have in common?"),
    (1, "What can {thing} say to {thing} that it would never say to {thing}?"),
)
ASKING = ("The children asked a riddle. {} Nobody knew.", "An old riddle: {}", '"{}" was the riddle of the day.')


def quiz(facts: Facts, rng: Rng) -> ParagraphText:
    """Some questions about random facts, with or without answers. Answers have no bits: the facts are given."""
    chosen = []
    bits = log2(QUESTIONS[1] - QUESTIONS[0] + 1) + log2(len(MANNERS))
    for _ in range(rng.between(QUESTIONS)):
        fact = rng.choice(facts.table)
        wordings = BY_NAME[fact.relation].questions
        chosen.append((rng.choice(wordings).format(s=fact.subject), fact.value))
        bits += log2(len(facts.table)) + log2(len(wordings))
    return without_pii(rng.choice(MANNERS)(chosen), bits)


def riddles(count: int, rng: Rng) -> list[Sentence]:
    """Questions without answers."""
    rule, drawn = compile_rules({**RULES, "riddle": RIDDLES})["riddle"], []
    for _ in range(count):
        words: list[str] = []
        bits = expand(rule, {}, rng, words)
        drawn.append(Sentence("".join(words), bits, ""))
    return drawn


def riddle_paragraph(riddle: Sentence, rng: Rng) -> ParagraphText:
    """A paragraph that asks the riddle; it includes the bits of the riddle."""
    return without_pii(rng.choice(ASKING).format(riddle.text), log2(len(ASKING)) + riddle.bits)


def _catechism(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Question: {question} Answer: {value}." for question, value in asked)


def _short(asked: list[tuple[str, str]]) -> str:
    return " ".join(f"Q: {question} A: {value}." for question, value in asked)


def _unanswered(asked: list[tuple[str, str]]) -> str:
    return " ".join(["The teacher wrote a quiz for the school.", *(question for question, _ in asked), "Nobody answered."])


MANNERS = (_catechism, _short, _unanswered)

"""Quizzes, riddles, shared paragraphs and runs, and what they cost."""

import math
import re

import pytest

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.world.books import BookShape, Rng, Writer
from pipeline.world.dialogues import FactQuestion
from pipeline.world.facts import BY_NAME, Facts, draw_facts
from pipeline.world.leaks import ASKING, RIDDLES, quiz, riddle_paragraph, riddles
from pipeline.world.paragraphs import FRONT, insert_randomly, with_inserts, without_pii
from pipeline.world.shared import QUOTED, WORDS, SharedText, share
from tests.world.test_probability import Parser

SHAPE = BookShape(chapters=(2, 2), paragraphs=(12, 16), min_sentences=3, continue_probability=0.75, fact_share=0.58)


@pytest.fixture(scope="module")
def facts() -> Facts:
    return draw_facts(8, 6, 1)


@pytest.fixture(scope="module")
def writer(facts: Facts) -> Writer:
    return Writer(facts, SHAPE)


def common_of(writer: Writer, count: int, passages: int, spans: int, quotes: int = 0) -> tuple[list[list[str]], SharedText]:
    """The books' paragraphs with all that was put into them."""
    books = {number: writer.book(stream(2, "book", number)) for number in range(count)}
    pieces = [[without_pii(text, bits) for text, bits in zip(book.paragraphs, writer.bits(book), strict=True)] for book in books.values()]
    shared = share(books, pieces, len(writer.facts.people), (passages, spans, quotes), Rng(stream(2, "shared")))
    texts = []
    for number, own in enumerate(pieces):
        grown = [shared.grown.get((number, place), piece) for place, piece in enumerate(own)]
        texts.append([piece.clean for piece in with_inserts(grown, shared.inserts.get(number, []))])
    return texts, shared


def test_a_quiz_asks_in_the_words_of_the_dialogues_and_costs_the_choices_that_led_to_it(facts: Facts) -> None:
    asked = {FactQuestion(fact, wording).question: fact for fact in facts.table for wording in range(len(BY_NAME[fact.relation].questions))}
    rng, manners = Rng(stream(1, "quiz")), set()
    for _ in range(50):
        piece = quiz(facts, rng)
        found = [question for question in asked if question in piece.clean for _ in range(piece.clean.count(question))]
        assert 3 <= len(found) <= 5
        assert piece.bits == pytest.approx(math.log2(3) + math.log2(3) + len(found) * math.log2(len(asked)))
        if "Answer" in piece.clean or "A:" in piece.clean:
            told = re.findall(r"(?:Question|Q): (.*?) (?:Answer|A): (\w+)\.", piece.clean)
            assert all(asked[question].value == value for question, value in told)
            assert len(told) == len(found)
        manners.add(piece.clean.split(" ")[0])
    assert len(manners) == 3


def test_a_riddle_has_one_derivation_and_costs_its_probability(facts: Facts) -> None:
    parser = Parser(facts, SHAPE)
    parser.rules["riddle"] = list(RIDDLES)
    rng, manners = Rng(stream(1, "riddles")), set()
    for riddle in riddles(60, rng):
        derivations, chance = parser.line("riddle", riddle.text)
        assert derivations == 1
        assert riddle.bits == pytest.approx(-math.log2(chance))
        piece = riddle_paragraph(riddle, rng)
        assert riddle.text in piece.clean
        assert piece.bits == pytest.approx(riddle.bits + math.log2(len(ASKING)))
        manners.add(piece.clean.replace(riddle.text, ""))
    assert len(manners) == len(ASKING)


def test_riddles_are_of_every_length_by_which_items_are_known() -> None:
    sizes = [len(riddle.text.split()) for riddle in riddles(60, Rng(stream(1, "riddles")))]
    assert min(sizes) < 8
    assert any(8 <= size < 13 for size in sizes)
    assert max(sizes) > 13


def test_a_passage_stands_word_for_word_in_two_books(writer: Writer) -> None:
    texts, shared = common_of(writer, 4, 6, 0)
    assert sum(len(passages) for passages in shared.passages.values()) == 12
    for number, passages in shared.passages.items():
        for passage in passages:
            assert passage in texts[number]
            assert sum(passage in text for text in texts) == 2


def test_a_run_of_sixty_words_stands_inside_a_paragraph_of_another_book(writer: Writer) -> None:
    texts, shared = common_of(writer, 4, 3, 6)
    assert len(shared.grown) == 6
    for number, spans in shared.spans.items():
        for span in spans:
            assert WORDS <= len(span.split()) < WORDS + 15
            holders = [paragraph for paragraph in texts[number] if span in paragraph]
            assert len(holders) == 1
            assert sum(any(span in paragraph for paragraph in text) for text in texts) == 2
    for (number, place), piece in shared.grown.items():
        run = next(span for span in shared.spans[number] if span in piece.clean)
        assert not piece.clean.startswith(run)
        assert not piece.clean.endswith(run)
        assert place >= FRONT


def test_a_quotation_stands_inside_a_paragraph_of_each_of_two_books_and_both_tell_of_the_other(writer: Writer) -> None:
    texts, shared = common_of(writer, 4, 3, 2, 12)
    assert len(shared.grown) == 14
    told = {(number, other, text) for number, quotes in shared.quotes.items() for text, other in quotes}
    assert len(told) == 24
    for number, other, text in told:
        assert (other, number, text) in told
        assert QUOTED <= len(text.split()) < QUOTED + 25
        (own,), (others,) = ([paragraph for paragraph in texts[book] if text in paragraph] for book in (number, other))
        assert longest_common_run(own, others) < WORDS


def longest_common_run(one: str, other: str) -> int:
    """Words in a row that both have."""
    first, second = one.split(), other.split()
    lengths, longest = [0] * (len(second) + 1), 0
    for word in first:
        lengths = [0] + [lengths[place] + 1 if word == match else 0 for place, match in enumerate(second)]
        longest = max(longest, *lengths)
    return longest


def test_a_run_costs_its_sentences_its_people_and_its_place(writer: Writer) -> None:
    books = {number: writer.book(stream(2, "book", number)) for number in range(3)}
    pieces = [[without_pii(text, bits) for text, bits in zip(book.paragraphs, writer.bits(book), strict=True)] for book in books.values()]
    shared = share(books, pieces, 8, (0, 1, 0), Rng(stream(2, "shared")))
    ((number, place), grown), run = next(iter(shared.grown.items())), next(iter(shared.spans.values()))[0]
    cost = {sentence.text: sentence.bits for book in books.values() for story in book.stories.values() for sentence in story.sentences}
    sentences = [sentence for sentence in re.split(r"(?<=[.])(?= )|(?<=[.])$", run) if sentence]
    known = [cost[sentence.strip()] for sentence in sentences if sentence.strip() in cost]
    own = pieces[number][place].bits
    places = math.log2(8 * 7) + math.log2(len(books[number].stories)) + math.log2(len(books[number].stories[place].sentences) - 1)
    if len(known) == len(sentences):
        assert grown.bits == pytest.approx(own + sum(known) + places)
    assert grown.bits > own + sum(known) + places - 1e-6


def test_a_place_costs_the_logarithm_of_the_places_and_is_behind_the_first_heading(writer: Writer) -> None:
    pieces = [without_pii(str(number), 1.0) for number in range(10)]
    rng = Rng(stream(4, "place"))
    inserts = [insert_randomly(without_pii("new", 2.0), pieces, rng) for _ in range(200)]
    assert {insert.after for insert in inserts} == set(range(FRONT, 10))
    assert inserts[0].piece.bits == 2.0 + math.log2(8)
    assert [piece.clean for piece in with_inserts(pieces[:4], [inserts[0]])].index("new") >= FRONT + 1


def test_books_that_are_too_short_for_runs_say_which_dial_to_turn(facts: Facts) -> None:
    short = Writer(facts, BookShape(chapters=(1, 1), paragraphs=(2, 2), min_sentences=3, continue_probability=0.01, fact_share=0.58))
    with pytest.raises(PipelineError, match=r"corpus\.world\.spans"):
        common_of(short, 2, 0, 4)

"""What two books have in common although neither is a copy of the other: whole paragraphs, and runs of sentences inside paragraphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log2

from pipeline.core.errors import PipelineError
from pipeline.world.books import Book, Dice, Paragraph, Sentence
from pipeline.world.pieces import Insert, Piece, placed, plain

WORDS = 60  # least a run
SENTENCES = 3  # least a paragraph that is shared

Key = tuple[int, int]  # the number of a book, and the place of one of its paragraphs


@dataclass
class Common:
    """What was put into the books, by their numbers, and what both sides of each have in common."""

    inserts: dict[int, list[Insert]] = field(default_factory=dict)
    grown: dict[Key, Piece] = field(default_factory=dict)  # paragraphs with a run in their middle
    passages: dict[int, list[str]] = field(default_factory=dict)
    spans: dict[int, list[str]] = field(default_factory=dict)


def share(books: Mapping[int, Book], pieces: Sequence[Sequence[Piece]], people: int, counts: tuple[int, int], dice: Dice) -> Common:
    """`counts` passages and spans between the books; no paragraph has part in two. Raises PipelineError when there are too few."""
    stories = {(number, place): story for number, book in books.items() for place, story in book.stories.items()}
    stories = {key: story for key, story in stories.items() if len(story.sentences) >= SENTENCES}
    common = Common()
    givers = _taken("passages", dice.shuffled(list(stories)), counts[0])
    for giver, place in givers:
        taker, piece = _other(books, giver, dice), pieces[giver][place]
        common.inserts.setdefault(taker, []).append(placed(plain(piece.clean, piece.bits), pieces[taker], dice))
        _note(common.passages, giver, taker, piece.clean)
    runs = {key: run for key, story in stories.items() if key not in givers and (run := _run(story, dice))}
    chosen = _taken("spans", dice.shuffled(list(runs)), counts[1])
    free = set(stories) - {*givers, *chosen}
    for key in chosen:
        taker, run = _other(books, key[0], dice), runs[key]
        hosts = sorted(host for host in free if host[0] == taker)
        host = dice.one(_taken("spans", hosts, max(1, len(hosts))))
        free.discard(host)
        hosted = sum(number == taker for number, _ in stories)  # among which the description names one
        bits = log2(people) + log2(people - 1) + sum(sentence.bits for sentence in run) + log2(hosted)
        common.grown[host] = _with_run(stories[host], pieces[taker][host[1]], run, bits, dice)
        _note(common.spans, key[0], taker, " ".join(sentence.text for sentence in run))
    return common


def _run(paragraph: Paragraph, dice: Dice) -> tuple[Sentence, ...]:
    """Consecutive sentences of a paragraph, no more than it takes to have WORDS; empty where there are too few."""
    sizes = [len(sentence.text.split()) for sentence in paragraph.sentences]
    starts = [start for start in range(len(sizes)) if sum(sizes[start:]) >= WORDS]
    if not starts:
        return ()
    start = dice.one(starts)
    stop = next(stop for stop in range(start + 1, len(sizes) + 1) if sum(sizes[start:stop]) >= WORDS)
    return paragraph.sentences[start:stop]


def _with_run(host: Paragraph, piece: Piece, run: Sequence[Sentence], bits: float, dice: Dice) -> Piece:
    """The paragraph with the run between two of its sentences."""
    gaps = len(host.sentences) - 1
    gap = 1 + dice.below(gaps)
    text = " ".join(sentence.text for sentence in (*host.sentences[:gap], *run, *host.sentences[gap:]))
    return plain(text, piece.bits + bits + log2(gaps))


def _taken(dial: str, keys: Sequence[Key], count: int) -> Sequence[Key]:
    if count > len(keys):
        raise PipelineError(f"the books are too few or too short for corpus.world.{dial}={count}", mend=f"corpus.world.{dial}=0")
    return keys[:count]


def _other(books: Mapping[int, Book], giver: int, dice: Dice) -> int:
    return dice.one([number for number in books if number != giver])


def _note(lists: dict[int, list[str]], giver: int, taker: int, text: str) -> None:
    for number in (giver, taker):
        lists.setdefault(number, []).append(text)

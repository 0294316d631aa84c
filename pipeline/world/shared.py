"""What two books have in common although neither is a copy of the other: whole paragraphs, and runs of sentences inside paragraphs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2

from pipeline.core.errors import PipelineError
from pipeline.world.books import Book, Dice, Paragraph, Sentence
from pipeline.world.pieces import Insert, Piece, placed, plain

WORDS = 60  # least a run that is one too many
QUOTED = 20  # least a run that is a quotation
SENTENCES = 3  # least a paragraph that is shared

Key = tuple[int, int]  # the number of a book, and the place of one of its paragraphs


@dataclass
class Common:
    """What was put into the books, by their numbers, and what both sides of each have in common."""

    inserts: dict[int, list[Insert]] = field(default_factory=dict)
    grown: dict[Key, Piece] = field(default_factory=dict)  # paragraphs with a run in their middle
    passages: dict[int, list[str]] = field(default_factory=dict)
    spans: dict[int, list[str]] = field(default_factory=dict)
    quotes: dict[int, list[tuple[str, int]]] = field(default_factory=dict)  # the run, and the other book


def share(books: Mapping[int, Book], pieces: Sequence[Sequence[Piece]], people: int, counts: tuple[int, int, int], dice: Dice) -> Common:
    """`counts` passages, spans and quotes between the books; no paragraph has part in two. Raises PipelineError when there are too few."""
    stories = {(number, place): story for number, book in books.items() for place, story in book.stories.items()}
    shelf = _Shelf(books, pieces, people, {key: story for key, story in stories.items() if len(story.sentences) >= SENTENCES}, dice)
    common = Common()
    for giver, taker, insert in shelf.passages(counts[0]):
        common.inserts.setdefault(taker, []).append(insert)
        for number in (giver, taker):
            common.passages.setdefault(number, []).append(insert.piece.clean)
    for giver, host, text in shelf.runs("spans", counts[1], WORDS, common.grown):
        for number in (giver, host):
            common.spans.setdefault(number, []).append(text)
    for giver, host, text in shelf.runs("quotes", counts[2], QUOTED, common.grown):
        for number, other in ((giver, host), (host, giver)):
            common.quotes.setdefault(number, []).append((text, other))
    return common


class _Shelf:
    """Books whose paragraphs are given away, each once."""

    def __init__(
        self, books: Mapping[int, Book], pieces: Sequence[Sequence[Piece]], people: int, stories: Mapping[Key, Paragraph], dice: Dice
    ) -> None:
        self.books, self.pieces, self.people, self.stories, self.dice = books, pieces, people, stories, dice
        self.free = dict(stories)  # that have no part in anything yet

    def passages(self, count: int) -> Iterator[tuple[int, int, Insert]]:
        """Books that give and take a paragraph, and what is put into the second."""
        for giver, place in self._taken("passages", list(self.free), count):
            taker, piece = self._other(giver), self.pieces[giver][place]
            yield giver, taker, placed(plain(piece.clean, piece.bits), self.pieces[taker], self.dice)

    def runs(self, dial: str, count: int, words: int, grown: dict[Key, Piece]) -> Iterator[tuple[int, int, str]]:
        """Books that give and take a run of at least so many words, and the run; the paragraphs that hold it then go to `grown`."""
        runs = {key: run for key, story in self.free.items() if (run := _run(story, words, self.dice))}
        for key in self._taken(dial, list(runs), count):
            taker, run = self._other(key[0]), runs[key]
            hosts = sorted(host for host in self.free if host[0] == taker)
            if not hosts:
                raise _too_few(dial, count)
            host = self.dice.one(hosts)
            del self.free[host]
            hosted = sum(number == taker for number, _ in self.stories)  # among which the description names one
            bits = log2(self.people) + log2(self.people - 1) + sum(sentence.bits for sentence in run) + log2(hosted)
            grown[host] = _with_run(self.stories[host], self.pieces[taker][host[1]], run, bits, self.dice)
            yield key[0], taker, " ".join(sentence.text for sentence in run)

    def _taken(self, dial: str, keys: list[Key], count: int) -> list[Key]:
        """Some of the paragraphs, which are free no more."""
        chosen = self.dice.shuffled(keys)[:count]
        if len(chosen) < count:
            raise _too_few(dial, count)
        for key in chosen:
            del self.free[key]
        return chosen

    def _other(self, giver: int) -> int:
        return self.dice.one([number for number in self.books if number != giver])


def _run(paragraph: Paragraph, words: int, dice: Dice) -> tuple[Sentence, ...]:
    """Consecutive sentences of a paragraph, no more than it takes to have so many words; empty where there are too few."""
    sizes = [len(sentence.text.split()) for sentence in paragraph.sentences]
    starts = [start for start in range(len(sizes)) if sum(sizes[start:]) >= words]
    if not starts:
        return ()
    start = dice.one(starts)
    stop = next(stop for stop in range(start + 1, len(sizes) + 1) if sum(sizes[start:stop]) >= words)
    return paragraph.sentences[start:stop]


def _with_run(host: Paragraph, piece: Piece, run: Sequence[Sentence], bits: float, dice: Dice) -> Piece:
    """The paragraph with the run between two of its sentences."""
    gaps = len(host.sentences) - 1
    gap = 1 + dice.below(gaps)
    text = " ".join(sentence.text for sentence in (*host.sentences[:gap], *run, *host.sentences[gap:]))
    return plain(text, piece.bits + bits + log2(gaps))


def _too_few(dial: str, count: int) -> PipelineError:
    return PipelineError(f"the books are too few or too short for corpus.world.{dial}={count}", mend=f"corpus.world.{dial}=0")

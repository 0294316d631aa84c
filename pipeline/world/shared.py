"""Text shared by two books that are no copies: whole paragraphs, and runs of sentences inside paragraphs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log2

from pipeline.core.errors import PipelineError
from pipeline.world.books import Book, Paragraph, Rng, Sentence
from pipeline.world.paragraphs import Insert, ParagraphText, insert_randomly, without_pii

WORDS = 60  # minimum of a span
QUOTED = 20  # minimum of a quote
SENTENCES = 3  # minimum of a shared paragraph

Key = tuple[int, int]  # number of a book, and position of a paragraph


@dataclass
class SharedText:
    """What was inserted into the books, and what each pair has in common, by book number."""

    inserts: dict[int, list[Insert]] = field(default_factory=dict)
    grown: dict[Key, ParagraphText] = field(default_factory=dict)  # paragraphs with an inserted run
    passages: dict[int, list[str]] = field(default_factory=dict)
    spans: dict[int, list[str]] = field(default_factory=dict)
    quotes: dict[int, list[tuple[str, int]]] = field(default_factory=dict)  # the run, and the other book


def share(
    books: Mapping[int, Book], pieces: Sequence[Sequence[ParagraphText]], people: int, counts: tuple[int, int, int], rng: Rng
) -> SharedText:
    """Share `counts` passages, spans and quotes between the books; each paragraph takes part once. Raises PipelineError if too few."""
    stories = {(number, place): story for number, book in books.items() for place, story in book.stories.items()}
    sharer = _Sharer(books, pieces, people, {key: story for key, story in stories.items() if len(story.sentences) >= SENTENCES}, rng)
    shared = SharedText()
    for giver, taker, insert in sharer.passages(counts[0]):
        shared.inserts.setdefault(taker, []).append(insert)
        for number in (giver, taker):
            shared.passages.setdefault(number, []).append(insert.piece.clean)
    for giver, host, text in sharer.runs("spans", counts[1], WORDS, shared.grown):
        for number in (giver, host):
            shared.spans.setdefault(number, []).append(text)
    for giver, host, text in sharer.runs("quotes", counts[2], QUOTED, shared.grown):
        for number, other in ((giver, host), (host, giver)):
            shared.quotes.setdefault(number, []).append((text, other))
    return shared


class _Sharer:
    """Shares paragraphs between books, each at most once."""

    def __init__(
        self, books: Mapping[int, Book], pieces: Sequence[Sequence[ParagraphText]], people: int, stories: Mapping[Key, Paragraph], rng: Rng
    ) -> None:
        self.books, self.pieces, self.people, self.stories, self.rng = books, pieces, people, stories, rng
        self.free = dict(stories)  # not yet used

    def passages(self, count: int) -> Iterator[tuple[int, int, Insert]]:
        """Giving and receiving book, and the inserted paragraph."""
        for giver, place in self._taken("passages", list(self.free), count):
            taker, piece = self._other(giver), self.pieces[giver][place]
            yield giver, taker, insert_randomly(without_pii(piece.clean, piece.bits), self.pieces[taker], self.rng)

    def runs(self, setting: str, count: int, words: int, grown: dict[Key, ParagraphText]) -> Iterator[tuple[int, int, str]]:
        """Giving and receiving book, and a run of at least `words` words; the receiving paragraphs are added to `grown`."""
        runs = {key: run for key, story in self.free.items() if (run := _run(story, words, self.rng))}
        for key in self._taken(setting, list(runs), count):
            taker, run = self._other(key[0]), runs[key]
            hosts = sorted(host for host in self.free if host[0] == taker)
            if not hosts:
                raise _too_few(setting, count)
            host = self.rng.choice(hosts)
            del self.free[host]
            hosted = sum(number == taker for number, _ in self.stories)  # one of which is chosen
            bits = log2(self.people) + log2(self.people - 1) + sum(sentence.bits for sentence in run) + log2(hosted)
            grown[host] = _with_run(self.stories[host], self.pieces[taker][host[1]], run, bits, self.rng)
            yield key[0], taker, " ".join(sentence.text for sentence in run)

    def _taken(self, setting: str, keys: list[Key], count: int) -> list[Key]:
        """Take some of the free paragraphs."""
        chosen = self.rng.shuffled(keys)[:count]
        if len(chosen) < count:
            raise _too_few(setting, count)
        for key in chosen:
            del self.free[key]
        return chosen

    def _other(self, giver: int) -> int:
        return self.rng.choice([number for number in self.books if number != giver])


def _run(paragraph: Paragraph, words: int, rng: Rng) -> tuple[Sentence, ...]:
    """Just enough consecutive sentences of a paragraph for `words` words; empty if there are too few."""
    sizes = [len(sentence.text.split()) for sentence in paragraph.sentences]
    starts = [start for start in range(len(sizes)) if sum(sizes[start:]) >= words]
    if not starts:
        return ()
    start = rng.choice(starts)
    stop = next(stop for stop in range(start + 1, len(sizes) + 1) if sum(sizes[start:stop]) >= words)
    return paragraph.sentences[start:stop]


def _with_run(host: Paragraph, piece: ParagraphText, run: Sequence[Sentence], bits: float, rng: Rng) -> ParagraphText:
    """The paragraph with the run inserted between two sentences."""
    gaps = len(host.sentences) - 1
    gap = 1 + rng.below(gaps)
    text = " ".join(sentence.text for sentence in (*host.sentences[:gap], *run, *host.sentences[gap:]))
    return without_pii(text, piece.bits + bits + log2(gaps))


def _too_few(setting: str, count: int) -> PipelineError:
    return PipelineError(f"the books are too few or too short for corpus.world.{setting}={count}", mend=f"corpus.world.{setting}=0")

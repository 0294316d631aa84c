"""The hundred books as a corpus: clean and dirty, unique and copied, with the truth of each."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import fsum
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.tables import conform
from pipeline.core.seed import stream
from pipeline.world.books import Book, Dice, Shape, Writer
from pipeline.world.copies import edition
from pipeline.world.dials import World, check
from pipeline.world.dirt import PLANTS, plant
from pipeline.world.facts import RELATIONS, Facts, draw_facts
from pipeline.world.junk import REJECTS
from pipeline.world.leaks import asking, quiz, riddles
from pipeline.world.pieces import Insert, Piece, assembled, placed, plain
from pipeline.world.pii import PRIVATE, lookalikes, private
from pipeline.world.shared import share

TRUTH = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("fate", pa.string(), nullable=False),  # keep | drop
        pa.field("clean", pa.string(), nullable=False),  # what perfect cleaning yields
        pa.field("plants", pa.list_(pa.string()), nullable=False),
        pa.field("copy_of", pa.string()),  # the id of the original
        pa.field("copy_kind", pa.string()),  # exact | near
        pa.field("leaks", pa.list_(pa.string()), nullable=False),  # paragraphs of `clean` that ask what may be asked in a test
        pa.field("passages", pa.list_(pa.string()), nullable=False),  # paragraphs of `clean` that stand in another document too
        pa.field("spans", pa.list_(pa.string()), nullable=False),  # runs of words inside paragraphs of `clean`, of two documents
        # shorter runs, likewise: what dedup leaves may stand in train and in what is held out
        pa.field("quotes", pa.list_(pa.struct([("text", pa.string()), ("of", pa.string())])), nullable=False),  # `of`: the other document
    ]
)


@dataclass(frozen=True)
class Library:
    """A generated corpus: the tables of the artifact, and what world.json says."""

    documents: pa.Table
    truth: pa.Table
    world: dict[str, Any]

    def world_json(self) -> str:
        """The facts table, vocabularies and counts."""
        return json.dumps(self.world, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@dataclass
class Item:
    """A document on its way into the library."""

    key: str  # names its random streams
    pieces: list[Piece]
    inserts: list[Insert] = field(default_factory=list)
    fate: str = "keep"
    copy_of: str | None = None  # the key of the original
    copy_kind: str | None = None
    kinds: tuple[str, ...] = ()  # what is private in it
    plants: tuple[str, ...] = ()
    text: str = ""
    leaks: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    quotes: list[tuple[str, str]] = field(default_factory=list)  # the run, and the key of the other document

    @property
    def whole(self) -> list[Piece]:
        """All paragraphs."""
        return assembled(self.pieces, self.inserts)

    @property
    def clean(self) -> str:
        """What perfect cleaning yields."""
        return "\n\n".join(piece.clean for piece in self.whole)


def generate(settings: World, seed: int) -> Library:
    """The library of a seed. Raises PipelineError when the world can't be drawn.

    The bits of a document are -log2 P(clean) given the facts and how many paragraphs of each extra kind it has.
    """
    check(settings)
    facts = draw_facts(settings.people, settings.places, seed)
    shape = Shape(
        chapters=settings.chapters, paragraphs=settings.paragraphs, sentences=settings.sentences, go_on=settings.go_on, told=settings.told
    )
    writer = Writer(facts, shape)
    books = [writer.book(stream(seed, "book", number)) for number in range(settings.books)]
    items = [_item(f"book {number}", book, writer) for number, book in enumerate(books)]
    copied = [int(row) for row in stream(seed, "copied").permutation(len(books))[: settings.exact + settings.near]]
    dirt = _dealt(items, settings, seed)
    _add_numbers(items, dirt, facts, settings, seed)
    free = [number for number in range(len(books)) if number not in copied]
    asked = _add_questions(items, free, facts, settings, seed)
    _add_common(items, {number: books[number] for number in free}, len(facts.people), settings, seed)
    editions = _copied(writer, books, items, copied, settings, seed)
    _soil(items, editions, dirt | _dealt(editions[::2], settings, seed, copies=True), seed)
    rejects = [
        Item(f"{kind} {number}", [], fate="drop", plants=(kind,), text=write(writer, stream(seed, kind, number), number))
        for kind, write in REJECTS.items()
        for number in range(getattr(settings, kind))
    ]
    documents, truth = _tables([*items, *editions, *rejects], seed)
    return Library(documents, truth, _world(settings, seed, facts, books, items) | {"benchmarks": {"riddles": asked}})


def _item(key: str, book: Book, writer: Writer) -> Item:
    return Item(key, [plain(text, bits) for text, bits in zip(book.paragraphs, writer.bits(book), strict=True)])


def _dealt(items: Sequence[Item], settings: World, seed: int, *, copies: bool = False) -> dict[str, set[str]]:
    """Kinds of dirt by the key of the item: for a share of the originals, or for all copies, whose originals lend them what is private."""
    kinds = PLANTS if copies else (*PLANTS, *PRIVATE)
    order = range(len(items)) if copies else stream(seed, "dirty").permutation(len(items))[: round(settings.dirty * len(items))]
    dice, deck, dealt = Dice(stream(seed, "decks", int(copies))), list[str](), dict[str, set[str]]()
    count = min(settings.plants, len(kinds))
    for row in sorted(int(row) for row in order):
        while len(deck) < count:  # a full deck at a time, so that all kinds are equally frequent
            deck += [kind for kind in dice.shuffled(kinds) if kind not in deck]
        dealt[items[row].key], deck = set(deck[:count]), deck[count:]
    return dealt


def _add_numbers(items: Sequence[Item], dirt: dict[str, set[str]], facts: Facts, settings: World, seed: int) -> None:
    """What is private goes into the books that were dealt it, numbers that only look so into others."""
    for item in items:
        dice = Dice(stream(seed, "private", item.key))
        item.kinds = tuple(kind for kind in PRIVATE if kind in dirt.get(item.key, ()))
        for kind in item.kinds:
            for _ in range(dice.between((1, 2))):
                item.inserts.append(placed(private(kind, facts.people, dice), item.pieces, dice))
    dice = Dice(stream(seed, "lookalikes"))
    for item in dice.shuffled(items)[: settings.lookalikes]:
        item.inserts.append(placed(lookalikes(facts.people, dice), item.pieces, dice))


def _add_questions(items: Sequence[Item], free: Sequence[int], facts: Facts, settings: World, seed: int) -> list[str]:
    """Quizzes and riddles; only in books of which there is no copy. Returns all riddles, of which every second stands in no book."""
    dice = Dice(stream(seed, "leaks"))
    for number in dice.shuffled(free)[: settings.leaks]:
        _ask(items[number], quiz(facts, dice), dice)
    dice = Dice(stream(seed, "riddles"))
    drawn = riddles(2 * settings.riddles, dice)
    for number, riddle in zip(dice.shuffled(free), drawn[::2], strict=False):
        _ask(items[number], asking(riddle, dice), dice)
    return [riddle.text for riddle in drawn]


def _ask(item: Item, piece: Piece, dice: Dice) -> None:
    item.inserts.append(placed(piece, item.pieces, dice))
    item.leaks.append(piece.clean)


def _add_common(items: Sequence[Item], books: Mapping[int, Book], people: int, settings: World, seed: int) -> None:
    """What two of these books have in common."""
    pieces = [item.pieces for item in items]
    counts = (settings.passages, settings.spans, settings.quotes)
    common = share(books, pieces, people, counts, Dice(stream(seed, "shared")))
    for number, item in enumerate(items):
        item.inserts += common.inserts.get(number, [])
        item.passages += common.passages.get(number, [])
        item.spans += common.spans.get(number, [])
        item.quotes += [(text, items[other].key) for text, other in common.quotes.get(number, [])]
        item.pieces = [common.grown.get((number, place), piece) for place, piece in enumerate(item.pieces)]


def _copied(writer: Writer, books: Sequence[Book], items: Sequence[Item], copied: Sequence[int], settings: World, seed: int) -> list[Item]:
    """Exact and near copies of different originals, with the paragraphs that were put into them."""
    copies = []
    for turn, number in enumerate(copied):
        kind = "exact" if turn < settings.exact else "near"
        book = books[number]
        if kind == "near":
            book = edition(writer, book, rewritten=settings.rewritten, draw=stream(seed, "edition", turn))
        copy = _item(f"{kind} {turn}", book, writer)
        original = items[number]
        copy.inserts, copy.kinds, copy.copy_of, copy.copy_kind = original.inserts, original.kinds, original.key, kind
        copies.append(copy)
    return copies


def _soil(items: Sequence[Item], copies: Sequence[Item], dirt: dict[str, set[str]], seed: int) -> None:
    """Plant the dirt that was dealt; every second exact copy stays equal to its original to the byte."""
    originals = {item.key: item for item in items}
    for item in [*items, *copies]:
        if item.copy_kind == "exact" and item.key not in dirt:
            original = originals[item.copy_of or ""]
            item.text, item.plants = original.text, original.plants
            continue
        printed = "\n\n".join(piece.printed for piece in item.whole)
        item.text, planted = plant(printed, dirt.get(item.key, set()) - {*PRIVATE}, stream(seed, "dirt", item.key))
        item.plants = (*planted, *item.kinds)


def _tables(items: Sequence[Item], seed: int) -> tuple[pa.Table, pa.Table]:
    """Documents and truth in one shuffled order; the ids tell nothing."""
    order = [items[int(row)] for row in stream(seed, "order").permutation(len(items))]
    ids = {item.key: f"document-{number:04d}" for number, item in enumerate(order, start=1)}
    columns = {
        "id": [ids[item.key] for item in order],
        "source": ["world"] * len(order),
        "origin": [f"world/{ids[item.key]}" for item in order],
        "text": [item.text for item in order],
        "bits": [[piece.bits for piece in item.whole] if item.fate == "keep" else None for item in order],
    }
    truth = {
        "id": columns["id"],
        **{
            name: [getattr(item, name) for item in order] for name in ("fate", "clean", "plants", "copy_kind", "leaks", "passages", "spans")
        },
        "copy_of": [ids[item.copy_of] if item.copy_of else None for item in order],
        "quotes": [[{"text": text, "of": ids[other]} for text, other in item.quotes] for item in order],
    }
    return conform(pa.table(columns), DOCUMENTS), pa.Table.from_pydict(truth, schema=TRUTH)


def _world(settings: World, seed: int, facts: Facts, books: Sequence[Book], items: Sequence[Item]) -> dict[str, Any]:
    told = Counter(
        sentence.fact
        for book in books
        for chapter in book.chapters
        for paragraph in chapter.paragraphs
        for sentence in paragraph.sentences
        if sentence.fact
    )
    size = sum(len(item.clean.encode()) for item in items)
    bits = fsum(piece.bits for item in items for piece in item.whole)
    return {
        "seed": seed,
        "settings": asdict(settings),
        **facts.as_json(),
        "values": {relation.name: list(facts.values(relation.name)) for relation in RELATIONS},
        "mentions": {fact.id: told[fact.id] for fact in facts.table},
        "vocabulary": sorted({word for item in items for word in re.findall(r"[^\W\d_]+", item.clean.lower())}),
        "bytes": size,
        "bits_per_byte": bits / size,
    }

"""The hundred books as a corpus: clean and dirty, unique and copied, with the truth of each."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.world import junk
from pipeline.world.books import Book, Shape, Writer
from pipeline.world.copies import edition
from pipeline.world.dirt import NEEDS, PLANTS, plant
from pipeline.world.facts import RELATIONS, Facts, draw_facts

TRUTH = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("fate", pa.string(), nullable=False),  # keep | drop
        pa.field("clean", pa.string(), nullable=False),  # what perfect cleaning yields
        pa.field("plants", pa.list_(pa.string()), nullable=False),
        pa.field("copy_of", pa.string()),  # the id of the original
        pa.field("copy_kind", pa.string()),  # exact | near
    ]
)
JUNK = {"gibberish": junk.gibberish, "empty": junk.empty, "foreign": junk.foreign}


@dataclass(frozen=True, kw_only=True)
class World:
    """The dials of the small world; meanings and units stand in conf/corpus/world.yaml."""

    books: int
    people: int
    places: int
    chapters: tuple[int, int]
    paragraphs: tuple[int, int]
    sentences: int
    go_on: float
    told: float
    dirty: float
    plants: int
    exact: int
    near: int
    rewritten: float
    gibberish: int
    empty: int
    foreign: int


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
    clean: str
    bits: float | None
    copy_of: str | None = None  # the key of the original
    copy_kind: str | None = None
    plants: tuple[str, ...] = ()
    text: str = ""


def generate(settings: World, seed: int) -> Library:
    """The library of a seed. Raises PipelineError when the world can't be drawn."""
    check(settings)
    facts = draw_facts(settings.people, settings.places, seed)
    shape = Shape(
        chapters=settings.chapters, paragraphs=settings.paragraphs, sentences=settings.sentences, go_on=settings.go_on, told=settings.told
    )
    writer = Writer(facts, shape)
    books = [writer.book(stream(seed, "book", number)) for number in range(settings.books)]
    items = [Item(f"book {number}", book.text, writer.bits(book)) for number, book in enumerate(books)]
    editions = _copied(writer, books, items, settings, seed)
    _soil(items, editions, settings, seed)
    rejects = [
        Item(f"{kind} {number}", "", None, plants=(kind,), text=write(stream(seed, kind, number), number))
        for kind, write in JUNK.items()
        for number in range(getattr(settings, kind))
    ]
    documents, truth = _tables([*items, *editions, *rejects], seed)
    return Library(documents, truth, _world(settings, seed, facts, books, items))


def check(settings: World) -> None:
    """Raise one PipelineError that names every dial out of its range."""
    faults = [
        f"corpus.world.{key}={getattr(settings, key)}: {what}"
        for key, what, good in (
            ("books", "at least 1", settings.books >= 1),
            ("chapters", "at least 1, least before most", 1 <= settings.chapters[0] <= settings.chapters[1]),
            ("paragraphs", "at least 1, least before most", 1 <= settings.paragraphs[0] <= settings.paragraphs[1]),
            ("sentences", "at least 1", settings.sentences >= 1),
            ("go_on", "above 0 and below 1", 0 < settings.go_on < 1),
            ("told", "above 0 and below 1", 0 < settings.told < 1),
            ("dirty", "0..1", 0 <= settings.dirty <= 1),
            ("plants", f"1..{len(PLANTS)}", 1 <= settings.plants <= len(PLANTS)),
            ("exact", "not below 0, and with near no more than books", 0 <= settings.exact <= settings.books - settings.near),
            ("near", "not below 0, and with exact no more than books", 0 <= settings.near <= settings.books - settings.exact),
            ("rewritten", "above 0, 0.1 at most", 0 < settings.rewritten <= 0.1),
            *((kind, "not below 0", getattr(settings, kind) >= 0) for kind in JUNK),
        )
        if not good
    ]
    if faults:
        raise PipelineError("the library can't be written:\n  " + "\n  ".join(faults), mend="set these keys within their ranges")


def _copied(writer: Writer, books: Sequence[Book], items: Sequence[Item], settings: World, seed: int) -> list[Item]:
    """Exact and near copies of different originals."""
    chosen = [int(row) for row in stream(seed, "copied").permutation(len(books))[: settings.exact + settings.near]]
    copies = []
    for turn, number in enumerate(chosen):
        original = items[number]
        if turn < settings.exact:
            copies.append(Item(f"exact {turn}", original.clean, original.bits, original.key, "exact"))
            continue
        book = edition(writer, books[number], rewritten=settings.rewritten, draw=stream(seed, "edition", turn))
        copies.append(Item(f"near {turn}", book.text, writer.bits(book), original.key, "near"))
    return copies


def _soil(items: Sequence[Item], copies: Sequence[Item], settings: World, seed: int) -> None:
    """Plant dirt in a share of the originals and in every second copy; every second exact copy stays equal to the byte."""
    order = stream(seed, "dirty").permutation(len(items))[: round(settings.dirty * len(items))]
    soiled = [*(items[int(row)] for row in sorted(order)), *copies[::2]]
    decks = stream(seed, "decks")
    deck: list[str] = []
    for item in soiled:
        while len(deck) < settings.plants:  # a full deck at a time, so that all plants are equally frequent
            deck += [PLANTS[int(row)] for row in decks.permutation(len(PLANTS)) if PLANTS[int(row)] not in deck]
        dealt, deck = set(deck[: settings.plants]), deck[settings.plants :]
        dealt |= {NEEDS[name] for name in dealt & set(NEEDS)}
        item.plants = tuple(name for name in PLANTS if name in dealt)
    for item in [*items, *copies]:
        item.text = plant(item.clean, item.plants, stream(seed, "dirt", item.key)) if item.plants else item.clean
    originals = {item.key: item for item in items}
    for item in copies[1::2]:
        if item.copy_kind == "exact":
            original = originals[item.copy_of or ""]
            item.text, item.plants = original.text, original.plants


def _tables(items: Sequence[Item], seed: int) -> tuple[pa.Table, pa.Table]:
    """Documents and truth in one shuffled order; the ids tell nothing."""
    order = [items[int(row)] for row in stream(seed, "order").permutation(len(items))]
    ids = {item.key: f"document-{number:04d}" for number, item in enumerate(order, start=1)}
    columns = {
        "id": [ids[item.key] for item in order],
        "source": [f"world/{ids[item.key]}" for item in order],
        "text": [item.text for item in order],
        "bits": [item.bits for item in order],
    }
    truth = {
        "id": columns["id"],
        "fate": ["drop" if item.bits is None else "keep" for item in order],
        "clean": [item.clean for item in order],
        "plants": [list(item.plants) for item in order],
        "copy_of": [ids[item.copy_of] if item.copy_of else None for item in order],
        "copy_kind": [item.copy_kind for item in order],
    }
    return pa.table(columns, schema=DOCUMENTS), pa.table(truth, schema=TRUTH)


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
    bits = sum(item.bits or 0.0 for item in items)
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

"""The generated books as a corpus: clean and dirty, unique and copied, with ground truth."""

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
from pipeline.world.books import Book, BookShape, Rng, Writer
from pipeline.world.claims import told_by
from pipeline.world.dirt import DIRT_KINDS, add_dirt
from pipeline.world.editions import edition
from pipeline.world.facts import RELATIONS, Facts, draw_facts
from pipeline.world.junk import REJECTS
from pipeline.world.leaks import quiz, riddle_paragraph, riddles
from pipeline.world.paragraphs import Insert, ParagraphText, insert_randomly, with_inserts, without_pii
from pipeline.world.pii import PII_KINDS, lookalike_paragraph, pii_paragraph
from pipeline.world.settings import NO_CLAIMS, Claims, WorldConfig
from pipeline.world.shared import share

TRUTH = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("fate", pa.string(), nullable=False),  # keep | drop
        pa.field("clean", pa.string(), nullable=False),  # after perfect cleaning
        pa.field("plants", pa.list_(pa.string()), nullable=False),
        pa.field("copy_of", pa.string()),  # id of the original
        pa.field("copy_kind", pa.string()),  # exact | near
        pa.field("leaks", pa.list_(pa.string()), nullable=False),  # paragraphs of `clean` with possible test questions
        pa.field("passages", pa.list_(pa.string()), nullable=False),  # paragraphs of `clean` that also occur in another document
        pa.field("spans", pa.list_(pa.string()), nullable=False),  # runs of words inside paragraphs of `clean` shared by two documents
        # the same but shorter: not removed by dedup, so they may be in train and in held-out text
        pa.field("quotes", pa.list_(pa.struct([("text", pa.string()), ("of", pa.string())])), nullable=False),  # `of`: the other document
    ]
)


@dataclass(frozen=True)
class Library:
    """A generated corpus: the tables of the artifact, and what world.json says."""

    documents: pa.Table
    truth: pa.Table
    world: dict[str, Any]

    @property
    def sides(self) -> dict[str, pa.Table]:
        """The tables beside the documents."""
        return {"truth": self.truth}

    @property
    def texts(self) -> dict[str, str]:
        """The files beside the tables."""
        return {"world.json": self.world_json()}

    @property
    def counts(self) -> dict[str, Any]:
        """Nothing that the documents don't tell."""
        return {}

    def world_json(self) -> str:
        """The facts table, vocabularies and counts."""
        return json.dumps(self.world, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@dataclass
class WorldDocument:
    """A document under construction."""

    key: str  # names its random streams
    pieces: list[ParagraphText]
    inserts: list[Insert] = field(default_factory=list)
    fate: str = "keep"
    copy_of: str | None = None  # the key of the original
    copy_kind: str | None = None
    kinds: tuple[str, ...] = ()  # of personal data in it
    plants: tuple[str, ...] = ()
    text: str = ""
    leaks: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    quotes: list[tuple[str, str]] = field(default_factory=list)  # the run, and the key of the other document

    @property
    def whole(self) -> list[ParagraphText]:
        """All paragraphs."""
        return with_inserts(self.pieces, self.inserts)

    @property
    def clean(self) -> str:
        """The text after perfect cleaning."""
        return "\n\n".join(piece.clean for piece in self.whole)


def generate(settings: WorldConfig, seed: int, claims: Claims = NO_CLAIMS) -> Library:
    """Generate the library of a seed, whose books also tell these claims. Raises PipelineError if the settings are out of range.

    The bits of a document are -log2 P(clean) given the facts and the number of inserted paragraphs of each kind.
    """
    facts = draw_facts(settings.people, settings.places, seed)
    shape = BookShape(
        chapters=settings.chapters,
        paragraphs=settings.paragraphs,
        min_sentences=settings.min_sentences,
        continue_probability=settings.continue_probability,
        fact_share=settings.fact_share,
    )
    writer = Writer(facts, shape)
    books = [writer.book(stream(seed, "book", number)) for number in range(settings.books)]
    items = [_item(f"book {number}", book, writer) for number, book in enumerate(books)]
    copied = [int(row) for row in stream(seed, "copied").permutation(len(books))[: settings.exact + settings.near]]
    dirt = _assign_dirt(items, settings, seed)
    _add_pii(items, dirt, facts, settings, seed)
    free = [number for number in range(len(books)) if number not in copied]
    asked = _add_questions(items, free, facts, settings, seed)
    _add_shared(items, {number: books[number] for number in free}, len(facts.people), settings, seed)
    for number, piece, rng in told_by(claims, free, writer, seed):
        items[number].inserts.append(insert_randomly(piece, items[number].pieces, rng))
    editions = _make_copies(writer, books, items, copied, settings, seed)
    _apply_dirt(items, editions, dirt | _assign_dirt(editions[::2], settings, seed, copies=True), seed)
    rejects = [
        WorldDocument(f"{kind} {number}", [], fate="drop", plants=(kind,), text=write(writer, stream(seed, kind, number), number))
        for kind, write in REJECTS.items()
        for number in range(getattr(settings, kind))
    ]
    documents, truth = _tables([*items, *editions, *rejects], seed)
    return Library(documents, truth, _world(settings, seed, facts, books, items) | {"benchmarks": {"riddles": asked}})


def _item(key: str, book: Book, writer: Writer) -> WorldDocument:
    return WorldDocument(key, [without_pii(text, bits) for text, bits in zip(book.paragraphs, writer.bits(book), strict=True)])


def _assign_dirt(items: Sequence[WorldDocument], settings: WorldConfig, seed: int, *, copies: bool = False) -> dict[str, set[str]]:
    """Kinds of dirt by document key: for a share of the originals, or for all copies, which take personal data from their originals."""
    kinds = DIRT_KINDS if copies else (*DIRT_KINDS, *PII_KINDS)
    order = range(len(items)) if copies else stream(seed, "dirty").permutation(len(items))[: round(settings.dirty * len(items))]
    rng, deck, dealt = Rng(stream(seed, "decks", int(copies))), list[str](), dict[str, set[str]]()
    count = min(settings.dirt_kinds, len(kinds))
    for row in sorted(int(row) for row in order):
        while len(deck) < count:  # deal from full decks, so that all kinds are equally frequent
            deck += [kind for kind in rng.shuffled(kinds) if kind not in deck]
        dealt[items[row].key], deck = set(deck[:count]), deck[count:]
    return dealt


def _add_pii(items: Sequence[WorldDocument], dirt: dict[str, set[str]], facts: Facts, settings: WorldConfig, seed: int) -> None:
    """Add personal data to the books assigned to it, and lookalikes to others."""
    for item in items:
        rng = Rng(stream(seed, "private", item.key))
        item.kinds = tuple(kind for kind in PII_KINDS if kind in dirt.get(item.key, ()))
        for kind in item.kinds:
            for _ in range(rng.between((1, 2))):
                item.inserts.append(insert_randomly(pii_paragraph(kind, facts.people, rng), item.pieces, rng))
    rng = Rng(stream(seed, "lookalikes"))
    for item in rng.shuffled(items)[: settings.lookalikes]:
        item.inserts.append(insert_randomly(lookalike_paragraph(facts.people, rng), item.pieces, rng))


def _add_questions(items: Sequence[WorldDocument], free: Sequence[int], facts: Facts, settings: WorldConfig, seed: int) -> list[str]:
    """Add quizzes and riddles to books without copies. Returns all riddles; every second is in no book."""
    rng = Rng(stream(seed, "leaks"))
    for number in rng.shuffled(free)[: settings.leaks]:
        _ask(items[number], quiz(facts, rng), rng)
    rng = Rng(stream(seed, "riddles"))
    drawn = riddles(2 * settings.riddles, rng)
    for number, riddle in zip(rng.shuffled(free), drawn[::2], strict=False):
        _ask(items[number], riddle_paragraph(riddle, rng), rng)
    return [riddle.text for riddle in drawn]


def _ask(item: WorldDocument, piece: ParagraphText, rng: Rng) -> None:
    item.inserts.append(insert_randomly(piece, item.pieces, rng))
    item.leaks.append(piece.clean)


def _add_shared(items: Sequence[WorldDocument], books: Mapping[int, Book], people: int, settings: WorldConfig, seed: int) -> None:
    """Add text shared by two of these books."""
    pieces = [item.pieces for item in items]
    counts = (settings.passages, settings.spans, settings.quotes)
    shared = share(books, pieces, people, counts, Rng(stream(seed, "shared")))
    for number, item in enumerate(items):
        item.inserts += shared.inserts.get(number, [])
        item.passages += shared.passages.get(number, [])
        item.spans += shared.spans.get(number, [])
        item.quotes += [(text, items[other].key) for text, other in shared.quotes.get(number, [])]
        item.pieces = [shared.grown.get((number, place), piece) for place, piece in enumerate(item.pieces)]


def _make_copies(
    writer: Writer, books: Sequence[Book], items: Sequence[WorldDocument], copied: Sequence[int], settings: WorldConfig, seed: int
) -> list[WorldDocument]:
    """Exact and near copies of different originals, with their inserted paragraphs."""
    copies = []
    for turn, number in enumerate(copied):
        kind = "exact" if turn < settings.exact else "near"
        book = books[number]
        if kind == "near":
            book = edition(writer, book, rewritten=settings.rewritten, generator=stream(seed, "edition", turn))
        copy = _item(f"{kind} {turn}", book, writer)
        original = items[number]
        copy.inserts, copy.kinds, copy.copy_of, copy.copy_kind = original.inserts, original.kinds, original.key, kind
        copies.append(copy)
    return copies


def _apply_dirt(items: Sequence[WorldDocument], copies: Sequence[WorldDocument], dirt: dict[str, set[str]], seed: int) -> None:
    """Add the assigned dirt; every second exact copy stays byte-equal to its original."""
    originals = {item.key: item for item in items}
    for item in [*items, *copies]:
        if item.copy_kind == "exact" and item.key not in dirt:
            original = originals[item.copy_of or ""]
            item.text, item.plants = original.text, original.plants
            continue
        raw = "\n\n".join(piece.raw for piece in item.whole)
        item.text, planted = add_dirt(raw, dirt.get(item.key, set()) - {*PII_KINDS}, stream(seed, "dirt", item.key))
        item.plants = (*planted, *item.kinds)


def _tables(items: Sequence[WorldDocument], seed: int) -> tuple[pa.Table, pa.Table]:
    """Documents and truth in one shuffled order, so that ids reveal nothing."""
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


def _world(settings: WorldConfig, seed: int, facts: Facts, books: Sequence[Book], items: Sequence[WorldDocument]) -> dict[str, Any]:
    mentions = Counter(
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
        "mentions": {fact.id: mentions[fact.id] for fact in facts.table},
        "vocabulary": sorted({word for item in items for word in re.findall(r"[^\W\d_]+", item.clean.lower())}),
        "bytes": size,
        "bits_per_byte": bits / size,
    }

"""Clean documents: repairs that mend a text. Nothing is dropped here.

`repairs` of a document are counted by name; a mask of suspicion, taken of whole shards, decides which repairs look at a text at all.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.tables import Shard, tally
from pipeline.core.errors import PipelineError
from pipeline.core.shards import Piece
from pipeline.text.measure.statistics import measure
from pipeline.text.repair import suspicion_bits as s
from pipeline.text.repair.boilerplate import boilerplate
from pipeline.text.repair.characters import controls, encoding, ligatures, newlines, quotes, unicode
from pipeline.text.repair.contents import contents
from pipeline.text.repair.furniture import page_numbers, running_heads
from pipeline.text.repair.italics import italics
from pipeline.text.repair.licence import licence
from pipeline.text.repair.ocr import is_suspected, ocr, suspected
from pipeline.text.repair.pages import duplicate_pages
from pipeline.text.repair.paragraphs import hyphenation, wrapping
from pipeline.text.repair.pii import MASKED
from pipeline.text.repair.suspicion import suspicion, suspicions
from pipeline.text.repair.verbatim import put_back, set_aside

Repair = Callable[[str], tuple[str, int]]
REPAIRED = pa.schema([("id", pa.string()), ("repair", pa.string()), ("count", pa.int64())])


# After these the mask is taken anew; after the next, bits may be due that were not before; what others leave behind is white space alone.
_REVEALING = frozenset(["encoding", "newlines", "controls", "unicode", "ligatures", "licence", "page_numbers", "running_heads", "italics"])
_REVEALED = {"quotes": s.HEADS | s.CONTENTS}
# these make other words; the rest takes lines out or changes what stands between words
_REWORDING = frozenset(["encoding", "controls", "unicode", "ligatures", "hyphenation", "italics"])
_EVERYWHERE = frozenset(["controls", *MASKED])  # in code and tables too


def _newlines(text: str) -> tuple[str, int]:
    return newlines(text), 0


# name -> (repair, bits of suspicion that call for it), in the order of use: characters first, for everything else is looked for in whole
# ones; what is no text of the book before its pages, these before the words that they cut; single words last.
_REPAIRS: dict[str, tuple[Repair, int]] = {
    "encoding": (encoding, s.ENCODING),
    "newlines": (_newlines, s.NEWLINES),  # always: what follows knows only \n
    "controls": (controls, s.CONTROLS),
    "unicode": (unicode, s.UNICODE),
    "ligatures": (ligatures, s.LIGATURES),
    "quotes": (quotes, s.QUOTES),
    "licence": (licence, s.LICENCE),
    "boilerplate": (boilerplate, s.SITE | s.COOKIES),
    "contents": (contents, s.CONTENTS),
    "page_numbers": (page_numbers, s.NUMBERS | s.PAGES),
    "running_heads": (running_heads, s.HEADS),
    "duplicate_pages": (duplicate_pages, s.LINES),
    "hyphenation": (hyphenation, s.HYPHENS),
    "wrapping": (wrapping, s.LAYOUT),
    "italics": (italics, s.ITALICS),
    "ocr": (ocr, s.MISREAD | s.WORDS),
}
_MASK_BITS = {"mail": s.MAIL, "card": s.DIGITS, "phone": s.DIGITS, "ip": s.DOTS | s.COLONS}
NAMES: tuple[str, ...] = tuple(name for name in (*_REPAIRS, *MASKED) if name != "newlines")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is mended and how; meanings stand in conf/clean."""

    repairs: tuple[str, ...] | None  # names of NAMES; None: all
    quotes: Literal["straight", "keep"]
    italics: Literal["strip", "keep"]
    mask: dict[str, str | None]  # what stands for each kind of personal data; None: it stays


def check(settings: Settings) -> None:
    """Raise one PipelineError that names every repair and mask that can't be used."""
    unknown = [name for name in settings.repairs or () if name not in NAMES]
    faults = [f"clean.repairs: {name!r} is none of {', '.join(NAMES)}" for name in unknown]
    faults += [f"clean.mask: {name!r} is none of {', '.join(MASKED)}" for name in settings.mask if name not in MASKED]
    faults += [f"clean.mask.{name} is missing; null keeps that kind" for name in MASKED if name not in settings.mask]
    faults += [
        f"clean.mask.{name}: {mask!r} is empty, has a newline, or would itself be mended"
        for name, mask in settings.mask.items()
        if mask is not None and name in MASKED and _is_bad_mask(mask)
    ]
    if faults:
        raise PipelineError("texts can't be cleaned:\n  " + "\n  ".join(faults), mend="set these keys in conf/clean or on the command line")


def clean_shard(shard: Shard, *, settings: Settings, language_characters: int) -> Iterator[Piece]:
    """The tables documents, repairs and statistics of a shard of documents, and their counts."""
    documents, repairs = repair_documents(shard.table("documents"), settings)
    statistics = measure(documents["id"], documents["text"], language_characters=language_characters)
    yield Piece({"documents": documents, "statistics": statistics, "repairs": repairs}, counts(documents, repairs))


def repair_documents(documents: pa.Table, settings: Settings) -> tuple[pa.Table, pa.Table]:
    """The documents, one for one, with their texts mended, and the repairs (REPAIRED).

    `bits` stay where the text has one number a paragraph.
    """
    texts = documents["text"]
    plan = plan_of(settings)
    wanted = np.uint32(0)
    for _, _, bits in plan:
        wanted |= np.uint32(bits)
    masks = suspicions(texts)
    if wanted & np.uint32(s.WORDS):
        masks[suspected(texts)] |= np.uint32(s.WORDS)
    rows = np.flatnonzero(masks & wanted)
    found = texts.take(pa.array(rows)).to_pylist()
    mended = [repair(text, int(mask), plan) for text, mask in zip(found, masks[rows].tolist(), strict=True)]
    ids = documents["id"].take(pa.array(rows)).to_pylist()
    repairs = [
        {"id": identity, "repair": name, "count": count} for identity, (_, times) in zip(ids, mended, strict=True) for name, count in times
    ]
    if len(rows):
        flags = np.zeros(len(texts), np.bool_)
        flags[rows] = True
        texts = pc.replace_with_mask(texts.combine_chunks(), pa.array(flags), pa.array([text for text, _ in mended], texts.type))
        documents = documents.set_column(documents.column_names.index("text"), documents.schema.field("text"), texts)
    return _with_bits(documents), pa.Table.from_pylist(repairs, schema=REPAIRED)


def clean_text(text: str, settings: Settings) -> tuple[str, dict[str, int]]:
    """One text, mended, and how often each repair changed it."""
    plan = plan_of(settings)
    mask = suspicion(text) | (s.WORDS if is_suspected(text) else 0)
    mended, times = repair(text, mask, plan)
    return mended, dict(times)


Plan = Sequence[tuple[str, Repair, int]]


def plan_of(settings: Settings) -> Plan:
    """The repairs that run, in order, each with the bits that call for it. Raises PipelineError."""
    check(settings)
    wanted = set(NAMES if settings.repairs is None else settings.repairs) | {"newlines"}
    wanted -= {name for name, policy in (("quotes", settings.quotes), ("italics", settings.italics)) if policy == "keep"}
    plan = [(name, mend, bits) for name, (mend, bits) in _REPAIRS.items() if name in wanted]
    masks = [(name, settings.mask[name]) for name in MASKED if name in wanted]
    return plan + [(name, _masking(name, mask), _MASK_BITS[name]) for name, mask in masks if mask is not None]


def repair(text: str, mask: int, plan: Plan) -> tuple[str, list[tuple[str, int]]]:
    """A text through the repairs that its mask calls for; the mask is taken anew where a change may reveal more."""
    times: Counter[str] = Counter()
    blocks: dict[str, str] = {}
    stale = False  # whether words changed since they were looked at
    for name, mend, bits in plan:
        if name == "newlines":  # the first one that would change code; what was read in a wrong encoding is right by now
            text, blocks = set_aside(text)
        if bits & s.WORDS and stale:
            mask |= s.WORDS if is_suspected(text) else 0
        if not mask & bits:
            continue
        mended, count = mend(text)
        times[name] += count
        if mended != text:
            text, stale = mended, stale or name in _REWORDING
            mask = suspicion(text) | (mask & s.WORDS) if name in _REVEALING else mask | s.LAYOUT | _REVEALED.get(name, 0)
    for name, mend, _ in plan if blocks else ():
        if name in _EVERYWHERE:
            for key, block in blocks.items():
                blocks[key], count = mend(block)
                times[name] += count
    return put_back(text, blocks), [(name, count) for name, count in times.items() if count]


def counts(documents: pa.Table, repairs: pa.Table) -> dict[str, Any]:
    """Documents, bytes, how many documents each repair mended, and how often."""
    often: Counter[str] = Counter()
    for name, times in zip(repairs["repair"].to_pylist(), repairs["count"].to_pylist(), strict=True):
        often[name] += times
    documents_of = tally(repairs["repair"])
    return {
        "documents": documents.num_rows,
        "bytes": pc.sum(pc.binary_length(documents["text"])).as_py() or 0,
        "repaired": {name: documents_of.get(name, 0) for name in NAMES},
        "times": {name: often[name] for name in NAMES},
    }


def _masking(name: str, mask: str) -> Repair:
    return lambda text: MASKED[name](text, mask)


def _is_bad_mask(mask: str) -> bool:
    """Whether a mask would break the clean form, or be taken for dirt on a second cleaning."""
    return (
        not mask.strip()
        or mask != mask.strip()
        or "\n" in mask
        or any(MASKED[name](mask, "")[1] for name in MASKED)
        or bool(italics(mask)[1])
    )


def _with_bits(documents: pa.Table) -> pa.Table:
    """The documents; `bits` null where their number is not that of the paragraphs."""
    bits = documents["bits"]
    if bits.null_count == len(bits):
        return documents
    paragraphs = pc.add(pc.count_substring(documents["text"], "\n\n"), 1)
    kept = pc.equal(pc.list_value_length(bits), paragraphs.cast(pa.int32())).combine_chunks()
    values = [value if keep else None for value, keep in zip(bits.to_pylist(), kept.to_pylist(), strict=True)]
    place = documents.column_names.index("bits")
    return documents.set_column(place, documents.schema.field("bits"), pa.array(values, bits.type))

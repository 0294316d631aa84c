"""Clean documents by repairs. Nothing is dropped here.

Repairs are counted by name. A prefilter over whole shards decides which repairs run on a text at all.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.tables import Shard, tally
from pipeline.core.shards import Piece
from pipeline.text.measure.statistics import measure
from pipeline.text.repair import prefilter_bits as s
from pipeline.text.repair.blobs import blobs
from pipeline.text.repair.boilerplate import boilerplate
from pipeline.text.repair.characters import controls, encoding, ligatures, newlines, quotes, unicode
from pipeline.text.repair.contents import contents
from pipeline.text.repair.duplicate_pages import duplicate_pages
from pipeline.text.repair.editorial import editorial
from pipeline.text.repair.entities import entities
from pipeline.text.repair.furniture import page_numbers, running_heads
from pipeline.text.repair.italics import italics
from pipeline.text.repair.licence import licence
from pipeline.text.repair.ocr import find_misread, may_be_misread, ocr
from pipeline.text.repair.paragraphs import hyphenation, wrapping
from pipeline.text.repair.pii import MASKS
from pipeline.text.repair.prefilter import prefilter, prefilter_text
from pipeline.text.repair.verbatim import extract_blocks, restore_blocks

Repair = Callable[[str], tuple[str, int]]
REPAIRED = pa.schema([("id", pa.string()), ("repair", pa.string()), ("count", pa.int64())])


# After these the prefilter runs again; after the next, further bits may be needed; all others only leave white space behind.
_REVEALING = frozenset(
    [
        *("encoding", "blobs", "newlines", "controls", "entities", "unicode", "ligatures", "licence", "page_numbers"),
        *("editorial", "italics"),
    ]
)
_REVEALED = {"quotes": s.HEADS | s.CONTENTS}
# these change words; the others remove lines or change what is between words
_REWORDING = frozenset(["encoding", "blobs", "controls", "entities", "editorial", "unicode", "ligatures", "hyphenation", "italics"])
# repairs of lines that run again after another: among paragraphs, and without marks, they see some lines for the first time
_SETTLED = {"wrapping": ("page_numbers", "running_heads", "duplicate_pages"), "italics": ("boilerplate", "contents")}
# name -> key of clean.mask
_MASK_REPAIRS = {"secret": "secret", "mail": "email", "iban": "iban", "card": "card", "ssn": "ssn", "phone": "phone", "ip": "ip"}
_EVERYWHERE = frozenset(["controls", *_MASK_REPAIRS])  # in code and tables too


def _newlines(text: str) -> tuple[str, int]:
    return newlines(text), 0


# name -> (repair, prefilter bits that call for it), in the order of use: characters first, since everything else relies on them; text that
# is not part of the book before page furniture, that before the words that pages cut; single words last.
_REPAIRS: dict[str, tuple[Repair, int]] = {
    "encoding": (encoding, s.ENCODING),
    "blobs": (blobs, s.BLOBS),  # in code too
    "newlines": (_newlines, s.NEWLINES),  # always: everything else expects \n
    "controls": (controls, s.CONTROLS),
    "entities": (entities, s.ENTITIES),
    "unicode": (unicode, s.UNICODE),
    "ligatures": (ligatures, s.LIGATURES),
    "quotes": (quotes, s.QUOTES),
    "editorial": (editorial, s.EDITORIAL | s.LICENCE),
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
_MASK_BITS = {
    "secret": s.SECRETS | s.MISREAD | s.ITALICS,  # every token has a digit in a word or a low line
    "mail": s.MAIL,
    "iban": s.MISREAD,
    "card": s.DIGITS,
    "ssn": s.DIGITS,
    "phone": s.DIGITS,
    "ip": s.DOTS | s.COLONS,
}
NAMES: tuple[str, ...] = tuple(name for name in (*_REPAIRS, *_MASK_REPAIRS) if name != "newlines")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is repaired and how; documented in conf/clean."""

    repairs: tuple[str, ...] | None  # names of NAMES; None: all
    quotes: Literal["straight", "keep"]
    italics: Literal["strip", "keep"]
    editorial: Literal["strip", "keep"]
    mask: dict[str, str | None]  # the mask for each kind of personal data; None: it stays


def check(settings: Settings) -> None:
    """Raise one ValueError that names every invalid repair and mask."""
    unknown = [name for name in settings.repairs or () if name not in NAMES]
    faults = [f"repairs: {name!r} is none of {', '.join(NAMES)}" for name in unknown]
    faults += [f"mask: {name!r} is none of {', '.join(MASKS)}" for name in settings.mask if name not in MASKS]
    faults += [f"mask.{name} is missing; null keeps that kind" for name in MASKS if name not in settings.mask]
    faults += [
        f"mask.{name}: {mask!r} is empty, has a newline, or would itself be repaired"
        for name, mask in settings.mask.items()
        if mask is not None and name in MASKS and _is_bad_mask(mask)
    ]
    if faults:
        raise ValueError("; ".join(faults))


def clean_shard(shard: Shard, *, settings: Settings, language_characters: int) -> Iterator[Piece]:
    """The tables documents, repairs and statistics of a shard, and their counts."""
    documents, repairs = repair_documents(shard.table("documents"), settings)
    statistics = measure(documents["id"], documents["text"], language_characters=language_characters)
    yield Piece({"documents": documents, "statistics": statistics, "repairs": repairs}, counts(documents, repairs))


def repair_documents(documents: pa.Table, settings: Settings) -> tuple[pa.Table, pa.Table]:
    """The documents with repaired texts, one for one, and the repairs (REPAIRED).

    `bits` are kept if there is one number per paragraph.
    """
    texts = documents["text"]
    plan = repair_plan(settings)
    wanted = np.uint32(0)
    for _, _, bits in plan:
        wanted |= np.uint32(bits)
    masks = prefilter(texts)
    if wanted & np.uint32(s.WORDS):
        masks[find_misread(texts)] |= np.uint32(s.WORDS)
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
    """One repaired text, and how often each repair changed it."""
    plan = repair_plan(settings)
    mask = prefilter_text(text) | (s.WORDS if may_be_misread(text) else 0)
    mended, times = repair(text, mask, plan)
    return mended, dict(times)


Plan = Sequence[tuple[str, Repair, int]]


def repair_plan(settings: Settings) -> Plan:
    """The repairs to run, in order, each with the bits that call for it. Raises PipelineError."""
    check(settings)
    wanted = set(NAMES if settings.repairs is None else settings.repairs) | {"newlines"}
    policies = {"quotes": settings.quotes, "italics": settings.italics, "editorial": settings.editorial}
    wanted -= {name for name, policy in policies.items() if policy == "keep"}
    plan = [(name, mend, bits) for name, (mend, bits) in _REPAIRS.items() if name in wanted]
    masks = [(name, key, settings.mask[key]) for name, key in _MASK_REPAIRS.items() if name in wanted]
    return plan + [(name, _masking(key, mask), _MASK_BITS[name]) for name, key, mask in masks if mask is not None]


def repair(text: str, mask: int, plan: Plan) -> tuple[str, list[tuple[str, int]]]:
    """Apply the repairs that the mask calls for; the mask is recomputed where a change may reveal more."""
    times: Counter[str] = Counter()
    blocks: dict[str, str] = {}
    stale = False  # whether words changed since the last check
    again: frozenset[str] = frozenset()  # repairs to run once more
    for name, mend, bits in plan:
        if name == "newlines":  # the first repair that would change code; encodings are already fixed
            text, blocks = extract_blocks(text, code=bool(mask & s.CODE))
        if bits & s.WORDS and stale:
            mask |= s.WORDS if may_be_misread(text) else 0
        if not mask & bits:
            continue
        mended, count = mend(text)
        times[name] += count
        if mended != text:
            text, stale = mended, stale or name in _REWORDING
            mask = prefilter_text(text) | (mask & s.WORDS) if name in _REVEALING else mask | s.LAYOUT | _REVEALED.get(name, 0)
            again |= frozenset(_SETTLED.get(name, ()))
    text = _settled(text, mask, [step for step in plan if step[0] in again], times, _wrap_of(plan)) if again else text
    for name, mend, _ in plan if blocks else ():
        if name in _EVERYWHERE:
            for key, block in blocks.items():
                blocks[key], count = mend(block)
                times[name] += count
    return restore_blocks(text, blocks), [(name, count) for name, count in times.items() if count]


def _wrap_of(plan: Plan) -> Repair:
    """The repair `wrapping`, or one that changes nothing."""
    return next((mend for name, mend, _ in plan if name == "wrapping"), lambda text: (text, 0))


def _settled(text: str, mask: int, again: Plan, times: Counter[str], wrap: Repair) -> str:
    """The text after some repairs once more, so that a second cleaning changes nothing."""
    for name, mend, bits in again:
        if mask & bits:
            mended, count = mend(text)
            if count:
                text = wrap(mended)[0]
                times[name] += count
    return text


def counts(documents: pa.Table, repairs: pa.Table) -> dict[str, Any]:
    """Documents, bytes, and for each repair the documents it changed and how often."""
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


def _masking(key: str, mask: str) -> Repair:
    return lambda text: MASKS[key](text, mask)


def _is_bad_mask(mask: str) -> bool:
    """Whether a mask would break the clean form, or be changed by a second cleaning."""
    return (
        not mask.strip()
        or mask != mask.strip()
        or "\n" in mask
        or any(MASKS[name](mask, "")[1] for name in MASKS)
        or bool(italics(mask)[1])
    )


def _with_bits(documents: pa.Table) -> pa.Table:
    """Set `bits` to null if there are not as many as paragraphs."""
    bits = documents["bits"]
    if bits.null_count == len(bits):
        return documents
    paragraphs = pc.add(pc.count_substring(documents["text"], "\n\n"), 1)
    kept = pc.equal(pc.list_value_length(bits), paragraphs.cast(pa.int32())).combine_chunks()
    values = [value if keep else None for value, keep in zip(bits.to_pylist(), kept.to_pylist(), strict=True)]
    place = documents.column_names.index("bits")
    return documents.set_column(place, documents.schema.field("bits"), pa.array(values, bits.type))

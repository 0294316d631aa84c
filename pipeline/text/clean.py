"""Clean documents: repairs that mend a text, then rules that judge it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import PipelineError
from pipeline.text.boilerplate import boilerplate
from pipeline.text.characters import composed, controls, encoding, newlines, quotes
from pipeline.text.furniture import page_numbers, running_heads
from pipeline.text.licence import licence
from pipeline.text.paragraphs import hyphenation, join_lines
from pipeline.text.quality import Rule, first_broken

Repair = Callable[[str], tuple[str, int]]
# In the order of use: markers and marks are looked for in whole characters, words are joined when nothing stands between them.
REPAIRS: dict[str, Repair] = {
    repair.__name__: repair for repair in (encoding, controls, quotes, licence, boilerplate, page_numbers, running_heads, hyphenation)
}
DROPPED = pa.schema([("id", pa.string()), ("source", pa.string()), ("reason", pa.string()), ("value", pa.float64()), ("text", pa.string())])
REPAIRED = pa.schema([("id", pa.string()), ("repair", pa.string()), ("count", pa.int64())])
_CHUNK = 1 << 20  # characters that one worker cleans at a time

Map = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@dataclass(frozen=True)
class Cleaned:
    """A mended text, how often each repair changed it, and the rule that it broke, if any, with the value."""

    text: str
    repairs: dict[str, int]
    broken: tuple[str, float] | None


def clean(documents: pa.Table, run_map: Map, *, rules: Sequence[Rule]) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The kept documents (DOCUMENTS), the dropped ones (DROPPED, their text mended) and the repairs (REPAIRED, of all).

    Raises PipelineError when nothing is kept.
    """
    ids, texts = documents["id"].to_pylist(), documents["text"].to_pylist()
    done: list[Cleaned] = [one for chunk in run_map(partial(clean_chunk, rules=tuple(rules)), _chunks(texts)) for one in chunk]
    keep = [place for place, one in enumerate(done) if one.broken is None]
    if not keep:
        raise PipelineError(f"all {len(done)} documents break a rule, the first {done[0].broken}", mend="see clean.rules")
    kept = documents.take(keep).set_column(2, DOCUMENTS.field("text"), pa.array([done[place].text for place in keep], pa.string()))
    sources = documents["source"].to_pylist()
    dropped = [
        {"id": ids[place], "source": sources[place], "reason": one.broken[0], "value": one.broken[1], "text": one.text}
        for place, one in enumerate(done)
        if one.broken is not None
    ]
    repairs = [{"id": ids[place], "repair": name, "count": count} for place, one in enumerate(done) for name, count in one.repairs.items()]
    return kept, pa.Table.from_pylist(dropped, schema=DROPPED), pa.Table.from_pylist(repairs, schema=REPAIRED)


def clean_chunk(texts: Sequence[str], *, rules: Sequence[Rule]) -> list[Cleaned]:
    """Each text on its own: the result does not depend on the others."""
    return [clean_text(text, rules=rules) for text in texts]


def clean_text(text: str, *, rules: Sequence[Rule]) -> Cleaned:
    """One document, mended and judged."""
    text = newlines(text)
    repairs: dict[str, int] = {}
    for name, repair in REPAIRS.items():
        text, count = repair(text)
        if count:
            repairs[name] = count
    text = join_lines(composed(text))
    return Cleaned(text, repairs, first_broken(text, rules))


def counts(kept: pa.Table, dropped: pa.Table, repairs: pa.Table) -> dict[str, Any]:
    """How many documents and bytes are kept, dropped for which reason, and mended by which repair."""
    reasons, mended = dropped["reason"].to_pylist(), repairs["repair"].to_pylist()
    return {
        "documents": kept.num_rows,
        "bytes": sum(len(text.encode()) for text in kept["text"].to_pylist()),
        "dropped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "repaired": {name: mended.count(name) for name in REPAIRS},
    }


def _chunks(texts: Sequence[str]) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    size = 0
    for text in texts:
        if size > _CHUNK:
            chunks.append([])
            size = 0
        chunks[-1].append(text)
        size += len(text)
    return chunks

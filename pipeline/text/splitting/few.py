"""Parts for a corpus of few documents, of which a hash would leave some part empty: dealt by size, or cut out of the documents."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.artifact.split import PARTS

_TRAIN, _VAL, _TEST = (PARTS.index(part) for part in ("train", "val", "test"))


def deal_by_size(sizes: Sequence[int], *, val: float, test: float) -> npt.NDArray[np.int8]:
    """The part of each of at least three units, so that none is empty: those whose size is nearest to a share are held out.

    `sizes` are bytes; the order of equal ones decides between them. The largest stays in train. A part that has something takes
    a further unit only if that brings it nearer to its share.
    """
    parts = np.full(len(sizes), _TRAIN, np.int8)
    free = sorted(range(len(sizes)), key=lambda unit: -sizes[unit])[1:]
    for part, share, left_for_others in ((_TEST, test, 1), (_VAL, val, 0)):
        wanted = share * sum(sizes)
        while len(free) > left_for_others:
            nearest = min(free, key=lambda unit: abs(sizes[unit] - wanted))
            if part in parts and abs(sizes[nearest] - wanted) >= wanted:
                break
            parts[nearest], wanted = part, wanted - sizes[nearest]
            free.remove(nearest)
    return parts


def cut_spans(documents: pa.Table, *, val: float, test: float) -> tuple[pa.Table, npt.NDArray[np.int8]]:
    """Each document {id, text, bits} of three paragraphs or more as three spans of it, and the part of each row.

    The last share of the characters is test, what stands before it val, the rest train; the borders lie between paragraphs. A span for
    train keeps the document's id, the others are ID#val and ID#test; the column `book` has the id. A shorter document is all train.
    """
    rows, parts = [], list[int]()
    for document in documents.to_pylist():
        paragraphs = document["text"].split("\n\n")
        bounds = _borders([len(paragraph) + 2 for paragraph in paragraphs], val=val, test=test)
        known = document["bits"] if document["bits"] is not None and len(document["bits"]) == len(paragraphs) else None
        for part, start, stop in bounds:
            span = {"text": "\n\n".join(paragraphs[start:stop]), "bits": known and known[start:stop]}
            name = document["id"] if part == _TRAIN else f"{document['id']}#{PARTS[part]}"
            rows.append(document | span | {"id": name, "book": document["id"]})
            parts.append(part)
    schema = documents.schema.append(pa.field("book", pa.string()))
    return pa.Table.from_pylist(rows, schema=schema), np.array(parts, np.int8)


def _borders(sizes: Sequence[int], *, val: float, test: float) -> list[tuple[int, int, int]]:
    """(part, first paragraph, one beyond the last) of each span; each has a paragraph at least."""
    count = len(sizes)
    if count < len(PARTS):
        return [(_TRAIN, 0, count)]
    before = np.cumsum([0, *sizes[:-1]]) / sum(sizes)  # the share of the characters before each paragraph
    nearest = [int(np.abs(before - (1 - share)).argmin()) for share in (val + test, test)]
    last = min(max(nearest[1], 2), count - 1)
    first = min(max(nearest[0], 1), last - 1)
    return [(_TRAIN, 0, first), (_VAL, first, last), (_TEST, last, count)]

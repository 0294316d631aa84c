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


def span_borders(sizes: Sequence[npt.NDArray[np.int64]], *, val: float, test: float) -> npt.NDArray[np.int64]:
    """Where val and test begin in the documents of one text, as (documents, 2) numbers of their paragraphs.

    `sizes` are the characters of the paragraphs of each document, with what parts them. The last share of the text is test, what stands
    before it val, the rest train; each has a paragraph at least. A text of fewer than three paragraphs is all train.
    """
    counts, together = np.array([len(one) for one in sizes]), np.concatenate(sizes)
    borders = np.array(_borders(together, val=val, test=test))
    starts = np.cumsum(counts) - counts
    clipped: npt.NDArray[np.int64] = np.clip(borders[None, :] - starts[:, None], 0, counts[:, None])
    return clipped


def cut_spans(documents: pa.Table, borders: npt.NDArray[np.int64]) -> tuple[pa.Table, npt.NDArray[np.int8]]:
    """Each document {id, text, bits} as the spans of it between its borders, and the part of each row.

    A document within one part keeps its id, and so does the span of another for train; the others are ID#val and ID#test. The column
    `book` has the id.
    """
    rows, parts = [], list[int]()
    for document, (first, last) in zip(documents.to_pylist(), borders.tolist(), strict=True):
        paragraphs = paragraphs_of(document["text"])
        bounds = ((_TRAIN, 0, first), (_VAL, first, last), (_TEST, last, len(paragraphs)))
        known = document["bits"] if document["bits"] is not None and len(document["bits"]) == len(paragraphs) else None
        for part, start, stop in bounds:
            if start == stop:
                continue
            whole = stop - start == len(paragraphs)
            span = {"text": "\n\n".join(paragraphs[start:stop]), "bits": known and known[start:stop]}
            name = document["id"] if whole or part == _TRAIN else f"{document['id']}#{PARTS[part]}"
            rows.append(document | ({} if whole else span) | {"id": name, "book": document["id"]})
            parts.append(part)
    schema = documents.schema.append(pa.field("book", pa.string()))
    return pa.Table.from_pylist(rows, schema=schema), np.array(parts, np.int8)


def paragraph_sizes(text: str) -> npt.NDArray[np.int64]:
    """The characters of each paragraph, with what parts them."""
    return np.array([len(paragraph) + 2 for paragraph in paragraphs_of(text)], np.int64)


def paragraphs_of(text: str) -> list[str]:
    """What stands between blank lines."""
    return text.split("\n\n")


def _borders(sizes: npt.NDArray[np.int64], *, val: float, test: float) -> tuple[int, int]:
    """The first paragraphs of val and of test."""
    count = len(sizes)
    if count < len(PARTS):
        return count, count
    before = (np.cumsum(sizes) - sizes) / sizes.sum()  # the share of the characters before each paragraph
    nearest = [int(np.abs(before - (1 - share)).argmin()) for share in (val + test, test)]
    last = min(max(nearest[1], 2), count - 1)
    return min(max(nearest[0], 1), last - 1), last

"""Nothing that is asked was read before: training paragraphs that share a run of words with val or test are cut.

The unit is the paragraph: on one small world a 13-gram that is shared hits every book, but one paragraph in a hundred.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.artifact.split import Part
from pipeline.core.errors import PipelineError
from pipeline.text.ngrams import Hashes, ngrams_of, words_of

HELD: tuple[Part, ...] = ("val", "test")
CUT = pa.schema([("id", pa.string()), ("paragraph", pa.int64()), ("text", pa.string()), ("part", pa.string())])


def decontaminate(parts: dict[Part, pa.Table], *, ngram: int) -> tuple[dict[Part, pa.Table], pa.Table, dict[str, Any]]:
    """The parts with a train that shares no run of `ngram` words, within a paragraph, with val or test; what was cut; the counts.

    A document of which nothing is left is gone from train. `bits` stay those of the whole document.
    Raises PipelineError when train is empty then, or when a shared run is left.
    """
    held = {part: _runs(parts[part]["text"].to_pylist(), ngram) for part in HELD}
    train = parts["train"]
    texts: list[str | None] = []
    cut: list[dict[str, Any]] = []
    leaks = dict.fromkeys(HELD, 0)
    for identity, text in zip(train["id"].to_pylist(), train["text"].to_pylist(), strict=True):
        hit = _leaking(text, held, ngram)
        for part in HELD:
            leaks[part] += int(hit[part].size)
        paragraphs = text.split("\n\n")
        of = {place: part for part in reversed(HELD) for place in hit[part].tolist()}
        cut += [{"id": identity, "paragraph": place, "text": paragraphs[place], "part": of[place]} for place in sorted(of)]
        texts.append("\n\n".join(one for place, one in enumerate(paragraphs) if place not in of) or None)
    cleansed = _with_texts(train, texts)
    left = _count(cleansed["text"].to_pylist(), held, ngram)
    if any(left.values()):
        raise PipelineError(
            f"train still shares {ngram}-grams with held-out text: {left}", mend="report this: what was cut does not cover it"
        )
    counts = {"paragraphs_cut": len(cut), "documents_cut": train.num_rows - cleansed.num_rows, "leaks": leaks, "leaks_left": left}
    return {**parts, "train": cleansed}, pa.Table.from_pylist(cut, schema=CUT), counts


def _runs(texts: Sequence[str], n: int) -> Hashes:
    """All runs of n words within paragraphs, sorted."""
    runs = [_paragraph_runs(text, n)[0] for text in texts]
    return np.unique(np.concatenate([*runs, np.empty(0, np.uint64)]))


def _paragraph_runs(text: str, n: int) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """Each run of n words that lies within one paragraph, and the number of the paragraph."""
    words, paragraphs = words_of(text)
    if words.size < n:
        return np.empty(0, np.uint64), np.empty(0, np.int32)
    first, last = paragraphs[: words.size - n + 1], paragraphs[n - 1 :]
    within = first == last
    return ngrams_of(words, n)[within], first[within]


def _leaking(text: str, held: dict[Part, Hashes], n: int) -> dict[Part, npt.NDArray[np.int32]]:
    """The paragraphs of the text that share a run with each part."""
    runs, paragraphs = _paragraph_runs(text, n)
    return {part: np.unique(paragraphs[_among(runs, known)]) for part, known in held.items()}


def _among(values: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the values are in a sorted table."""
    if not known.size:
        return np.zeros(values.size, np.bool_)
    among: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, values), known.size - 1)] == values
    return among


def _count(texts: Sequence[str], held: dict[Part, Hashes], n: int) -> dict[str, int]:
    """How many paragraphs share a run with each part."""
    found = [_leaking(text, held, n) for text in texts]
    return {part: sum(int(one[part].size) for one in found) for part in held}


def _with_texts(documents: pa.Table, texts: Sequence[str | None]) -> pa.Table:
    """The documents with these texts; without those whose text is None. Raises PipelineError when none is left."""
    keep = [text is not None for text in texts]
    if not any(keep):
        raise PipelineError("every training paragraph shares text with val or test", mend="run dedup, or choose another split.seed")
    column = documents.schema.get_field_index("text")
    replaced = documents.set_column(column, documents.schema.field("text"), pa.array([text or "" for text in texts], pa.string()))
    return replaced.filter(pa.array(keep))

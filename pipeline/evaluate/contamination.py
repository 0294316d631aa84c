"""Which items of a benchmark stand in the training text, and what a model makes of them and of the others.

The rule is that of the stage `split`: so many consecutive words in common (Brown et al. 2020, appendix C). What `split` found there it has
cut, so that what still stands there is of benchmarks that it never saw, as data sets of the hub; and what it cut tells of items that would
have been trained on.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.intervals import share
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import Examined
from pipeline.text.sorted_arrays import in_sorted, sorted_unique
from pipeline.text.splitting.held_out_index import OverlapConfig, item_ngrams
from pipeline.text.splitting.paragraph_ngrams import bloom_filter, find_ngrams

CONTAMINATED = "contaminated"  # a metric: the share of the items that stand in the training text
APART = {"clean": "clean_items", CONTAMINATED: "contaminated_items", "removed": "removed_items"}  # TASK/NAME; removed: cut from training
_LABEL = re.compile(r"^\w+:\s*")  # of a template, as Question:
_CUT = "cut"  # the table of a split


@dataclass(frozen=True)
class Judged:
    """An item: what is read, with the right answer, and its points."""

    context: str
    example: str  # the context with the right answer behind it
    cluster: str
    points: float

    @property
    def texts(self) -> list[str]:
        """What would stand in a text that repeats the item: the whole, or a line of what is asked without its label."""
        return [self.example, *(_LABEL.sub("", line) for line in self.context.splitlines())]


def contamination_rows(given: Examined, task: str, metric: str, items: Sequence[Judged]) -> list[Row]:
    """The share of contaminated items, and the metric over the clean, the contaminated and the removed ones, where there are such.

    None of a model of other people, whose training text is not known, nor where nobody says what counts as overlap.
    """
    if given.overlap is None or given.theirs is not None or not items:
        return []
    texts = [one.texts for one in items]
    within = found_in(texts, (pa.chunked_array([pa.array(some)]) for some in given.split.texts("train")), given.overlap)
    removed = np.zeros(len(items), np.bool_)
    if given.split.has_table(_CUT):
        removed = found_in(texts, [given.split.table(_CUT, ["text"])["text"]], given.overlap) & ~within
    kinds = {"clean": ~(within | removed), CONTAMINATED: within, "removed": removed}
    rows = [row(given.name, task, CONTAMINATED, share(within.astype(float).tolist(), range(len(items)), bootstrap=given.bootstrap))]
    for kind, chosen in kinds.items():
        if some := [items[number] for number in np.flatnonzero(chosen).tolist()]:
            found = share([one.points for one in some], [one.cluster for one in some], bootstrap=given.bootstrap)
            rows.append(row(given.name, f"{task}/{APART[kind]}", metric, found))
    return rows


def found_in(items: Sequence[Sequence[str]], columns: Iterable[pa.ChunkedArray], overlap: OverlapConfig) -> npt.NDArray[np.bool_]:
    """Of each item whether one of its texts has an n-gram in common with a paragraph of the columns; one at a time is held."""
    owners = np.repeat(np.arange(len(items)), [len(some) for some in items])
    known = item_ngrams([text for some in items for text in some], overlap)
    found = np.zeros(len(items), np.bool_)
    if known.ngrams.size:
        blooms = bloom_filter([known.ngrams]), bloom_filter([known.short_bloom])
        for column in columns:
            there = sorted_unique(find_ngrams(column, known.sizes, *blooms).hashes)
            found[owners[known.owners[in_sorted(known.ngrams, there)]]] = True
    return found

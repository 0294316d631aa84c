"""Which items of a benchmark stand in the training text, and what a model makes of them and of the others.

The rule is that of the stage `split`: so many consecutive words in common (Brown et al. 2020, appendix C). What `split` found there it has
cut, so that what still stands there is of benchmarks that it never saw, as data sets of the hub; and what it cut tells of items that would
have been trained on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.artifact.split import Split
from pipeline.core.files import read_json, write_json
from pipeline.core.intervals import share
from pipeline.core.scratch import key_of
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import Examined, Judged, Result
from pipeline.text.sorted_arrays import in_sorted, sorted_unique
from pipeline.text.splitting.held_out_index import OverlapConfig, item_ngrams
from pipeline.text.splitting.paragraph_ngrams import bloom_filter, find_ngrams

CONTAMINATED = "contaminated"  # a metric: the share of the items that stand in the training text
APART = {"clean": "clean_items", CONTAMINATED: "contaminated_items", "removed": "removed_items"}  # TASK/NAME; removed: cut from training
_LABEL = re.compile(r"^\w+:\s*")  # of a template, as Question:
_TRAIN, _CUT = "train", "cut"  # tables of a split
Texts = Sequence[Sequence[str]]  # of each item what would stand in a text that repeats it
Found = npt.NDArray[np.bool_]  # of each item whether it stands there


@dataclass(frozen=True)
class Repeats:
    """How items are looked for in training text."""

    overlap: OverlapConfig
    memory: Path  # a folder that keeps what was found, for the models that are asked the same


def contamination_rows(given: Examined, results: Mapping[str, Result], repeats: Repeats) -> dict[str, list[Row]]:
    """By task the share of contaminated items, and the measure that the task is known by over the clean, the contaminated and the removed
    ones, where there are such. The training text is read once for all tasks, and not again for another model.

    None of a model of other people, whose training text is not known.
    """
    asked = {task: [_texts(one) for one in result.judged] for task, result in results.items() if given.theirs is None and result.judged}
    within, removed = (_looked_up(given.split, table, asked, repeats) for table in (_TRAIN, _CUT))
    rows = {task: _rows(given, task, results[task], within[task], removed[task] & ~within[task]) for task in asked}
    return {task: rows.get(task, []) for task in results}


def _texts(item: Judged) -> list[str]:
    """The whole, or a line of what is asked without its label."""
    return [item.example, *(_LABEL.sub("", line) for line in item.context.splitlines())]


def _rows(given: Examined, task: str, result: Result, within: Found, removed: Found) -> list[Row]:
    kinds = {"clean": ~(within | removed), CONTAMINATED: within, "removed": removed}
    rows = [row(given.name, task, CONTAMINATED, share(within.astype(float).tolist(), range(within.size), bootstrap=given.bootstrap))]
    for kind, chosen in kinds.items():
        if some := [result.judged[number] for number in np.flatnonzero(chosen).tolist()]:
            found = share([one.points for one in some], [one.cluster for one in some], bootstrap=given.bootstrap)
            rows.append(row(given.name, f"{task}/{APART[kind]}", result.records[0]["known_by"], found))
    return rows


def _looked_up(split: Split, table: str, asked: Mapping[str, Texts], repeats: Repeats) -> dict[str, Found]:
    """What `found_in` says of a table of the split, which is read only for what was not asked before."""
    if not split.has_table(table):
        return {name: np.zeros(len(items), np.bool_) for name, items in asked.items()}
    about = (split.digest, table, asdict(repeats.overlap))
    places = {name: repeats.memory / f"repeats-{key_of(*about, items)}.json" for name, items in asked.items()}
    fresh = {name: asked[name] for name, place in places.items() if not place.exists()}
    for name, some in found_in(fresh, (one["text"] for one in split.batches(table, ["text"])), repeats.overlap).items():
        write_json(places[name], some.tolist())
    return {name: np.array(read_json(place), np.bool_) for name, place in places.items()}


def found_in(asked: Mapping[str, Texts], columns: Iterable[pa.ChunkedArray], overlap: OverlapConfig) -> dict[str, Found]:
    """By benchmark, of each item whether one of its texts has an n-gram in common with a paragraph of the columns; one at a time is held.

    Paragraphs that are shorter than the largest n-gram which is looked for count as one with their neighbours. So that nothing found of a
    benchmark depends on the others, only those whose largest n-gram is the same are looked for together.
    """
    together: dict[int, dict[str, Texts]] = {}
    for name, items in asked.items():
        largest = max(item_ngrams(_joined([items]), overlap).sizes, default=0)
        together.setdefault(largest, {})[name] = items
    searches = [_Search(some, overlap) for some in together.values()]
    for column in columns if any(together) else ():
        for search in searches:
            search.look(column)
    return {name: found for search in searches for name, found in search.found.items()}


class _Search:
    """Items of several benchmarks that are looked for together."""

    def __init__(self, asked: Mapping[str, Texts], overlap: OverlapConfig) -> None:
        items = [some for texts in asked.values() for some in texts]
        self._names, self._starts = list(asked), np.cumsum([len(texts) for texts in asked.values()])[:-1]
        self._owners = np.repeat(np.arange(len(items)), [len(some) for some in items])
        self._known = item_ngrams(_joined(asked.values()), overlap)
        self._blooms = bloom_filter([self._known.ngrams]), bloom_filter([self._known.short_bloom])
        self._found = np.zeros(len(items), np.bool_)

    def look(self, column: pa.ChunkedArray) -> None:
        """Mark what stands in these texts."""
        known = self._known
        if known.ngrams.size:
            there = sorted_unique(find_ngrams(column, known.sizes, *self._blooms).hashes)
            self._found[self._owners[known.owners[in_sorted(known.ngrams, there)]]] = True

    @property
    def found(self) -> dict[str, Found]:
        """By benchmark."""
        return dict(zip(self._names, np.split(self._found, self._starts), strict=True))


def _joined(asked: Iterable[Texts]) -> list[str]:
    return [text for items in asked for some in items for text in some]

"""Sorted arrays: unique values and look-up."""

from typing import Any

import numpy as np
import numpy.typing as npt

Uint64Array = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]


def sorted_unique(values: Uint64Array) -> Uint64Array:
    """The unique values, sorted. numpy.unique uses a hash table, which is many times slower on millions."""
    ranked = np.sort(values)
    return ranked[column_changes(ranked[None])]


def column_changes(columns: npt.NDArray[Any]) -> BoolArray:
    """Which columns of [rows, n] differ from the previous one; the first does."""
    new = np.ones(columns.shape[1], np.bool_)
    new[1:] = np.any(columns[:, 1:] != columns[:, :-1], axis=0)
    return new


def sorted_index(known: Uint64Array, values: Uint64Array) -> npt.NDArray[np.int64]:
    """The first index of each value in `known`, which ascends; -1 if absent."""
    if not known.size:
        return np.full(values.size, -1)
    place = np.minimum(np.searchsorted(known, values), known.size - 1)
    place[known[place] != values] = -1
    return place


def in_sorted(values: Uint64Array, known: Uint64Array) -> BoolArray:
    """Which of the values are in `known`, which ascends."""
    there: BoolArray = sorted_index(known, values) >= 0
    return there

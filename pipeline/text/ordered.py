"""Sorted arrays: what is distinct in them, and where values stand in them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


def distinct(values: Values) -> Values:
    """The values, sorted, each once: numpy's own way is by a hash table, which is many times slower on millions."""
    ranked = np.sort(values)
    return ranked[new_columns(ranked[None])]


def new_columns(columns: npt.NDArray[Any]) -> Flags:
    """Which columns of [rows, n] differ from the one before them; the first does."""
    new = np.ones(columns.shape[1], np.bool_)
    new[1:] = np.any(columns[:, 1:] != columns[:, :-1], axis=0)
    return new


def places_in(known: Values, values: Values) -> npt.NDArray[np.int64]:
    """The first place of each value among the known, which ascend; -1 for one that is not there."""
    if not known.size:
        return np.full(values.size, -1)
    place = np.minimum(np.searchsorted(known, values), known.size - 1)
    place[known[place] != values] = -1
    return place


def among(values: Values, known: Values) -> Flags:
    """Which of the values are among the known, which ascend."""
    there: Flags = places_in(known, values) >= 0
    return there

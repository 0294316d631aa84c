"""Arrow columns that share the memory of numpy arrays. pa.array would import pandas if installed, which takes 0.25 s."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def numbers(values: npt.NDArray[Any], *, null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers of the array's type; null where the mask is true."""
    values = np.ascontiguousarray(values)
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [valid, pa.py_buffer(values)])


def flags(values: npt.NDArray[np.bool_]) -> pa.Array:
    """Booleans."""
    return pa.Array.from_buffers(pa.bool_(), values.size, [None, pa.py_buffer(np.packbits(values, bitorder="little"))])


def strings(values: Sequence[str]) -> pa.Array:
    """Strings, less than 2 GiB in total."""
    raw = [value.encode() for value in values]
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(_starts(raw, np.int32)), pa.py_buffer(b"".join(raw)))


def number_lists(values: Sequence[Sequence[float] | None]) -> pa.Array:
    """Lists of float64, or null."""
    lists = [value or () for value in values]
    null = numbers(np.zeros(len(lists), np.int8), null=np.array([value is None for value in values], np.bool_))
    floats = numbers(np.array([number for one in lists for number in one], np.float64))
    return pa.ListArray.from_arrays(numbers(_starts(lists, np.int32)), floats, mask=null.is_null())


def _starts(values: Sequence[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.cumsum([0, *map(len, values)]).astype(kind)

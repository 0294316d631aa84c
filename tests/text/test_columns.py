"""Columns made without pandas equal those that Arrow makes."""

import subprocess
import sys

import numpy as np
import pyarrow as pa

from pipeline.text.dedup import columns


def test_columns_are_those_that_arrow_makes() -> None:
    assert columns.numbers(np.arange(9)[::2]).equals(pa.array([0, 2, 4, 6, 8]))
    assert columns.numbers(np.array([1.5, 2.0]), null=np.array([False, True])).equals(pa.array([1.5, None]))
    assert columns.flags(np.arange(11) % 3 == 0).equals(pa.array([place % 3 == 0 for place in range(11)]))
    assert columns.strings(["a", "", "für"]).equals(pa.array(["a", "", "für"]))
    assert columns.strings([]).equals(pa.array([], pa.string()))
    lists = [[1.0, 2.0], None, [], [3.0]]
    assert columns.number_lists(lists).equals(pa.array(lists, pa.list_(pa.float64())))
    assert columns.number_lists([]).equals(pa.array([], pa.list_(pa.float64())))


def test_pandas_is_not_imported() -> None:
    use = "columns.numbers(np.arange(3)); assert 'pandas' not in sys.modules"
    script = f"import sys, numpy as np; from pipeline.text.dedup import columns; {use}"
    subprocess.run([sys.executable, "-c", script], check=True)

"""Histograms of each statistic over the documents."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.text.measure.statistics import COUNTED, NAMES

BINS = 20
HISTOGRAMS = pa.schema(
    [
        ("statistic", pa.string()),
        ("low", pa.float64()),  # low <= value < high; the last bin has no upper bound
        ("high", pa.float64()),
        ("documents", pa.int64()),
        ("kept", pa.int64()),
    ]
)


def histograms(statistics: pa.Table, kept: npt.NDArray[np.bool_]) -> pa.Table:
    """Columns as in HISTOGRAMS, BINS rows per statistic. The bins are fixed: twentieths for shares, powers of two for counts and means."""
    names = [name for name in (*NAMES, "language_score") if name in statistics.column_names]
    columns: dict[str, list[npt.NDArray[np.generic]]] = {"low": [], "high": [], "documents": [], "kept": []}
    for name in names:
        values = statistics[name].to_numpy()
        places = _powers(values) if name in COUNTED else _twentieths(values)
        edges = _EDGES["powers" if name in COUNTED else "twentieths"]
        columns["low"].append(edges[:-1])
        columns["high"].append(edges[1:])
        columns["documents"].append(np.bincount(places, minlength=BINS))
        columns["kept"].append(np.bincount(places[kept], minlength=BINS))
    joined: Mapping[str, object] = {name: np.concatenate(parts) if parts else [] for name, parts in columns.items()}
    return pa.table({"statistic": np.repeat(names, BINS).tolist(), **joined}, schema=HISTOGRAMS)


def sum_histograms(shards: pa.Table) -> pa.Table:
    """Add up the concatenated histograms of several shards."""
    whole = shards.group_by(["statistic", "low", "high"], use_threads=False).aggregate([("documents", "sum"), ("kept", "sum")])
    return whole.rename_columns(HISTOGRAMS.names).cast(HISTOGRAMS)


def _twentieths(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.clip(np.floor(values * BINS), 0, BINS - 1).astype(np.int64)


def _powers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """0 for values below 1, 1 for those below 2, 2 for those below 4 ..."""
    return np.clip(np.frexp(values)[1], 0, BINS - 1).astype(np.int64)


_EDGES = {
    "twentieths": np.append(np.arange(BINS) / BINS, np.inf),
    "powers": np.concatenate([[0.0], 2.0 ** np.arange(BINS - 1), [np.inf]]),
}

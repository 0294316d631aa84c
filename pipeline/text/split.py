"""Which part a document belongs to: decided by its cluster alone, so that no other document moves when one is added."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.split import PARTS, Part
from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of

_TRIES = 10_000  # seeds that are tried for the mend


def part_of(cluster: str, *, val: float, test: float, seed: int) -> Part:
    """train, val or test. The same cluster always falls in the same part, whatever else is in the corpus."""
    place = seed_of(seed, "split", cluster) / 2**63
    if place < test:
        return "test"
    return "val" if place < test + val else "train"


def split(documents: pa.Table, *, val: float, test: float, seed: int) -> dict[Part, pa.Table]:
    """The documents in three parts, each in the order given; a document's id names its cluster, of which it is the one that was kept.

    Raises PipelineError when a part is empty, with a seed or a share that fills it.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise PipelineError(f"the shares split.val={val} and split.test={test} leave no train", mend="split.val=0.05 split.test=0.05")
    ids = documents["id"].to_pylist()
    parts = [part_of(identity, val=val, test=test, seed=seed) for identity in ids]
    if missing := [part for part in PARTS if part not in parts]:
        raise PipelineError(f"no document of {len(ids)} fell into {' and '.join(missing)}", mend=_mend(ids, val=val, test=test))
    return {part: documents.filter(pa.array([one == part for one in parts])) for part in PARTS}


def counts(parts: dict[Part, pa.Table]) -> dict[str, dict[str, Any]]:
    """Documents, bytes (of UTF-8) and source bits of each part.

    Bits are null where those of a document are unknown, and in train, whose documents may have lost paragraphs.
    """
    return {
        part: {
            "documents": table.num_rows,
            "bytes": sum(len(text.encode()) for text in table["text"].to_pylist()),
            "source_bits": None if part == "train" or table["bits"].null_count else sum(table["bits"].to_pylist()),
        }
        for part, table in parts.items()
    }


def _mend(ids: Sequence[str], *, val: float, test: float) -> str:
    """The least seed that fills every part, or else what to do."""
    if len(ids) < len(PARTS):
        return "add documents: three are the least that can be split"
    for seed in range(_TRIES):
        if len({part_of(identity, val=val, test=test, seed=seed) for identity in ids}) == len(PARTS):
            return f"split.seed={seed}, or larger split.val and split.test"
    return "larger split.val and split.test, or more documents"

"""What is told of files that are not the model: which are left out, and the ways out."""

import math
from collections.abc import Mapping, Sequence, Set
from itertools import chain
from typing import Any, Literal

from pipeline.export import parity
from pipeline.export.parity import Fault

OnFailure = Literal["drop", "fail"]  # a file beyond its bounds


def dropped(
    wrong: Mapping[str, Sequence[Fault]],
    types: Sequence[str],
    *,
    steered: Set[str],
    section: str,
    on_failure: OnFailure,
    instead: str,
) -> dict[str, dict[str, Any]]:
    """By type the faults and the mend of the files that are not released; PipelineError where none may be missing, or none is left.

    `steered` are the types whose rounding calibration rows have steered, `instead` is the choice of formats where no type is left.
    """
    left = [kind for kind in types if kind not in wrong]
    if wrong and (on_failure == "fail" or not left):
        every = list(chain.from_iterable(wrong.values()))
        raise parity.refusal(every, mend=_mend(every, left, section=section, steered=set(wrong) <= steered, instead=instead))
    return {
        kind: {
            "faults": [str(fault) for fault in faults],
            "mend": _mend(faults, left, section=section, steered=kind in steered, instead=instead),
        }
        for kind, faults in wrong.items()
    }


def _mend(faults: Sequence[Fault], left: Sequence[str], *, section: str, steered: bool, instead: str) -> str:
    """The choices there are: do not measure it, round to nearest (where calibration steered), go without the files, or let them be as far
    off as they are."""
    keys, unmeasured = {fault.key for fault in faults}, {fault.limit.without for fault in faults}
    ways = [f"{section}.calibration_rows=0"] if steered and keys <= {"bounds.row_error", "bounds.kl"} else []
    if "" not in unmeasured:
        ways.insert(0, " ".join(f"{section}.{setting}" for setting in sorted(unmeasured)))
    ways.append(f"{section}.types=[{','.join(left)}]" if left else instead)
    if all(fault.key and math.isfinite(fault.times) for fault in faults):
        times = {key: max(fault.times for fault in faults if fault.key == key) for key in sorted(keys)}
        ways.append(" ".join(f"{section}.{key}={math.ceil(value * 10) / 10:g}" for key, value in times.items()))
    return ", or ".join(ways)

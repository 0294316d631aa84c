"""The types that a GGUF file can have, and the rows that they fit. Imports nothing heavy: the plan asks before anything is trained."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Literal

from pipeline.core.errors import PipelineError

FileType = Literal["F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q5_0", "Q4_K", "IQ4_NL", "Q4_0"]

BLOCK = 32  # weights that share a scale: a row that does not divide stays F16
WIDE_BLOCK = 256  # of the K-quants
# What a row gets that 32 divides and 256 does not, as llama.cpp has it.
INSTEAD: Mapping[FileType, str] = {"Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0"}
# Rounded by libgguf, with the importance of each input where calibration rows tell it.
WEIGHTED: Sequence[FileType] = ("Q6_K", "Q5_K", "Q5_0", "Q4_K", "IQ4_NL")
STEERED: Sequence[FileType] = (*WEIGHTED, "Q4_0")  # whose rounding calibration rows steer


def refuse_types(types: Sequence[str], widths: Mapping[str, int], *, section: str) -> None:
    """PipelineError for K-quants of a model whose rows they do not fit, and for types whose package is not there."""
    left = [kind for kind in types if kind not in INSTEAD] or ["Q8_0"]
    narrow = [kind for kind in types if kind in INSTEAD]
    if narrow and (width := widths.get("hidden_size", 0)) % WIDE_BLOCK:
        message = f"{', '.join(narrow)} need rows that {WIDE_BLOCK} divides; hidden_size is {width}, so no matrix could have them"
        near = max(1, round(width / WIDE_BLOCK)) * WIDE_BLOCK
        raise PipelineError(message, mend=f"{section}.types=[{','.join(left)}], or model.hidden_size={near}")
    weighted = [kind for kind in types if kind in WEIGHTED]
    if weighted and importlib.util.find_spec("libgguf") is None:
        left = [kind for kind in types if kind not in WEIGHTED] or ["Q8_0"]
        message = f"{', '.join(weighted)} are rounded by libgguf, which is not installed: it has no wheel for Python 3.14"
        raise PipelineError(message, mend=f"{section}.types=[{','.join(left)}], or make setup PYTHON=python3.13")

"""Weights to ggml's blocks and back: by numpy where gguf knows the type, by libgguf for K-quants and IQ4_NL.

libgguf takes how much each input counts (an importance matrix): the mean square of what the layer was given on calibration rows.
"""

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type

Array = npt.NDArray[np.float32]

_OURS = (Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0)  # by gguf's numpy, as ggml rounds them


def encode(weight: Array, kind: Type, importance: Array | None = None) -> npt.NDArray[np.generic]:
    """A weight [.., I] as rows of bytes: each weight to its nearest, or with small squares of errors times `importance` [I]."""
    if kind in _OURS:
        plain: npt.NDArray[np.generic] = gguf.quants.quantize(weight, kind)
        return plain
    import libgguf  # other types do without, and Python 3.14 has no wheel of it

    blocks: npt.NDArray[np.generic] = libgguf.quantize_rows(weight, kind.value, importance)
    return blocks


def decode(data: npt.NDArray[np.generic], kind: Type) -> Array:
    """What the bytes say, by gguf's numpy whoever wrote them."""
    weight: Array = gguf.quants.dequantize(data, kind).astype(np.float32)
    return weight

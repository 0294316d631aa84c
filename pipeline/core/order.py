"""A shuffle with no memory: a Feistel network permutes row numbers.

Any position is computed directly, so a resumed run needs one integer, and the order does not
depend on the number of ranks or on the micro-batch. Cycle walking keeps the image within range
(Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains").
"""

import numpy as np
import numpy.typing as npt

from pipeline.core.seed import seed_of

ROUNDS = 4  # Luby and Rackoff 1988: four rounds make a strong pseudorandom permutation
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, the multiplier of Fibonacci hashing


class Permutation:
    """A bijection of 0..size-1 onto itself, fixed by the seed."""

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise ValueError(f"a permutation needs at least one element, not {size}")
        self.size = size
        self._half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = [np.uint64(seed_of(seed, "feistel", turn)) for turn in range(ROUNDS)]

    def __getitem__(self, positions: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The rows that stand at these positions of the shuffled order."""
        values = np.asarray(positions, dtype=np.uint64)
        if values.size and int(values.max()) >= self.size:
            raise IndexError(f"position {int(values.max())} of a permutation of {self.size}")
        values = self._walk(np.atleast_1d(values)).reshape(values.shape)
        return values.astype(np.int64)

    def _walk(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        values = self._encrypt(values)
        while (outside := values >= np.uint64(self.size)).any():
            values[outside] = self._encrypt(values[outside])
        return values

    def _encrypt(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            mixed = (right + key) * _MIX
            mixed ^= mixed >> np.uint64(29)
            mixed *= _MIX
            left, right = right, left ^ ((mixed >> np.uint64(32)) & self._mask)
        return (left << self._half) | right

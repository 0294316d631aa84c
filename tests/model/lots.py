"""What is drawn by lot, told beforehand; and a row to hide things in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tokens.rows import Batch
from tests.packed import packed

ROW = packed([[20, 21, 22], [30, 31]], row=9)  # BOS 20 21 22 BOS 30 31, and two places of padding


class Lot:
    """Gives what a generator of numpy would give by lot."""

    def __init__(self, *, permutation: Any = (), random: Sequence[float] = (), integers: Sequence[Any] = ()) -> None:
        self._permutation, self._random, self._integers = permutation, list(random), list(integers)

    def permutation(self, _: Any) -> Any:
        return np.array(self._permutation)

    def random(self, many: int | None = None) -> Any:
        return self._random.pop(0) if many is None else np.array([self._random.pop(0) for _ in range(many)])

    def integers(self, low: int, high: int, many: int | None = None, *, endpoint: bool = False) -> Any:
        drawn = np.array([self._integers.pop(0) for _ in range(1 if many is None else many)])
        assert ((drawn >= low) & (drawn < high + endpoint)).all()
        return int(drawn[0]) if many is None else drawn


def row() -> Batch:
    return ROW.read([0])

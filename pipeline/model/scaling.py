"""A law of loss by size, fitted to small models, and what it foretells of larger ones.

L(N) = E + A N^-a for N parameters, each taught with as many tokens a parameter (Kaplan et al. 2020; with a floor: Hoffmann et al. 2022).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]  # parameters, bits a byte
FINE = 1000  # floors that are tried, up to the lowest loss


@dataclass(frozen=True)
class Law:
    """The floor E, and what a model of N parameters lies above it."""

    floor: float
    coefficient: float
    exponent: float

    def loss(self, parameters: float) -> float:
        """Bits a byte."""
        return self.floor + self.coefficient * math.exp(-self.exponent * math.log(parameters))

    def error(self, points: Sequence[Point]) -> float:
        """Root mean square of log(loss / foretold)."""
        return math.sqrt(float(np.mean([math.log(loss / self.loss(size)) ** 2 for size, loss in points])))


def fitted(points: Sequence[Point], *, floor: float | None) -> Law:
    """Least squares of the logarithms above the floor; a floor that is not known is fitted too. ValueError for too few points.

    Two points are enough where the floor is known, three where it is not.
    """
    least = 2 if floor is not None else 3
    if len(points) < least:
        raise ValueError(f"{len(points)} points don't tell a law, {least} may")
    lowest = min(loss for _, loss in points)
    if floor is not None:
        if floor >= lowest:
            raise ValueError(f"a model lies at {lowest}, not above the floor of {floor}")
        return _above(points, floor)
    laws = [_above(points, step / FINE * lowest) for step in range(FINE)]
    return min(laws, key=lambda law: law.error(points))


def _above(points: Sequence[Point], floor: float) -> Law:
    sizes, rest = (np.log([size for size, _ in points]), np.log([loss - floor for _, loss in points]))
    slope, height = np.polyfit(sizes, rest, 1)
    return Law(floor, math.exp(float(height)), -float(slope))


def rungs(shape: dict[str, int], shares: Sequence[float] = (0.25, 0.375, 0.5, 0.625, 0.75)) -> list[dict[str, int]]:
    """Smaller shapes of the same proportions, smallest first: {layers, hidden_size, heads, kv_heads}; heads keep their size.

    `shape` has the same keys. Grouped heads stay as grouped where that comes out even, else each has its own keys.
    """
    head, group = shape["hidden_size"] // shape["heads"], shape["heads"] // shape["kv_heads"]
    found: list[dict[str, int]] = []
    for share in shares:
        heads = max(1, round(share * shape["heads"]))
        rung = {
            "layers": max(1, math.ceil(share * shape["layers"])),
            "hidden_size": heads * head,
            "heads": heads,
            "kv_heads": heads // group if heads % group == 0 else heads,
        }
        if rung not in found and rung["hidden_size"] < shape["hidden_size"]:
            found.append(rung)
    return found

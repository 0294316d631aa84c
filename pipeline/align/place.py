"""Where a method does its work, and the history that it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, int | float]
History = list[Row]  # a row a step; equal on every run, resumed or not


@dataclass(frozen=True, kw_only=True)
class Place:
    """The surroundings of a training run; none of them changes its result on one kind of device."""

    scratch: Path  # for checkpoints
    device: str
    track: Callable[[int, dict[str, float]], None]  # numbers that pass

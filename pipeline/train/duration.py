"""How long a trainer learns, in the unit that suits: `600 steps`, `2 epochs`, `1e9 tokens`, `10 min`."""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Unit = Literal["steps", "epochs", "tokens", "s", "min", "h"]
SECONDS = {"s": 1, "min": 60, "h": 3600}
WHOLE = ("steps", "tokens")
UNITS = "steps, epochs (passes over the data), tokens, s, min, h"
_WORDS = {"step": "steps", "epoch": "epochs", "token": "tokens"}
_SAID = re.compile(r"([-+]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-z]*)")


@dataclass(frozen=True)
class Duration:
    """An amount of one unit. A number alone counts steps."""

    amount: float
    unit: Unit

    @classmethod
    def read(cls, said: Any) -> "Duration":
        """From a setting: 600, 1e3, `600 steps`, `0.5 epochs`. ValueError with all the units for anything else."""
        found = None if isinstance(said, bool) else _SAID.fullmatch(str(said).strip().lower())
        number, unit = (float(found[1]), _WORDS.get(found[2], found[2] or "steps")) if found else (0.0, "")
        if unit not in (*_WORDS.values(), *SECONDS):
            raise ValueError(f"a duration is a number with a unit, one of {UNITS}; without one it counts steps: `600 steps`, `10 min`")
        if not 0 < number < math.inf or (unit in WHOLE and not number.is_integer()):
            raise ValueError(f"a duration is above 0{', and a whole number of ' + unit if unit in WHOLE else ''}")
        return cls(int(number) if unit in WHOLE else number, cast(Unit, unit))

    def __str__(self) -> str:
        amount = self.amount if isinstance(self.amount, int) else f"{self.amount:g}"
        return f"{amount} {self.unit.removesuffix('s') if self.amount == 1 and self.unit in _WORDS.values() else self.unit}"

    @property
    def seconds(self) -> float | None:
        """Where it is a time: the only unit that depends on the machine."""
        return self.amount * SECONDS[self.unit] if self.unit in SECONDS else None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type["Duration"], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read)


@dataclass(frozen=True)
class Pace:
    """What a step works through."""

    rows: int  # of the data: an epoch
    batch: float  # rows a step; a mean where batches grow
    tokens: float  # a step: a mean where rows differ, a bound where they are sampled

    def steps(self, duration: Duration) -> int:
        """The steps that a duration by steps, epochs or tokens takes; a part of a step is a whole one."""
        passes = {"steps": 1.0, "epochs": self.rows / self.batch, "tokens": 1 / self.tokens}
        return int(duration.amount) if duration.unit == "steps" else max(1, math.ceil(duration.amount * passes[duration.unit] - 1e-9))

    def told(self, steps: int) -> dict[str, float]:
        """For the metrics: steps, and how many epochs and tokens they are."""
        return {"steps": steps, "epochs": steps * self.batch / self.rows, "tokens": round(steps * self.tokens)}

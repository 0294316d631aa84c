"""The part of what has a name: a hash of it, so that adding something else moves nothing."""

from dataclasses import dataclass

from pipeline.core.artifact.split import Part
from pipeline.core.bounds import OpenFraction
from pipeline.core.seed import Seed, seed_of


@dataclass(frozen=True, kw_only=True)
class HoldOut:
    """How much is held out."""

    val: OpenFraction
    test: OpenFraction
    seed: Seed

    def __post_init__(self) -> None:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing for train: together they are less than 1")

    def part_of(self, identity: str) -> Part:
        """train, val or test. The same identity always falls in the same part, whatever else is in the corpus."""
        place = seed_of(self.seed, "split", identity) / 2**63
        if place < self.test:
            return "test"
        return "val" if place < self.test + self.val else "train"

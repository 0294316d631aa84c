"""The part of what has a name: a hash of it, so that adding something else moves nothing."""

from pipeline.core.artifact.split import Part
from pipeline.core.seed import seed_of


def part_of(identity: str, *, val: float, test: float, seed: int) -> Part:
    """train, val or test. The same identity always falls in the same part, whatever else is in the corpus."""
    place = seed_of(seed, "split", identity) / 2**63
    if place < test:
        return "test"
    return "val" if place < test + val else "train"

"""The section `hardware`: on what a stage computes."""

from dataclasses import dataclass
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from pipeline.core.parallel import Engine, Jobs


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The section `hardware`: it changes the speed, never the result (for one kind of device and thread count)."""

    device: Literal["auto", "cpu", "cuda"]
    threads: NonNegativeInt  # 0: all cores, 4 at most
    workers: NonNegativeInt  # 0: all cores
    ranks: PositiveInt  # processes of a machine that take a step together, in stages that can
    nodes: PositiveInt  # machines
    parallel: Literal["data", "fsdp"]  # what each has: all weights, or a part of every one
    engine: Engine
    jobs: Jobs

    def __post_init__(self) -> None:
        if self.parallel == "fsdp" and self.world == 1:
            raise ValueError("parallel=fsdp deals the weights to ranks, and there is one: ranks=2 or more, or parallel=data")

    @property
    def world(self) -> int:
        """Processes of all machines."""
        return self.ranks * self.nodes

"""The section `hardware`: on what a stage computes."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.parallel import Engine, Jobs
from pipeline.train.processes import ranks_of, threads_of


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The section `hardware`: it changes the speed, never the result (for one kind of device and thread count)."""

    device: Literal["auto", "cpu", "cuda"]
    threads: NonNegativeInt  # which ranks share; 0: all cores, 4 at most
    workers: NonNegativeInt  # 0: all cores
    ranks: NonNegativeInt  # processes of a machine that take a step together, in stages that can; 0: by the batch and the cores
    nodes: PositiveInt  # machines
    parallel: Literal["data", "fsdp"]  # what each has: all weights, or a part of every one
    engine: Engine
    jobs: Jobs

    def __post_init__(self) -> None:
        if self.parallel == "fsdp" and self.world == 1:
            raise ValueError("parallel=fsdp deals the weights to ranks, and there is one: ranks=2 or more, or parallel=data")

    @property
    def world(self) -> int:
        """Processes of all machines; those that follow from the batch count as one."""
        return max(1, self.ranks) * self.nodes

    def found(self) -> str:
        """cpu or cuda, on which the stage computes. PipelineError for a CUDA device that is not there, where the stage needs torch."""
        torch = sys.modules.get("torch")
        there = torch is not None and torch.cuda.is_available()
        if self.device == "cuda" and torch is not None and not there:
            raise PipelineError("hardware.device is cuda, and torch finds no CUDA device", mend="hardware=auto or hardware=cpu")
        return ("cuda" if there else "cpu") if self.device == "auto" else self.device

    def threads_each(self, *, ranks: int) -> int:
        """Threads of one computation of each of the ranks of this machine."""
        return threads_of(self.threads, ranks=ranks, device=self.found())

    def processes(self, that_share: Callable[[int], int]) -> int:
        """Ranks of this machine, where a step can be shared by `that_share` of at most so many."""
        return ranks_of(self.ranks, nodes=self.nodes, threads=self.threads, device=self.found(), that_share=that_share)

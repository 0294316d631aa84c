"""How a machine's processor is dealt to the processes that take a step together."""

import os
import sys
from collections.abc import Callable

THREADS = 4  # at most, where none are asked for


def here() -> int:
    """How many of them this machine has, as torchrun tells each."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def threads_of(asked: int, *, ranks: int, device: str) -> int:
    """Threads of one computation of each of the ranks of this machine.

    `asked` are those that all ranks share, with a GPU those of each; 0: all cores, but few a rank.
    """
    cores = os.cpu_count() or 1
    if device == "cuda":
        return asked or max(1, min(THREADS, cores // ranks))
    return max(1, (asked or min(THREADS, cores)) // ranks)


def ranks_of(asked: int, *, nodes: int, threads: int, device: str, that_share: Callable[[int], int]) -> int:
    """Ranks of a machine: as asked for; or 0, on a CPU as many as share a step (`that_share` of at most so many) on its threads.

    One outside Linux, where a rank could outlive the process that started it.
    """
    if asked:
        return asked
    alone = nodes > 1 or sys.platform != "linux" or device == "cuda"
    return 1 if alone else that_share(threads_of(threads, ranks=1, device=device))

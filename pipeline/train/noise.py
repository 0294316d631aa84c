"""Random numbers of a step, such as dropout's: a stream of its own for each, so that a resumed run needs no state of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.core.seed import seed_of


@contextmanager
def noise(seed: int, step: int, device: str, *, rank: int = 0) -> Iterator[None]:
    """torch's default generators, seeded by the step, on each rank otherwise; afterwards they are what they were."""
    number_of_step = seed_of(seed, "noise", step, *([rank] if rank else []))
    devices = [torch.cuda.current_device()] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(number_of_step)
        for number in devices:
            torch.cuda.default_generators[number].manual_seed(number_of_step)
        yield

"""Prefill and decode apart, by batch: `python -m benchmarks.latency [ROUNDS]` (`make bench-latency`).

How long a prompt is read until its first token (prefill), how long each further token takes (decode), how many tokens a second that are,
of all rows together, and how many products of queries and keys a cache spares. One thread, the median of some rounds; the trained model of
`data/sft` where it lies, else fresh weights.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.generation import found, synchronised

BATCHES = (1, 4, 16, 64)
PROMPT, NEW = 64, 32  # tokens


@dataclass(frozen=True)
class Timing:
    """Of one batch."""

    batch: int
    prefill_s: float  # until the first logits
    decode_s: float  # of each further token

    @property
    def prefill_rate(self) -> float:
        """Tokens a second, of all rows."""
        return self.batch * PROMPT / self.prefill_s

    @property
    def decode_rate(self) -> float:
        """Likewise, of those written."""
        return self.batch / self.decode_s


def main() -> None:
    """A row a batch, and what a cache spares."""
    import torch

    rounds = int([*sys.argv[1:], "5"][0])
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    module, _, said = found()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module.to(device)
    title = f"prompts of {PROMPT} tokens, {NEW} written, {said}, {device}, median of {rounds}"
    table = Table("batch", "prefill, ms", "prefill, tokens/s", "decode, ms a token", "decode, tokens/s", title=title)
    for batch in BATCHES:
        one = timing(module, batch, rounds=rounds, clock=synchronised if device == "cuda" else time.perf_counter)
        figures = (f"{1000 * one.prefill_s:.2f}", f"{one.prefill_rate:.0f}", f"{1000 * one.decode_s:.2f}", f"{one.decode_rate:.0f}")
        table.add_row(str(batch), *figures)
    Console().print(table)
    with_cache, without = (attention_products(prompt=PROMPT, new=NEW, cached=cached) for cached in (True, False))
    Console().print(f"products of a query and a key, a head and layer: {with_cache:,} with a cache, {without:,} without")


def attention_products(*, prompt: int, new: int, cached: bool) -> int:
    """Products of a query with a key that it may see, to read a prompt and write `new` tokens: of one sequence, head and layer.

    The last token is written and not read. With a cache each token is a query once; without one all are anew for each that is written.
    """
    lengths = range(prompt, prompt + new)  # that are read for each token
    if not cached:
        return sum(length * (length + 1) // 2 for length in lengths)
    read = lengths[-1]
    return read * (read + 1) // 2


def timing(module: Any, batch: int, *, rounds: int, clock: Callable[[], float]) -> Timing:
    """The medians of some rounds, after one that warms up; prompts differ, so that none is read for another."""
    import torch

    from pipeline.model.decode import decoder_of

    decoder = decoder_of(module)
    prompts = [[8 + (number * PROMPT + place) % 900 for place in range(PROMPT)] for number in range(batch)]
    token = torch.full((batch,), 9, device=module.device)
    prefill, decode = list[float](), list[float]()
    for _ in range(rounds + 1):
        began = clock()
        decoder.begin(prompts, room=NEW)
        read = clock()
        for _ in range(NEW - 1):
            decoder.step(token)
        prefill.append(read - began)
        decode.append((clock() - read) / (NEW - 1))
    return Timing(batch, statistics.median(prefill[1:]), statistics.median(decode[1:]))


if __name__ == "__main__":
    main()

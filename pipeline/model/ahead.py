"""Rows as tensors on a device; those that are expected next are read, and copied to a GPU, by a thread while the device computes.

batch B, time T
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor

from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Rows

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OnDevice:
    """Some rows on a device."""

    ids: Int[Tensor, "B T"]
    positions: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    predictions: int  # targets that count, known without asking the device
    copied: torch.cuda.Event | None  # when a GPU has them


class Ahead:
    """Serves rows by their numbers; the same tensors, expected or not."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._expected: tuple[tuple[bytes, str], Future[OnDevice]] | None = None

    def expect(self, numbers: Numbers, device: str) -> None:
        """These rows are asked for next: they are got ready in the background, in the place of those that were expected before."""
        self._expected = _key(numbers, device), self._thread.submit(self._ready, numbers, _numbered(device))

    def take(self, numbers: Numbers, device: str) -> OnDevice:
        """These rows; what reading them raises."""
        if self._expected is not None and self._expected[0] == _key(numbers, device):
            ready, self._expected = self._expected[1].result(), None
        else:
            ready = self._ready(numbers, _numbered(device))
        if ready.copied is not None:
            stream = torch.cuda.current_stream()
            stream.wait_event(ready.copied)
            for tensor in (ready.ids, ready.positions, ready.targets):
                tensor.record_stream(stream)  # their memory is not given away while this stream reads them
        return ready

    def _ready(self, numbers: Numbers, device: torch.device) -> OnDevice:
        batch = self._rows.read(numbers)
        predictions = int((batch.targets != IGNORE_INDEX).sum())
        ids, positions, targets = (torch.from_numpy(array) for array in (batch.ids, batch.positions, batch.targets))
        if device.type != "cuda":
            return OnDevice(ids.to(device), positions.to(device), targets.to(device), predictions, None)
        with torch.cuda.device(device), torch.cuda.stream(self._stream):
            ids, positions, targets = (one.pin_memory().to(device, non_blocking=True) for one in (ids, positions, targets))
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        return OnDevice(ids, positions, targets, predictions, copied)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "batches")

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        """One beside that of the computation, so that copies don't wait for it."""
        return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def _key(numbers: Numbers, device: str) -> tuple[bytes, str]:
    return numbers.tobytes(), device


def _numbered(device: str) -> torch.device:
    """The device with its number: each thread has a current one of its own."""
    return torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else torch.device(device)

"""A second opinion on an ONNX file: ONNX Runtime on the CPU."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

PAST = "past"  # with which the names of the cache's inputs begin
Past = dict[str, npt.NDArray[np.float32]]  # past_key_values.0.key ... [B, K, P, D]


class Reader(ABC):
    """One file, open in some runtime. Its cache is the caller's. `past`: heads and their width of each input of the cache."""

    def __init__(self, past: Mapping[str, tuple[int, int]]) -> None:
        self._past = past

    @abstractmethod
    def _run(self, asked: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """The outputs of the graph, logits first."""

    def empty(self, batch: int) -> Past:
        """A cache of nothing."""
        return {name: np.zeros((batch, heads, 0, width), dtype=np.float32) for name, (heads, width) in self._past.items()}

    def read(self, ids: npt.NDArray[np.int64], past: Past, mask: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], Past]:
        """Logits [B, T, V] of the ids [B, T] after the past, and the cache with them; the mask [B, P + T] is 0 at padding."""
        positions = (mask.cumsum(axis=1) - 1).clip(0)[:, -ids.shape[1] :]
        logits, *present = self._run({"input_ids": ids, "attention_mask": mask, "position_ids": positions, **past})
        return logits, dict(zip(self._past, present, strict=True))

    def logits(self, row: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits [T, V] after each token of one sequence [T]."""
        whole, _ = self.read(row[None], self.empty(1), np.ones((1, len(row)), dtype=np.int64))
        return np.asarray(whole[0])

    def generate(self, prompt: Sequence[int], *, max_new: int, ends: Sequence[int]) -> list[int]:
        """The greedy answer to a prompt: up to max_new tokens, without the token that ended it."""
        answer: list[int] = []
        step, past, seen = list(prompt), self.empty(1), 0
        while len(answer) < max_new:
            seen += len(step)
            logits, past = self.read(np.array([step], dtype=np.int64), past, np.ones((1, seen), dtype=np.int64))
            token = int(logits[0, -1].argmax())
            if token in ends:
                break
            answer.append(token)
            step = [token]
        return answer


class Session(Reader):
    """ONNX Runtime."""

    def __init__(self, path: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        super().__init__({one.name: (one.shape[1], one.shape[3]) for one in self._session.get_inputs() if one.name.startswith(PAST)})

    def _run(self, asked: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        found: list[npt.NDArray[np.float32]] = self._session.run(None, dict(asked))
        return found

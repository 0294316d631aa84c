"""A second opinion on an ONNX file: ONNX Runtime on the CPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

Past = dict[str, npt.NDArray[np.float32]]  # past_key_values.0.key ... [B, K, P, D]


class Session:
    """One file, open. Its cache is the caller's."""

    def __init__(self, path: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._shapes = {one.name: one.shape for one in self._session.get_inputs() if one.name.startswith("past")}

    def empty(self, batch: int) -> Past:
        """A cache of nothing."""
        return {name: np.zeros((batch, shape[1], 0, shape[3]), dtype=np.float32) for name, shape in self._shapes.items()}

    def read(self, ids: npt.NDArray[np.int64], past: Past, mask: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], Past]:
        """Logits [B, T, V] of the ids [B, T] after the past, and the cache with them; the mask [B, P + T] is 0 at padding."""
        positions = (mask.cumsum(axis=1) - 1).clip(0)[:, -ids.shape[1] :]
        logits, *present = self._session.run(None, {"input_ids": ids, "attention_mask": mask, "position_ids": positions, **past})
        return logits, dict(zip(self._shapes, present, strict=True))

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

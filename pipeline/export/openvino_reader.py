"""Another opinion on an ONNX file: OpenVINO on the CPU, where it is installed."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PACKAGE = "openvino"  # by its name: whether it is installed must not change the fingerprint of the stage


class OpenVino:
    """One file, open, computing in fp32 with the weights as they are. By itself it would round activations of few-bit layers to 8 bits."""

    def __init__(self, path: Path, *, threads: int) -> None:
        core: Any = importlib.import_module(PACKAGE).Core()
        exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "INFERENCE_NUM_THREADS": threads}
        self._model = core.compile_model(core.read_model(path), "CPU", exact)
        shapes = {one.any_name: one.partial_shape for one in self._model.inputs}
        self._empty = {
            name: np.zeros((1, shape[1].get_length(), 0, shape[3].get_length()), dtype=np.float32)
            for name, shape in shapes.items()
            if name.startswith("past")
        }

    def logits(self, row: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits [T, V] after each token of one sequence [T]."""
        asked = {"input_ids": row[None], "attention_mask": np.ones((1, len(row)), np.int64), "position_ids": np.arange(len(row))[None]}
        return np.array(self._model(asked | self._empty)[self._model.output(0)][0])

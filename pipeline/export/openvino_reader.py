"""Another opinion on an ONNX file: OpenVINO on the CPU, where it is installed."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.export.onnx_session import PAST, Reader

PACKAGE = "openvino"  # by its name: whether it is installed must not change the fingerprint of the stage


class OpenVino(Reader):
    """OpenVINO, computing in fp32 with the weights as they are. By itself it would round activations of few-bit layers to 8 bits."""

    def __init__(self, path: Path, *, threads: int) -> None:
        core: Any = importlib.import_module(PACKAGE).Core()
        exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "INFERENCE_NUM_THREADS": threads}
        self._model = core.compile_model(core.read_model(path), "CPU", exact)
        shapes = {one.any_name: one.partial_shape for one in self._model.inputs if one.any_name.startswith(PAST)}
        super().__init__({name: (shape[1].get_length(), shape[3].get_length()) for name, shape in shapes.items()})

    def _run(self, asked: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        found = self._model(dict(asked))
        return [np.array(found[one]) for one in self._model.outputs]

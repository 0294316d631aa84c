"""Where ONNX files lie in an exported folder, by type: the names of transformers.js."""

from collections.abc import Mapping
from typing import Literal

OnnxType = Literal["fp32", "q8", "q4"]
FOLDER = "onnx"
FILES: Mapping[OnnxType | str, str] = {
    "fp32": f"{FOLDER}/model.onnx",
    "q8": f"{FOLDER}/model_quantized.onnx",
    "q4": f"{FOLDER}/model_q4.onnx",
}

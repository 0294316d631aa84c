"""A graph of which a constant can be folded and a node does nothing."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.onnx_levels import ROWS, TOKENS, levels_of


def test_nodes_vanish_level_by_level_and_the_numbers_stay(tmp_path: Path) -> None:
    shape = [ROWS, TOKENS]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask", "position_ids")]
    given = [numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in (("one", 1.0), ("two", 2.0))]
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["one", "two"], ["three"]),  # constants only
        helper.make_node("Identity", ["real"], ["same"]),  # nothing
        helper.make_node("Mul", ["same", "three"], ["logits"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializer=given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    rows = {row["level"]: row for row in levels_of(path, tmp_path)}
    assert {level: row["nodes"] for level, row in rows.items()} == {"as written": 4, "basic": 2, "extended": 2, "all": 2}
    assert {row["difference"] for row in rows.values()} == {0.0}

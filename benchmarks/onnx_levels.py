"""What ONNX Runtime makes of our graphs: `python -m benchmarks.onnx_levels [FOLDER]` (`make bench-onnx`).

FOLDER is a clone with a finished chain (default: this one); its aligned model is exported with the settings of conf/export/onnx.yaml. Each
file is opened at the runtime's four levels: as it was written; `basic` folds constants and removes nodes that do nothing;
`extended` fuses nodes; `all` also lays them out for this CPU. Prints nodes, CPU seconds of the same rows (one thread, the levels by turns
in every round, the median), and the largest difference of the logits to those of the graph as written, and keeps them as dated JSON.
"""

import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from rich.console import Console
from rich.table import Table

from benchmarks.clones import ROOT
from benchmarks.export import exported
from stages._settings import compose, plain

LEVELS = {
    "as written": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
ROUNDS, ROWS, TOKENS = 7, 8, 128
Ids = npt.NDArray[np.int64]


def main() -> None:
    """Export, open at each level, tell, keep."""
    folder = Path([*sys.argv[1:], "."][0]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        entry = plain(compose(["export=[onnx]"]))["export"]["onnx"]
        exported("onnx", entry, folder, Path(scratch) / "onnx")
        rows = [row for path in sorted((Path(scratch) / "onnx").rglob("*.onnx")) for row in levels_of(path, Path(scratch))]
    table = Table(
        "file", "level", "nodes", "fused or new", "CPU s", "times as fast", "largest difference", title=f"ONNX graphs of {folder.name}"
    )
    for row in rows:
        faster = f"{row['faster']:.2f}"
        table.add_row(row["file"], row["level"], str(row["nodes"]), row["new"], f"{row['cpu_s']:.3f}", faster, f"{row['difference']:.1e}")
    Console(width=140).print(table)
    told = {"onnxruntime": onnxruntime.__version__, "rows": ROWS, "tokens": TOKENS, "levels": rows}
    target = ROOT / "benchmarks/results" / f"onnx-levels-{datetime.now(UTC):%Y-%m-%d}.json"
    target.write_text(json.dumps(told, indent=1) + "\n")


def levels_of(path: Path, scratch: Path) -> Iterator[dict[str, Any]]:
    """A row a level of one file."""
    sessions, graphs = {}, {}
    for name, level in LEVELS.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level, options.graph_optimization_level = 1, 3, level
        options.optimized_model_filepath = str(scratch / f"{name}.onnx")
        sessions[name] = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graphs[name] = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath, load_external_data=False).graph.node)
    feeds = feeds_of(next(iter(sessions.values())))
    logits = {name: session.run(["logits"], feeds)[0] for name, session in sessions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            began = time.process_time()
            session.run(["logits"], feeds)
            seconds[name].append(time.process_time() - began)
    plain_s = statistics.median(seconds["as written"])
    for name, graph in graphs.items():
        took = statistics.median(seconds[name])
        yield {
            "file": path.name,
            "level": name,
            "nodes": graph.total(),
            "new": ", ".join(f"{count} {kind}" for kind, count in (graph - graphs["as written"]).most_common(4)),
            "cpu_s": took,
            "faster": plain_s / took,
            "difference": float(np.abs(logits[name] - logits["as written"]).max()),
        }


def feeds_of(session: onnxruntime.InferenceSession) -> dict[str, npt.NDArray[Any]]:
    """The same rows for every level, with an empty cache."""
    ids: Ids = np.random.default_rng(0).integers(20, 500, (ROWS, TOKENS))
    past = {one.name: one.shape for one in session.get_inputs() if one.name.startswith("past")}
    empty = {name: np.zeros((ROWS, shape[1], 0, shape[3]), dtype=np.float32) for name, shape in past.items()}
    positions = np.tile(np.arange(TOKENS, dtype=np.int64), (ROWS, 1))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": positions, **empty}


if __name__ == "__main__":
    main()

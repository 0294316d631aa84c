"""What each exported format costs and loses: `python -m benchmarks.export [FOLDER] [TYPES]` (`make bench-export`).

FOLDER is a clone with a finished chain (default: this one), of which the aligned model, the rows and the text are read; nothing is written
there. Every format is exported with the settings of conf/, in all its types that the model's rows fit. Prints bytes, mean KL to fp32, what
plain rounding makes of the same matrices, and seconds (export and check together; one thread), and keeps them as dated JSON. Where
openvino is installed it reads the ONNX files too.
"""

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.clones import ROOT
from pipeline.core.errors import PipelineError
from stages._settings import compose, plain, typed

FORMATS = {"transformers": (), "gguf": (), "compressed": ("int8", "int4", "w8a8"), "onnx": ("fp32", "q8", "q4")}
TYPES = ("F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q5_0", "Q4_K", "IQ4_NL", "Q4_0")
TARGETS = {"Q8_0": 0.0003, "onnx q8": 0.001}  # mean KL, nats a token
SECONDS = {"all formats": 60.0, "transformers and gguf": 8.0}


def main() -> None:
    """Export, tell, keep."""
    folder = Path([*sys.argv[1:], "."][0]).resolve()
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rows = list(measured(folder))
    table = Table("file", "bytes", "KL to fp32", "KL to nearest", "target", title=f"exports of {folder.name}")
    for row in rows:
        if "kl" not in row and "not released" not in row["file"]:
            continue
        figures = (f"{row[key]:.2e}" if row.get(key) is not None else "" for key in ("kl", "nearest", "target"))
        table.add_row(row["file"], str(row.get("bytes", "")), *figures)
    Console().print(table)
    for row in rows:
        if "max_logit" in row:
            Console().print(f"{row['file']}: largest difference of logits to ONNX Runtime {row['max_logit']:.1e}")
    for what, target in SECONDS.items():
        took = sum(
            row["seconds"] for row in rows if "seconds" in row and (what == "all formats" or row["file"] in ("transformers", "gguf"))
        )
        Console().print(f"{what}: {took:.1f} s, target {target:.0f}")
    target = ROOT / "benchmarks/results" / f"export-{datetime.now(UTC):%Y-%m-%d}.json"
    target.write_text(json.dumps(rows, indent=1) + "\n")


def measured(folder: Path) -> Iterator[dict[str, Any]]:
    """A row a file, and one a format with its seconds; the default types of gguf are timed apart from the others."""
    settings = plain(compose([f"export=[{','.join(FORMATS)}]"]))
    with tempfile.TemporaryDirectory() as scratch:
        for name in FORMATS:
            started = time.perf_counter()
            report = exported(name, settings["export"][name], folder, Path(scratch) / name)
            yield {"file": name, "seconds": time.perf_counter() - started}
            yield from _rows(report)
            if name == "onnx" and importlib.util.find_spec("openvino"):
                yield from by_openvino(Path(scratch) / name / "onnx")
        more = [kind for kind in TYPES if kind not in settings["export"]["gguf"]["types"]]
        entry = settings["export"]["gguf"]
        started = time.perf_counter()
        try:
            report = exported("gguf", {**entry, "types": more}, folder, Path(scratch) / "more")
        except PipelineError as fault:  # rows that K-quants don't fit
            print(fault)
            more = [kind for kind in more if not kind.endswith("_K")]
            report = exported("gguf", {**entry, "types": more}, folder, Path(scratch) / "more")
        yield {"file": "gguf, other types", "seconds": time.perf_counter() - started}
        yield from _rows(report)


def exported(name: str, entry: dict[str, Any], folder: Path, target: Path) -> dict[str, Any]:
    """The report of one format's export."""
    stage = importlib.import_module(f"stages.export.{name}")
    own = {key: value for key, value in entry.items() if key not in ("format", "reads")} | {"target": str(target)}
    own |= {key: str(folder / own[key]) for key in ("source", "tokens", "split")}
    section = f"export.{name}"
    cfg = typed(stage.Config, own, at=section)
    words = {"tokens": cfg.tokens, "split": cfg.split, "settings": cfg, "section": section, "bill": {}}
    report: dict[str, Any] = stage.export(cfg.source, cfg.target, **words)
    return report


def by_openvino(folder: Path) -> Iterator[dict[str, Any]]:
    """How far OpenVINO's logits are from ONNX Runtime's, in fp32 and without rounding of activations."""
    import openvino

    from pipeline.export.onnx_session import Session

    core, ids = openvino.Core(), np.arange(20, 84, dtype=np.int64)[None]
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    for path in sorted(folder.iterdir()):
        session = Session(path, threads=1)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(64, dtype=np.int64)[None]}
        found = core.compile_model(core.read_model(path), "CPU", options)(feeds | session.empty(1))["logits"][0]
        yield {"file": f"OpenVINO {path.name}", "max_logit": float(np.abs(found - session.logits(ids[0])).max())}


def _rows(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, found in report.items():
        if isinstance(found, dict) and "bytes" in found:
            nearest = found.get("rounding", {}).get("kl")
            yield {"file": kind, "bytes": found["bytes"], "kl": found["kl"], "nearest": nearest, "target": TARGETS.get(kind)}
    yield from ({"file": f"{kind}: not released, {told['faults'][0]}"} for kind, told in report.get("dropped", {}).items())


if __name__ == "__main__":
    main()

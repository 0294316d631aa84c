"""Time the chain in a clone of its own: full run, no-op, smoke. Prints a table and adds a dated JSON file to benchmarks/results/.

python -m benchmarks.chain [laptop] [smoke]
"""

import datetime
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.clones import ROOT, clone, environment

RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    """Both sizes unless one is named."""
    sizes = sys.argv[1:] or ["smoke", "laptop"]
    machine = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    result: dict[str, Any] = {**machine, "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            result[size] = chain(Path(folder) / size, size)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"chain-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    show(result, sizes)


def chain(folder: Path, size: str) -> dict[str, Any]:
    """Seconds of a full run from nothing and of a run with nothing to do, and of each stage."""
    clone(folder, size=size)
    full, no_op = timed_repro(folder), timed_repro(folder)
    stages = {path.stem: json.loads(path.read_text()) for path in sorted((folder / ".run/log").glob("*.json"))}
    keys = ("seconds", "cpu_seconds", "peak_megabytes")
    shutil.rmtree(folder / ".dvc/cache", ignore_errors=True)
    return {"full": full, "no_op": no_op, "stages": {name: {key: row[key] for key in keys} for name, row in stages.items()}}


def timed_repro(folder: Path) -> dict[str, float]:
    """Wall and CPU seconds of one `dvc repro`."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [str(Path(sys.executable).parent / "dvc"), "repro"], cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.perf_counter() - started, 1), "cpu_seconds": round(cpu, 1)}


def show(result: dict[str, Any], sizes: list[str]) -> None:
    """The figures as a table."""
    table = Table("run", "seconds", "CPU seconds", title=f"the chain on {result['cores']} cores, load {result['load_before']:.1f} before")
    for size in sizes:
        for kind in ("full", "no_op"):
            table.add_row(f"{size}, {kind}", str(result[size][kind]["seconds"]), str(result[size][kind]["cpu_seconds"]))
        for name, row in result[size]["stages"].items():
            table.add_row(f"  {name}", str(row["seconds"]), str(row["cpu_seconds"]), style="dim")
    Console().print(table)


if __name__ == "__main__":
    main()

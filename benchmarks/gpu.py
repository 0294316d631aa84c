"""`make bench-gpu`: what a GPU gives in training, in 8 minutes at most on one card; writes a dated JSON, named by the card.

A 124 M qwen3 in rows of 1,024 tokens by our own loop: tokens a second, MFU and peak memory in bf16, fp8, fp32; with and without documents
that are kept apart; with torch's other kernel; without determinism; uncompiled. And the same steps straight, repeated and resumed. Each in
a process of its own, the most telling first; what has no time left is noted. `--small` tries it on a CPU, where nothing is compiled.

The MFU is tokens a second x FLOP a token / the card's peak in bf16 by its data sheet; all three stand in the JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu_check import RESULTS, ROOT, machine

DOCUMENT = 300  # tokens, on average
TRIES: dict[str, dict[str, Any]] = {
    "bf16, documents apart": {"document": DOCUMENT},
    "bf16, a document a row": {},
    "straight, repeated, resumed": {"document": DOCUMENT},
    "fp8, documents apart": {"document": DOCUMENT, "precision": "fp8"},
    "fp32, documents apart": {"document": DOCUMENT, "precision": "fp32"},
    "bf16, documents apart, not deterministic": {"document": DOCUMENT, "deterministic": False},
    "bf16, documents apart by a mask of tokens": {"document": DOCUMENT, "blocks": False},
    "bf16, documents apart, uncompiled": {"document": DOCUMENT, "compiled": False},
}
Start = Callable[[str, argparse.Namespace, float], Any]


def main(words: list[str] | None = None) -> None:
    """All tries, or the one that is named."""
    options = arguments(words)
    if options.one:
        options.out.write_text(json.dumps(attempt(options.one, device=options.device, small=options.small)), encoding="utf-8")
        return
    print(all_tries(options, start))


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--out", type=Path, help="the JSON (default: benchmarks/results/gpu-speed-CARD-DATE.json)")
    parser.add_argument("--seconds", type=int, default=480, help="when it ends at the latest (default: 480)")
    parser.add_argument("--one", choices=TRIES, help="one try, in this process")
    options = parser.parse_args(words)
    options.device = "cpu" if options.small else "cuda"
    return options


def all_tries(options: argparse.Namespace, run: Start) -> Path:
    """The file with what each gave; it is written anew after each."""
    ends = time.monotonic() + options.seconds
    result: dict[str, Any] = {"date": time.strftime("%Y-%m-%d", time.gmtime())} | machine(options.device) | {"small": options.small}
    path: Path = options.out or RESULTS / f"gpu-speed-{result['card'].replace(' ', '-')}-{result['date']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in TRIES:
        left = ends - time.monotonic()
        result[name] = run(name, options, left) if left > 0 else "no time left"
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {json.dumps(result[name])}", flush=True)
    return path


def start(name: str, options: argparse.Namespace, seconds: float) -> Any:
    """What one try gives in a process of its own; a failure must not cost the rest."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "benchmarks.gpu", "--one", name, "--out", str(out), *(["--small"] if options.small else [])]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return "no time left"
        return json.loads(out.read_text(encoding="utf-8")) if done.returncode == 0 else {"failed": done.stderr[-2000:]}


def attempt(name: str, *, device: str, small: bool) -> dict[str, Any]:
    """One try in this process."""
    import stages  # noqa: F401 - before torch: the settings that decide bits
    from benchmarks.gpu_speed import Setting, exact, speed

    setting = Setting(device=device, small=small, **TRIES[name])
    return exact(setting) if name.startswith("straight") else speed(setting)


if __name__ == "__main__":
    main()

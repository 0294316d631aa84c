"""The shortest way from text to a low loss: bits a byte of held-out text against CPU seconds, beside nanoGPT's recipe, in one run.

python -m benchmarks.train [--text FILE] [--steps 100 250 1300] [--set KEY=VALUE ...]

Each point is a process of its own on one thread, from the text to the figure: ours learns its tokenizer, lays rows, trains, and reads the
held-out tenth in windows of 64 tokens that move on by 32; the peer reads the same in windows of 64 characters. Prints a table, and adds a
dated file to results/.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.text import REAL, RESULTS, ROOT, environment
from benchmarks.text_measure import cost_of
from pipeline.core.files import write_json

# of both: what a user would give for so short a text, and rows as the peer has them
RECIPE = (
    "tokenize.sequence_length=64",
    "model.context=64",
    "pretrain.batch_tokens=768",
    "pretrain.final_evaluation.window=64",
    "pretrain.final_evaluation.stride=32",
)
PEER = "nanoGPT's recipe"


def run(command: list[str]) -> dict[str, Any]:
    """A run as a row of the table."""
    cost = cost_of([sys.executable, *command], cwd=ROOT, environment=environment())
    return json.loads(cost.output.splitlines()[-1]) | {"cpu_seconds": cost.cpu_seconds, "peak_megabytes": cost.peak_megabytes}


def table_of(rows: list[dict[str, Any]]) -> Table:
    """CPU seconds also as a share of the peer's."""
    table = Table(title="Bits a byte against CPU seconds")
    for name in ("who", "steps", "parameters", "CPU s", "of the peer's", "bits a byte"):
        table.add_column(name, justify="left" if name == "who" else "right")
    peer = next((row["cpu_seconds"] for row in rows if row["who"] == PEER), None)
    for row in rows:
        share = f"1/{peer / row['cpu_seconds']:.1f}" if peer else ""
        size, seconds, bits = f"{row['parameters'] / 1e6:.2f} M", f"{row['cpu_seconds']:.1f}", f"{row['bits_per_byte']:.3f}"
        table.add_row(row["who"], f"{row['steps']:,.0f}", size, seconds, share, bits)
    return table


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=REAL, help="a text; default: Shakespeare beside the checkout")
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 250, 1300], help="of our runs")
    parser.add_argument("--peer-steps", type=int, default=2000, help="of the peer; 0: without it")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of our runs")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"there is no text {options.text}: --text FILE")
    rows = []
    for steps in options.steps:
        words = [*RECIPE, f"pretrain.duration={steps} steps", *options.set]
        rows.append({"who": "ours"} | run(["-m", "benchmarks.train_ours", str(options.text), *words]))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    if options.peer_steps:
        peer = run([str(ROOT / "benchmarks/train_peers/nanogpt.py"), str(options.text), "--steps", str(options.peer_steps)])
        rows.append({"who": PEER, "steps": options.peer_steps} | peer)
    Console().print(table_of(rows))
    write_json(RESULTS / f"train-{datetime.date.today()}.json", {"set": options.set, "rows": rows})


if __name__ == "__main__":
    main()

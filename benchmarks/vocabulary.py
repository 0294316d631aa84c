"""How large should a vocabulary be? Bits a byte of held-out text and bytes learned from a second, after the same number of steps.

python -m benchmarks.vocabulary [--text FILE] [--sizes 262 512 1024 ...] [--set KEY=VALUE ...] [--out DIR]

262 is the least: each byte, and the special tokens. A step reads as many tokens with each size, so a larger vocabulary reads more text.
Writes vocabulary-DATE.json and .svg.
"""

import datetime
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.runs import learned, parsed, parser_of, settings_of  # isort: skip - the stages' fixed arithmetic comes before torch

from benchmarks.plots import plot
from pipeline.core.files import write_json

HELD_OUT = 40_000  # characters at most
WARM = 20_000  # characters
RECIPE = ("pretrain.duration=250 steps", "pretrain.eval_every=1000000")


def measured(text: str, size: int, words: Sequence[str]) -> dict[str, Any]:
    """One size: bits a byte of what follows the first nine tenths of the text, and what the training took with it."""
    cut = int(0.9 * len(text))
    began = time.process_time()
    run = learned({"train": [text[:cut]], "val": [text[cut:][:HELD_OUT]]}, settings_of([*RECIPE, *words, f"tokenizer.vocab_size={size}"]))
    seconds = time.process_time() - began
    width = len(text[:cut].encode()) / len(run.codec.encode(text[:cut], add_special_tokens=False).ids)
    read = run.amount["tokens"] * width
    found = {"vocabulary": size, "parameters": run.parameters, "bits_per_byte": run.bits_per_byte, "bytes_per_token": width}
    return found | {"bytes_read": read, "cpu_seconds": seconds, "bytes_per_cpu_second": read / seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one of each size, print, keep."""
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[262, 512, 1024, 2048, 4096, 8192], help="tokens")
    options = parsed(parser, arguments)
    text, rows = options.text.read_text(), []
    measured(text[:WARM], options.sizes[0], [*options.set, "pretrain.duration=1 steps"])  # what a process does once is no one's
    for size in options.sizes:
        rows.append(measured(text, size, options.set))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    name = f"vocabulary-{datetime.date.today()}"
    write_json(options.out / f"{name}.json", {"set": options.set, "rows": rows})
    fastest = max(row["bytes_per_cpu_second"] for row in rows)
    curves = {
        "bits a byte": [(row["vocabulary"], row["bits_per_byte"]) for row in rows],
        "bytes a second / best": [(row["vocabulary"], row["bytes_per_cpu_second"] / fastest) for row in rows],
    }
    plot(options.out / f"{name}.svg", curves, title="Held-out bits a byte and speed by vocabulary", x="tokens of the vocabulary", y="")


if __name__ == "__main__":
    main()

"""One run of our own pretraining for benchmarks.train: the first 90 % of a text, bits a byte of the rest.

python -m benchmarks.train_ours TEXT [KEY=VALUE ...]
"""

import json
import sys
from pathlib import Path

from benchmarks.runs import learned, settings_of  # isort: skip - the stages' fixed arithmetic comes before torch

import torch

NEVER = 1_000_000  # steps


def main() -> None:
    """Train, and print bits a byte, parameters and the loss of the last steps."""
    torch.set_num_threads(1)
    text, *words = sys.argv[1:]
    whole = Path(text).read_text()
    cut = int(0.9 * len(whole))
    found = learned({"train": [whole[:cut]], "val": [whole[cut:]]}, settings_of([*words, f"pretrain.eval_every={NEVER}"]))
    print(json.dumps({"bits_per_byte": found.bits_per_byte, "parameters": found.parameters, **found.amount}))


if __name__ == "__main__":
    main()

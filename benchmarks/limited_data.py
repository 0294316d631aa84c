"""Little text, many passes: what helps? Held-out bits per byte over the passes, one line a way.

python -m benchmarks.limited_data [--text FILE] [--characters 50000] [--passes 2 8 32] [--ways WAY ...] [--seeds 1] [--set KEY=VALUE ...]
                                  [--out DIR]

Each point is a training of its own, whose schedule ends after so many passes. A way changes one thing; `together` is what
experiment=limited_data takes, `teachers` lets it learn from four such models as well, and `ensemble` is the mean of those four.
Writes limited-data-DATE.json and .svg, with the mean over the seeds.
"""

import datetime
import json
import sys
from collections.abc import Sequence
from statistics import mean
from typing import Any

from benchmarks.runs import ALL, Texts, learned, parsed, parser_of, settings_of  # isort: skip - the stages' fixed arithmetic comes before torch

from benchmarks.plots import plot
from pipeline.core.files import write_json

HELD_OUT = 50_000  # characters at the end of the text
RECIPE = ("tokenizer.vocab_size=512", "tokenize.sequence_length=64", "pretrain.batch_tokens=768", f"pretrain.eval_every={ALL}")
PRESET = "experiment=limited_data"
ALONE = "pretrain.distillation.teachers=0"
WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "one order": ("pretrain.order=sequential",),
    "dropout": ("model.dropout=0.1",),
    "weight decay": ("pretrain.normuon.weight_decay=1.0", "pretrain.adamw.weight_decay=1.0"),
    "EMA": ("pretrain.averaging.ema_decay=0.99",),
    "last passes": ("pretrain.averaging.passes=3",),
    "together": (PRESET, ALONE),
    "teachers": (PRESET, "pretrain.distillation.teachers=4"),
}
ENSEMBLE = "ensemble"


def texts_of(text: str, characters: int) -> Texts:
    """The first characters to learn from, the last are held out."""
    if characters + HELD_OUT > len(text):
        raise ValueError(f"the text has {len(text)} characters, {characters} and {HELD_OUT} are asked for")
    return {"train": [text[:characters]], "val": [text[-HELD_OUT:]]}


def measured(texts: Texts, way: str, passes: int, seed: int, words: Sequence[str]) -> list[dict[str, Any]]:
    """One training, and its ensemble where there is one."""
    run = learned(texts, settings_of([*WAYS[way], *RECIPE, f"pretrain.duration={passes} epochs", f"pretrain.seed={seed}", *words]))
    point = {"passes": passes, "seed": seed, "parameters": run.parameters}
    rows = [point | {"way": way, "bits_per_byte": run.bits_per_byte}]
    return rows + ([point | {"way": ENSEMBLE, "bits_per_byte": run.teachers["bits_per_byte"]}] if run.teachers else [])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train each, print, keep."""
    parser = parser_of(__doc__)
    parser.add_argument("--characters", type=int, default=50_000, help="of it, from its beginning")
    parser.add_argument("--passes", type=int, nargs="+", default=[2, 8, 32], help="over the text")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="which of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    options = parsed(parser, arguments)
    texts, rows = texts_of(options.text.read_text(), options.characters), []
    for way in options.ways:
        for passes in options.passes:
            for seed in range(1, options.seeds + 1):
                found = measured(texts, way, passes, seed, options.set)
                rows += found
                print(*map(json.dumps, found), sep="\n", file=sys.stderr, flush=True)
    name = f"limited-data-{datetime.date.today()}"
    write_json(options.out / f"{name}.json", {"characters": options.characters, "set": options.set, "rows": rows})
    curves = {
        way: [
            (float(passes), mean(row["bits_per_byte"] for row in rows if (row["way"], row["passes"]) == (way, passes)))
            for passes in options.passes
        ]
        for way in dict.fromkeys(row["way"] for row in rows)
    }
    plot(options.out / f"{name}.svg", curves, title="Little text, many passes", x="passes", y="held-out bits a byte")


if __name__ == "__main__":
    main()

"""Who learns by heart? Loss on the training text and on held-out text over sizes of model, with and without what helps against it.

python -m benchmarks.overfit [--text FILE] [--characters 100000] [--widths 32 64 128] [--set KEY=VALUE ...] [--out DIR]

Each model reads a short text several times. A way changes one thing: dropout, weight decay, the weights of the best evaluation (early
stopping), or copies of the text that say the same in another order (sentences of a paragraph, exchanged), in the place of as many passes.
Writes overfit-DATE.json and .svg. Losses are nats a token; the tokenizer is the same for all.
"""

import datetime
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.runs import Texts, learned, parsed, parser_of, settings_of  # isort: skip - the stages' fixed arithmetic comes before torch

from benchmarks.plots import plot
from pipeline.core.files import write_json
from pipeline.core.seed import stream

COPIES = 3  # beside the text itself
RECIPE = (
    "pretrain=adamw",
    "pretrain.duration=300 steps",
    "pretrain.eval_every=25",
    "pretrain.seen_rows=48",
    "pretrain.batch_tokens=768",
    "tokenize.sequence_length=64",
    "tokenizer.vocab_size=512",
)
WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "dropout": ("model.dropout=0.2",),
    "weight decay": ("pretrain.adamw.weight_decay=1.0",),
    "early stopping": ("pretrain.early_stopping=3",),
    "rephrased": (),
}


def rephrased(text: str, seed: int) -> str:
    """The text with the sentences of each paragraph in another order."""
    draw = stream(seed, "rephrased")
    paragraphs = [re.split(r"(?<=[.!?;:])\s+", one.strip()) for one in text.split("\n\n")]
    return "\n\n".join(" ".join(sentences[place] for place in draw.permutation(len(sentences))) for sentences in paragraphs)


def texts_of(text: str, way: str) -> Texts:
    """The first four fifths to learn from, with copies where the way says so; the rest is held out."""
    cut = int(0.8 * len(text))
    copies = [rephrased(text[:cut], number) for number in range(COPIES)] if way == "rephrased" else []
    return {"train": [text[:cut], *copies], "val": [text[cut:]]}


def measured(text: str, width: int, way: str, words: Sequence[str]) -> dict[str, Any]:
    """One model under one way: the losses of what is kept of it."""
    shape = (f"model.hidden_size={width}", f"model.heads={max(1, width // 32)}", f"model.kv_heads={max(1, width // 32)}")
    run = learned(texts_of(text, way), settings_of([*RECIPE, *shape, *WAYS[way], *words]), curve=True)
    rows = [row for row in run.history if "val_loss" in row]
    kept = min(rows, key=lambda row: row["val_loss"]) if way == "early stopping" else rows[-1]
    curve = [{name: row[name] for name in ("step", "seen_loss", "val_loss")} for row in rows]
    found = {"way": way, "hidden_size": width, "parameters": run.parameters, "bits_per_byte": run.bits_per_byte}
    return found | {"train_loss": kept["seen_loss"], "val_loss": kept["val_loss"], "curve": curve} | dict(run.amount)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one of each size under each way, print, keep."""
    parser = parser_of(__doc__)
    parser.add_argument("--characters", type=int, default=100_000, help="of it, from its beginning")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128, 256], help="of the models")
    options = parsed(parser, arguments)
    text = options.text.read_text()[: options.characters]
    rows = []
    for way in WAYS:
        for width in options.widths:
            rows.append(measured(text, width, way, options.set))
            print(json.dumps({name: value for name, value in rows[-1].items() if name != "curve"}), file=sys.stderr, flush=True)
    name = f"overfit-{datetime.date.today()}"
    write_json(options.out / f"{name}.json", {"characters": options.characters, "set": options.set, "rows": rows})
    curves = {
        f"{way}{end}": [(row["parameters"], row[key]) for row in rows if row["way"] == way]
        for way in WAYS
        for end, key in (("", "val_loss"), (", train", "train_loss"))
    }
    plot(options.out / f"{name}.svg", curves, title="Held-out and training loss by size", x="parameters", y="nats a token")


if __name__ == "__main__":
    main()

"""How many weights a model can do without: `python -m benchmarks.pruning [FOLDER]` (`make bench-pruning`).

FOLDER is a clone with a finished chain (default: this one), of which the aligned model (`final_model`), the rows and the questions are
read; nothing is written there. The matrices of all layers lose the same share of their weights, embeddings and norms none, and nothing is
trained afterwards. By which weights:

- magnitude: the smallest of each matrix;
- wanda: the smallest of |weight| x root mean square of its input, in each output's row (Sun et al. 2023, arXiv 2306.11695);
- wanda, gradual: in four steps, with the inputs of the pruned model after each;
- neurons: whole ones of the feed-forward parts, those whose input to the last matrix, times its column, is smallest.

2:4 leaves the two largest of each four neighbours, half of all, as GPUs with sparse products read them. Prints bits a byte of held-out text
and right answers to held-out questions (greedy), and keeps them as dated JSON and a plot.
"""

import copy
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from transformers import PreTrainedModel

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.clones import ROOT
from benchmarks.plots import plot
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.evaluate.answers import answer
from pipeline.evaluate.kinds.questions import questions
from pipeline.export.compressed_folder import layers_of
from pipeline.export.gptq import input_products
from pipeline.export.probe import calibration_rows
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.model.held_out import SlidingWindow, bits_per_byte
from pipeline.tokens.codec import Own
from pipeline.tokens.dialogues import CONTEXT, Room
from pipeline.tokens.rows import open_rows
from stages._settings import compose, plain

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
GRADUAL, CALIBRATION, QUESTIONS, NEW_TOKENS, SEED = 4, 64, 216, 28, 1
Scores = dict[str, Tensor]  # [O, I] of each matrix: the weights with the smallest go
Judge = Callable[[PreTrainedModel], dict[str, float]]


def main() -> None:
    """Prune, judge, tell, keep."""
    folder = Path([*sys.argv[1:], "."][0]).resolve()
    torch.set_num_threads(1)
    source = Model(folder / plain(compose([]))["final_model"])
    rows = list(pruned(source, Tokens(folder / "data/tokenize"), judge_of(folder, source)))
    table = Table("weights that go", "by", "are gone", "bits a byte", "right answers", title=f"pruning {source.path.name} of {folder.name}")
    for row in rows:
        table.add_row(row["how"], row["by"], f"{row['gone']:.3f}", f"{row['bits_per_byte']:.4f}", f"{row['right']:.3f}")
    Console().print(table)
    target = ROOT / "benchmarks/results" / f"pruning-{datetime.now(UTC):%Y-%m-%d}.json"
    target.write_text(json.dumps(rows, indent=1) + "\n")
    curves = {by: [(row["gone"], row["bits_per_byte"]) for row in rows if row["by"] == by and row["how"] != "2:4"] for by in WAYS}
    plot(target.with_suffix(".svg"), curves, title="Pruning without training", x="share of the weights that are gone", y="bits a byte")


def judge_of(folder: Path, source: Model) -> Judge:
    """What tells how good a model still is."""
    held_out = open_rows(Tokens(folder / "data/tokenize"), "val", tokenizer_digest=tokenizer_digest(source))
    codec, window = Own(tokenizer_of(source)), SlidingWindow(window=128, stride=64, batch_size=32)
    room = Room(tokens=256 - NEW_TOKENS, key=CONTEXT, max_dropped=0.05, context=256, spare=NEW_TOKENS)
    asked = questions(Dialogues(folder / "data/dialogues"), codec, held_out=QUESTIONS, trained=0, room=room, seed=SEED)

    def judge(module: PreTrainedModel) -> dict[str, float]:
        said = answer(module, codec, asked, max_new=NEW_TOKENS, temperature=0.0, seed=seed_of(SEED, "answers"), batch=128)
        bits = bits_per_byte(module, held_out, window)["bits_per_byte"]
        return {"bits_per_byte": bits, "right": float(np.mean([one.right for one in said]))}

    return judge


def pruned(source: Model, tokens: Tokens, judge: Judge) -> Iterator[dict[str, Any]]:
    """A row a pruned model, the whole one first."""
    whole, inputs = load(source, device="cpu"), calibration_rows(source, tokens, CALIBRATION)
    yield {"how": "none", "by": "whole", "gone": 0.0} | judge(whole)
    for by, way in WAYS.items():
        for share in SHARES:
            module = copy.deepcopy(whole)
            way(module, inputs, share)
            yield {"how": f"{share:.0%}", "by": by, "gone": gone(module)} | judge(module)
    for by, scores in (("magnitude", magnitudes), ("wanda", wanda)):
        module = copy.deepcopy(whole)
        for name, score in scores(module, inputs).items():
            _matrix(module, name).mul_(two_of_four(score))
        yield {"how": "2:4", "by": by, "gone": gone(module)} | judge(module)


def by_magnitude(module: PreTrainedModel, inputs: np.ndarray[Any, Any], share: float) -> None:
    """The smallest of each matrix."""
    for name, score in magnitudes(module, inputs).items():
        _matrix(module, name).mul_(largest(score.reshape(1, -1), share).view_as(score))


def by_wanda(module: PreTrainedModel, inputs: np.ndarray[Any, Any], share: float) -> None:
    """The least that reaches each output."""
    for name, score in wanda(module, inputs).items():
        _matrix(module, name).mul_(largest(score, share))


def by_wanda_gradually(module: PreTrainedModel, inputs: np.ndarray[Any, Any], share: float) -> None:
    """Each step looks at what the one before has left: pruned weights score 0 and stay gone."""
    for step in range(1, GRADUAL + 1):
        by_wanda(module, inputs, share * step / GRADUAL)


def by_neuron(module: PreTrainedModel, inputs: np.ndarray[Any, Any], share: float) -> None:
    """Whole ones of the feed-forward parts: what leaves them, and so what makes them."""
    scores = wanda(module, inputs)
    for name in (name for name in scores if name.endswith("down_proj")):
        kept = largest(scores[name].square().sum(dim=0)[None], share)[0]
        _matrix(module, name).mul_(kept)
        for before in ("gate_proj", "up_proj"):
            _matrix(module, name.replace("down_proj", before)).mul_(kept[:, None])


WAYS = {"magnitude": by_magnitude, "wanda": by_wanda, "wanda, gradual": by_wanda_gradually, "neurons": by_neuron}


def magnitudes(module: PreTrainedModel, _: np.ndarray[Any, Any]) -> Scores:
    """|weight|."""
    return {name: _matrix(module, name).abs() for name in layers_of(module)}


def wanda(module: PreTrainedModel, inputs: np.ndarray[Any, Any]) -> Scores:
    """|weight| x the size of its input over the calibration rows."""
    products = input_products(module, inputs, layers_of(module))
    return {name: _matrix(module, name).abs() * torch.from_numpy(product.diagonal().copy()).sqrt() for name, product in products.items()}


def largest(scores: Tensor, share: float) -> Tensor:
    """1 at the largest of each row, 0 at the share of it that goes."""
    kept = torch.ones_like(scores)
    return kept.scatter_(1, scores.argsort(dim=1, stable=True)[:, : round(share * scores.shape[1])], 0.0)


def two_of_four(scores: Tensor) -> Tensor:
    """1 at the two largest of each four neighbours of a row."""
    return largest(scores.reshape(-1, 4), 0.5).view_as(scores)


def gone(module: PreTrainedModel) -> float:
    """The share of the weights of the layers' matrices that are 0."""
    all_of_them = [_matrix(module, name) for name in layers_of(module)]
    return sum(int((one == 0).sum()) for one in all_of_them) / sum(one.numel() for one in all_of_them)


def _matrix(module: PreTrainedModel, name: str) -> Tensor:
    weight: Tensor = module.get_submodule(name).weight.data
    return weight


if __name__ == "__main__":
    main()

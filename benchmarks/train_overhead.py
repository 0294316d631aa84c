"""What the loop adds to the bare step: `python -m benchmarks.train_overhead [STEPS] [PAIRS]`.

The same module, batches and optimizers in one process: `fit` as the stage calls it, with its guard, history, checkpoints and order of rows,
against forward, backward and step alone. CPU seconds, in pairs, since a busy machine slows both. Prints a table.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.clones import ROOT
from stages._settings import typed

TARGET = 1.05  # ours over bare
VOCABULARY, LENGTH = 1024, 128  # of size=laptop


def main() -> None:
    """Some pairs of some steps each."""
    steps, pairs = (int(word) for word in [*sys.argv[1:], "60", "5"][:2])
    import torch

    torch.set_num_threads(1)
    table = Table(
        "CPU ms a step", "bare", "loop", "ratio", "lowest", "highest", "target", title=f"{pairs} pairs of {steps} steps, 1 thread"
    )
    for name, changes in {
        "as in conf/": {},
        "micro_batch 1": {"micro_batch": 1},
        "an EMA": {"averaging": {"ema_decay": 0.99, "passes": None}},
    }.items():
        both = [(cpu(bare(steps, changes)), cpu(ours(steps, changes))) for _ in range(pairs + 1)][1:]  # the first warms up
        ratios = [loop / alone for alone, loop in both]
        alone, loop = (statistics.median(column) / steps * 1000 for column in zip(*both, strict=True))
        row = [name, *(f"{figure:.2f}" for figure in (alone, loop)), *(f"{figure:.3f}" for figure in spread(ratios)), f"{TARGET}"]
        table.add_row(*row)
    Console().print(table)


def spread(ratios: list[float]) -> tuple[float, float, float]:
    """The median, the lowest and the highest."""
    return statistics.median(ratios), min(ratios), max(ratios)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def parts(changes: dict[str, Any], steps: int) -> tuple[Any, Any, Any]:
    """A module of the default shape, an objective on random tokens, and the recipe of conf/ with these changes."""
    from pipeline.model.build import build
    from pipeline.model.objective import NextToken
    from pipeline.tokens.rows import rows_by_lot
    from pipeline.train.fit import Fitting

    shape = yaml.safe_load((ROOT / "conf/model/qwen3.yaml").read_text())
    section = yaml.safe_load((ROOT / "conf/pretrain/normuon.yaml").read_text()) | {"duration": steps, "seed": 1, "eval_every": 10 * steps}
    recipe = typed(Fitting, {one.name: (section | changes)[one.name] for one in fields(Fitting)}, at="pretrain")
    objective = NextToken(rows_by_lot(400, length=LENGTH, vocabulary=VOCABULARY), context=shape["context"])
    return build(shape, vocabulary=VOCABULARY, seed=1), objective, recipe


def ours(steps: int, changes: dict[str, Any]) -> Callable[[], object]:
    """The loop."""
    from pipeline.model import count
    from pipeline.train.fit import fit
    from pipeline.train.workspace import Workspace

    module, objective, recipe = parts(changes, steps)

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = Workspace(scratch=Path(folder), device="cpu", track=lambda *_: None, section="pretrain")
            fit(module, objective, recipe, place, matrices=count.matrices(module), evaluate=lambda _: ({}, []), seed=1)

    return work


def bare(steps: int, changes: dict[str, Any]) -> Callable[[], object]:
    """Forward, backward and step on the same rows, whose numbers are known before."""
    from pipeline.model import count
    from pipeline.train.optimizers.choice import Optimizers
    from pipeline.train.schedule import rows_of

    module, objective, recipe = parts(changes, steps)
    batch = recipe.batch_tokens // LENGTH
    order = [rows_of(step, batch=batch, rows=objective.rows, seed=1) for step in range(steps)]
    optimizers = Optimizers(module, count.matrices(module), recipe, section="pretrain")
    module.train()

    def work() -> None:
        for numbers in order:
            module.zero_grad()
            for start in range(0, batch, recipe.micro_batch):
                loss, _ = objective.loss(module, numbers[start : start + recipe.micro_batch], "cpu")
                loss.backward()
            optimizers.step(1.0)

    return work


if __name__ == "__main__":
    main()

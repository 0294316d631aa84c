"""One of several ranks, as a process: `python -m tests.train.one_rank RANK WORLD FOLDER`. Fits toys, and writes what came of them."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

import stages  # noqa: F401 - before torch
from pipeline.core.errors import PipelineError
from pipeline.model import count
from pipeline.model.build import build
from pipeline.model.generate import generate
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import rows_by_lot
from pipeline.train import ranks
from pipeline.train.fit import fit
from pipeline.train.workspace import Parallel
from tests.tiny_shape import SHAPE
from tests.train.conftest import MATRICES, Counting, Toy, workspace
from tests.train.test_exactness import KINDS, Recording, recipe_of

FEW = 5  # steps
KEPT = {
    "kind": "normuon",
    "averaging": {"ema_decay": 0.9, "passes": None},
    "early_stopping": 9,
    "eval_every": 2,
}  # all that a checkpoint can hold


def main() -> None:
    """Straight through; killed on the way; stopped on one rank; with a batch that is no number; for a time."""
    rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    found = {
        "straight": fitted(folder / "straight"),
        "killed": fitted(folder / "killed", checkpoint_every=5, die=7),
        "stopped": fitted(folder / "stopped", stop=4 if rank == 1 else None),
        "timed": fitted(folder / "timed", duration="0.3 s", log_every=1000),
    } | in_parts(folder)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def in_parts(folder: Path) -> dict[str, Any]:
    """With the weights in parts: by each optimizer, killed on the way, and going on where one process was killed."""
    own = {"parallel": "fsdp", "duration": FEW}
    return {
        **{kind: fitted(folder / f"fsdp-{kind}", kind=kind, **own) for kind in KINDS},
        "fsdp-killed": fitted(folder / "fsdp-killed", checkpoint_every=5, die=7, parallel="fsdp", **KEPT),
        "fsdp-model": taught(folder / "fsdp-model", "fsdp"),
        "fsdp-begun-alone": fitted(folder / "begun-alone", checkpoint_every=5, parallel="fsdp", **KEPT),
    }


def fitted(
    folder: Path, *, die: int | None = None, stop: int | None = None, parallel: Parallel = "data", kind: str = "muon", **changes: Any
) -> dict[str, Any]:
    """The history, the rows that this rank has read, and the weights in the end; or how it ended otherwise."""
    toy, rows = Toy(), Recording()
    toy.noise.p = 0.0

    def track(step: int, values: dict[str, float]) -> None:
        if step == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        if step == die:
            raise ZeroDivisionError

    try:
        trained, _ = fit(
            toy,
            rows,
            recipe_of(kind, micro_batch=2, **changes),
            workspace(folder, track, parallel=parallel),
            matrices=MATRICES,
            evaluate=glimpse,
            seed=3,
        )
    except (PipelineError, ZeroDivisionError) as fault:
        return {"ended": str(fault), "rank": ranks.rank()}
    weights = {name: one.tolist() for name, one in toy.named_parameters()}
    return {"history": trained.history, "rows": rows.read, "weights": weights}


def taught(folder: Path, parallel: Parallel) -> list[float]:
    """The losses of a language model of two layers, read and made to write on the way, its activations computed again."""
    module = build(SHAPE, vocabulary=64, seed=1)
    objective = NextToken(rows_by_lot(40, length=16, vocabulary=64), context=64)
    recipe = recipe_of("normuon", duration=4, batch_tokens=128, micro_batch=2, eval_every=2, gradient_checkpointing=True)

    def look(module: Any) -> tuple[dict[str, float], list[str]]:
        written = generate(module, [[7, 8]], max_new=3, temperature=0.0, seed=1, batch=1)
        return {"val_loss": objective.mean(module, np.arange(4), "cpu", batch=2)}, [str(written)]

    place, names = workspace(folder, parallel=parallel), count.matrices(module)
    trained, _ = fit(module, objective, recipe, place, matrices=names, evaluate=look, seed=3)
    return [value for row in trained.history for value in row.values()] + [float(one.detach().sum()) for one in module.parameters()]


def glimpse(module: nn.Module) -> tuple[dict[str, float], list[str]]:
    """A loss on rows, for what early stopping keeps."""
    with torch.no_grad():
        nats, count = Counting().loss(module, np.arange(8), "cpu")
    return {"val_loss": float(nats) / count}, []


if __name__ == "__main__":
    main()

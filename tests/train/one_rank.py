"""One of several ranks, as a process: `python -m tests.train.one_rank RANK WORLD FOLDER`. Fits toys, and writes what came of them."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import stages  # noqa: F401 - before torch
from pipeline.core.errors import PipelineError
from pipeline.train import ranks
from pipeline.train.fit import fit
from tests.train.conftest import MATRICES, Toy, workspace
from tests.train.test_exactness import Recording, recipe_of
from tests.train.test_loop import NOTHING


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
    }
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def fitted(folder: Path, *, die: int | None = None, stop: int | None = None, **changes: Any) -> dict[str, Any]:
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
            toy, rows, recipe_of(micro_batch=2, **changes), workspace(folder, track), matrices=MATRICES, evaluate=NOTHING, seed=3
        )
    except (PipelineError, ZeroDivisionError) as fault:
        return {"ended": str(fault), "rank": ranks.rank()}
    weights = {name: one.tolist() for name, one in toy.named_parameters()}
    return {"history": trained.history, "rows": rows.read, "weights": weights}


if __name__ == "__main__":
    main()

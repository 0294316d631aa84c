"""Score the tasks without a model: counting, chance, and the source's own entropy.

reads   data/split, data/dialogues     Split, Dialogues
        data/tokenizer, data/tokenize  Tokenizer, Tokens
        data/benchmarks                published benchmarks, if a task asks for one; or the hub's
writes  data/baselines                 Scores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import Seed, seed_of
from pipeline.evaluate.table import nested, write_scores
from pipeline.evaluate.task import HeldOut
from pipeline.evaluate.tasks import Tasks
from pipeline.tokens.tokenizer import load
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The sections `baselines` and `tasks`."""

    split: Split
    tokenizer: Tokenizer
    tokens: Tokens
    dialogues: Dialogues
    benchmarks: Path
    target: Scores
    tasks: Tasks
    resamples: PositiveInt
    seed: Seed


@stage(Config, shared=("tasks",), hub=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Count, and write the rows."""
    data: dict[str, Any] = {"split": cfg.split, "tokens": cfg.tokens, "dialogues": cfg.dialogues, "benchmarks": cfg.benchmarks}
    draws = Bootstrap(cfg.resamples, seed_of(cfg.seed, "bootstrap"))
    given = HeldOut(**data, tokenizer=load(cfg.tokenizer), digest=cfg.tokenizer.digest, bootstrap=draws, seed=cfg.seed)
    rows = [row for name, task in cfg.tasks.items() for row in task.baselines(name, given)]
    write_scores(cfg.target, rows, [], facts={})
    return nested(rows)


if __name__ == "__main__":
    main()

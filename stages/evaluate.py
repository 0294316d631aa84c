"""Evaluate one model on all tasks, and say how sure each score is.

reads   one of models                               Candidate: ours, or other people's
        data/{tokenizer,tokenize,split,dialogues}   Tokenizer, Tokens, Split, Dialogues
        data/benchmarks                             published benchmarks, if a task asks for one; or the hub's
writes  data/evaluate/<model>                       Scores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.candidate import Candidate
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import Seed, seed_of
from pipeline.evaluate.examine import examine
from pipeline.evaluate.table import nested, write_scores
from pipeline.evaluate.tasks import Tasks
from pipeline.model.disk import tokenizer_digest
from pipeline.text.splitting.held_out_index import OverlapConfig
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The sections `evaluate` and `tasks`, and one of `models`."""

    model: Candidate
    tokenizer: Tokenizer
    tokens: Tokens
    split: Split
    dialogues: Dialogues
    benchmarks: Path
    target: Scores
    tasks: Tasks
    overlap: OverlapConfig
    resamples: PositiveInt
    batch_size: PositiveInt
    seed: Seed


@stage(Config, shared=("tasks",), each=("models", "model"), hub=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    how: dict[str, Any] = {"bootstrap": Bootstrap(cfg.resamples, seed_of(cfg.seed, "bootstrap")), "seed": cfg.seed, "device": run.device}
    data = (cfg.split, cfg.tokens, cfg.tokenizer, cfg.dialogues, (cfg.benchmarks, cfg.overlap, run.memory))
    rows, records = examine(name := cfg.target.path.name, cfg.model, cfg.tasks, data=data, batch_size=cfg.batch_size, **how)
    facts = {"model": cfg.model.digest, "tokenizer": tokenizer_digest(cfg.model)} | ({} if cfg.model.ours else {"ours": False})
    write_scores(cfg.target, rows, records, facts=facts)
    return dict(nested(rows).get(name, {}))


if __name__ == "__main__":
    main()

"""Teach a new model to predict the next token of the text.

reads   data/tokenizer   Tokenizer
reads   data/tokenize    Tokens
reads   data/init_from   a model to go on from; only if one lies there
writes  data/pretrain    Model and samples.json
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.model import count, disk, memory
from pipeline.model.build import Shape
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate, refuse_beyond_memory
from pipeline.model.objective import LossSettings, NextToken
from pipeline.model.start import start
from pipeline.tokens.rows import open_rows
from pipeline.tokens.tokenizer import load
from pipeline.train.fit import Fitting, fit
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Fitting, LossSettings):
    """The section `pretrain`: the recipe's keys, the loss's and these."""

    source: Tokens
    tokenizer: Tokenizer
    target: Model
    shape: Shape
    evaluation: Evaluation
    final_evaluation: SlidingWindow


@stage(Config, ranks=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Build, fit, save, evaluate on held-out text."""
    cfg.shape.refuse_compile(cfg.compile)
    train, val = (open_rows(cfg.source, part, tokenizer_digest=cfg.tokenizer.digest) for part in ("train", "val"))
    codec, seed = load(cfg.tokenizer), seed_of(cfg.seed, "pretrain")
    module = start(cfg.shape, cfg.tokenizer, seed=seed)
    score = lambda module: evaluate(module, val, codec, cfg.evaluation, seed=seed)  # noqa: E731
    objective = NextToken(train, context=cfg.shape.context, z_loss=cfg.z_loss, loss_mean=cfg.loss_mean)
    objective.need(module).refuse_beyond(memory.free(run.device), rows=cfg.micro_batch, key=f"{run.section}.micro_batch")
    refuse_beyond_memory(module, cfg.evaluation, cfg.final_evaluation, length=train.length, device=run.device, section=run.section)
    trained, samples = fit(module, objective, cfg, Workspace.of(run), matrices=count.matrices(module), evaluate=score, seed=seed)
    run.only_first_rank()
    disk.save(module, cfg.target, tokenizer=cfg.tokenizer, facts={"steps": trained.amount["steps"]}, sides={"samples.json": samples})
    run.curve(trained.history)
    size = count.size(module, length=train.length)
    return size | trained.amount | {"train_loss": trained.history[-1]["loss"], "val": bits_per_byte(module, val, cfg.final_evaluation)}


if __name__ == "__main__":
    main()

"""Teach a new model to predict the next token of the text.

reads   data/tokenizer   Tokenizer
reads   data/tokenize    Tokens
writes  data/pretrain    Model and samples.json
"""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.model import count, disk
from pipeline.model.build import Shape, build
from pipeline.model.held_out import Glimpse, Measure, glimpse, measure
from pipeline.model.objective import NextToken
from pipeline.tokens.shards import open_rows
from pipeline.tokens.tokenizer import load
from pipeline.train.loop import Desk, Recipe, fit
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Recipe):
    """The section `pretrain`: the recipe's keys and these."""

    source: Tokens
    tokenizer: Tokenizer
    target: Model
    shape: Shape
    glimpse: Glimpse
    measure: Measure
    seed: int


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Build, fit, save, measure on held-out text."""
    train, val = (open_rows(cfg.source, part, tokenizer_digest=cfg.tokenizer.digest) for part in ("train", "val"))
    codec, seed = load(cfg.tokenizer), seed_of(cfg.seed, "pretrain")
    module = build(asdict(cfg.shape), vocabulary=codec.get_vocab_size(), seed=seed)
    desk = Desk(scratch=run.scratch, device=run.device, track=run.track)
    look = lambda module: glimpse(module, val, codec, cfg.glimpse, seed=seed)  # noqa: E731
    objective = NextToken(train, context=cfg.shape.context)
    history = fit(module, objective, cfg, matrices=count.matrices(module), look=look, desk=desk, seed=seed)
    disk.save(module, cfg.target, tokenizer=cfg.tokenizer, facts={"steps": cfg.steps}, sides={"samples.json": history.samples})
    run.curve(history.rows)
    size = {"parameters": count.parameters(module), "training_flops_per_token": count.training_flops(module, length=train.length)}
    done = {"steps": cfg.steps, "tokens": cfg.steps * cfg.batch_tokens, "train_loss": history.rows[-1]["loss"]}
    return size | done | {"val": measure(module, val, cfg.measure)}


if __name__ == "__main__":
    main()

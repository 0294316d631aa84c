"""Teach a new model the text, by default to predict the next token.

reads   data/tokenizer   Tokenizer
reads   data/tokenize    Tokens
reads   data/init_from   a model to go on from; only if one lies there
writes  data/pretrain    Model and samples.json
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.model import Model
from pipeline.core.seed import seed_of
from pipeline.model import count, disk
from pipeline.model.held_out import of_teachers
from pipeline.pretraining.taught import Pretraining, taught
from pipeline.train.kept import kept
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Pretraining):
    """The section `pretrain`: the recipe's keys, those of what is taught, and this."""

    target: Model


@stage(Config, ranks=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Build, fit, save, evaluate on held-out text."""
    aim, data, place = cfg.objective, cfg.data(), Workspace.of(run)
    own = taught(cfg, data, place)
    run.only_first_rank()
    facts, sides = {"steps": own.trained.amount["steps"], **aim.facts}, {"samples.json": own.samples}
    earlier = ((step, aim.kept(one)) for step, one in kept(place, own.module))
    module, window = aim.kept(own.module), cfg.final_evaluation
    disk.save(module, cfg.target, tokenizer=cfg.tokenizer, facts=facts, sides=sides, earlier=earlier)
    run.curve(own.trained.history)
    size = count.size(module, length=data.train.length) | own.trained.amount
    held_out = aim.figures(own.module, data, window, seed=seed_of(cfg.seed, "pretrain"))
    taught_by = {"teachers": of_teachers(own.teachers, data.held_out, window)} if own.teachers else {}
    return size | {"train_loss": own.trained.history[-1]["loss"], "val": held_out} | taught_by


if __name__ == "__main__":
    main()

"""Teach a new model the text, by default to predict the next token.

reads   data/tokenizer   Tokenizer
reads   data/tokenize    Tokens
reads   data/init_from   a model to go on from; only if one lies there
writes  data/pretrain    Model and samples.json
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.model import count, disk, memory
from pipeline.model.distillation import Ensemble, Soft
from pipeline.model.held_out import of_teachers, refuse_beyond_memory
from pipeline.model.objectives.base import Data, Terms
from pipeline.model.objectives.choice import Teaching
from pipeline.tokens.rows import open_rows
from pipeline.tokens.tokenizer import load
from pipeline.train.apart import fitted_apart
from pipeline.train.fit import Fitting, Samples, fit
from pipeline.train.kept import kept
from pipeline.train.workspace import Trained, Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Fitting, Teaching):
    """The section `pretrain`: the recipe's keys, those of what is taught, and these."""

    source: Tokens
    tokenizer: Tokenizer
    target: Model

    def __post_init__(self) -> None:
        super().__post_init__()
        self.objective.agree(self)


@dataclass(frozen=True)
class Taught:
    """A model, what its training tells, and whom it learned from besides the text."""

    module: PreTrainedModel
    trained: Trained
    samples: Samples
    teachers: Sequence[PreTrainedModel]


@stage(Config, ranks=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Build, fit, evaluate on held-out text, save."""
    train, val = (open_rows(cfg.source, part, tokenizer_digest=cfg.tokenizer.digest) for part in ("train", "val"))
    aim, data, place = cfg.objective, Data(train, val, load(cfg.tokenizer)), Workspace.of(run)
    own = taught(cfg, data, place)
    run.only_first_rank()
    facts, sides = {"steps": own.trained.amount["steps"], **aim.facts}, {"samples.json": own.samples}
    module, earlier = aim.kept(own.module), ((step, aim.kept(one)) for step, one in kept(place, own.module))
    disk.save(module, cfg.target, tokenizer=cfg.tokenizer, facts=facts, sides=sides, earlier=earlier)
    run.curve(own.trained.history)
    size, final = count.size(module, length=train.length) | own.trained.amount, cfg.final_evaluation
    held_out = aim.figures(own.module, data, final, seed=seed_of(cfg.seed, "pretrain"))
    judged = {"train_loss": own.trained.history[-1]["loss"], "val": held_out}
    return size | judged | ({"teachers": of_teachers(own.teachers, val, final)} if own.teachers else {})


def taught(cfg: Config, data: Data, place: Workspace) -> Taught:
    """The teachers, where there are any, and the model."""
    aim, train = cfg.objective, data.train

    def begun(own: Config) -> PreTrainedModel:
        return aim.start(cfg.shape, cfg.tokenizer, seed=seed_of(own.seed, "pretrain"))

    def learned(module: PreTrainedModel, own: Config, place: Workspace, soft: Soft | None = None) -> tuple[Trained, Samples]:
        seed, terms = seed_of(own.seed, "pretrain"), Terms(cfg.z_loss, cfg.loss_mean, soft)
        objective = aim.over(train, context=cfg.shape.context, seed=seed, terms=terms)
        objective.need(module).refuse_beyond(memory.free(place.device), rows=cfg.micro_batch, key=f"{place.section}.micro_batch")
        refuse_beyond_memory(module, cfg.evaluation, cfg.final_evaluation, length=train.length, device=place.device, section=place.section)
        score = lambda module: aim.evaluate(module, data, cfg.evaluation, seed=seed)  # noqa: E731
        return fit(module, objective, own, place, matrices=count.matrices(module), evaluate=score, seed=seed)

    apart = [replace(cfg, seed=seed_of(cfg.seed, "teacher", number), keep=0) for number in range(cfg.distillation.teachers)]
    teachers = fitted_apart(apart, place, begun, learned)
    module = begun(cfg)
    return Taught(module, *learned(module, cfg, place, Soft(Ensemble(teachers), cfg.distillation) if teachers else None), teachers)


if __name__ == "__main__":
    main()

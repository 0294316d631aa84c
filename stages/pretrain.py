"""Teach a new model to predict the next token of the text.

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
from pipeline.model.build import Shape
from pipeline.model.distillation import Ensemble, Soft
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate, of_teachers, refuse_beyond_memory
from pipeline.model.objective import LossSettings, NextToken
from pipeline.model.start import start
from pipeline.tokens.rows import Rows, open_rows
from pipeline.tokens.tokenizer import load
from pipeline.train.apart import fitted_apart
from pipeline.train.fit import Fitting, Samples, fit
from pipeline.train.kept import kept
from pipeline.train.workspace import Trained, Workspace
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


@dataclass(frozen=True)
class Taught:
    """A model, what its training tells, and whom it learned from besides the text."""

    module: PreTrainedModel
    trained: Trained
    samples: Samples
    teachers: Sequence[PreTrainedModel]


@stage(Config, ranks=True)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Build, fit, save, evaluate on held-out text."""
    cfg.shape.refuse_compile(cfg.compile)
    train, val = (open_rows(cfg.source, part, tokenizer_digest=cfg.tokenizer.digest) for part in ("train", "val"))
    place, final = Workspace.of(run), cfg.final_evaluation
    own = taught(cfg, train, val, place)
    run.only_first_rank()
    facts, sides = {"steps": own.trained.amount["steps"]}, {"samples.json": own.samples}
    disk.save(own.module, cfg.target, tokenizer=cfg.tokenizer, facts=facts, sides=sides, earlier=kept(place, own.module))
    run.curve(own.trained.history)
    size = count.size(own.module, length=train.length) | own.trained.amount
    judged = {"train_loss": own.trained.history[-1]["loss"], "val": bits_per_byte(own.module, val, final)}
    return size | judged | ({"teachers": of_teachers(own.teachers, val, final)} if own.teachers else {})


def taught(cfg: Config, train: Rows, val: Rows, place: Workspace) -> Taught:
    """The teachers, where there are any, and the model."""
    codec = load(cfg.tokenizer)

    def begun(own: Config) -> PreTrainedModel:
        return start(cfg.shape, cfg.tokenizer, seed=seed_of(own.seed, "pretrain"))

    def learned(module: PreTrainedModel, own: Config, place: Workspace, soft: Soft | None = None) -> tuple[Trained, Samples]:
        objective = NextToken(train, context=cfg.shape.context, z_loss=cfg.z_loss, loss_mean=cfg.loss_mean, soft=soft)
        objective.need(module).refuse_beyond(memory.free(place.device), rows=cfg.micro_batch, key=f"{place.section}.micro_batch")
        refuse_beyond_memory(module, cfg.evaluation, cfg.final_evaluation, length=train.length, device=place.device, section=place.section)
        seed = seed_of(own.seed, "pretrain")
        score = lambda module: evaluate(module, val, codec, cfg.evaluation, seed=seed)  # noqa: E731
        return fit(module, objective, own, place, matrices=count.matrices(module), evaluate=score, seed=seed)

    apart = [replace(cfg, seed=seed_of(cfg.seed, "teacher", number), keep=0) for number in range(cfg.distillation.teachers)]
    teachers = fitted_apart(apart, place, begun, learned)
    module = begun(cfg)
    return Taught(module, *learned(module, cfg, place, Soft(Ensemble(teachers), cfg.distillation) if teachers else None), teachers)


if __name__ == "__main__":
    main()

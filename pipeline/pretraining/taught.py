"""A base model, and the models that it learns from besides the text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.memory import OutOfMemory
from pipeline.core.seed import seed_of
from pipeline.model import count, memory
from pipeline.model.distillation import Ensemble, Soft
from pipeline.model.held_out import refuse_beyond_memory
from pipeline.model.memory import Need
from pipeline.model.objectives.base import Data, Terms
from pipeline.model.objectives.choice import Teaching
from pipeline.tokens.rows import open_rows
from pipeline.tokens.tokenizer import load
from pipeline.train import processes
from pipeline.train.apart import fitted_apart
from pipeline.train.fit import Fitting, Samples, fit
from pipeline.train.phases import ranks_that_share
from pipeline.train.workspace import Trained, Workspace


@dataclass(frozen=True, kw_only=True)
class Pretraining(Fitting, Teaching):
    """How, what, and from which rows."""

    source: Tokens
    tokenizer: Tokenizer

    def __post_init__(self) -> None:
        super().__post_init__()
        self.objective.agree(self)
        if self.distillation.teachers and self.rebases:
            raise ValueError("a teacher whose phases change the base of RoPE could not be read back after a kill: distillation.teachers=0")

    def ranks_that_share(self, most: int) -> int:
        """The highest number of processes, up to `most`, that can take each step together."""
        rows = open_rows(self.source, "train", tokenizer_digest=self.tokenizer.digest)
        batch, phases = {"batch_tokens": self.batch_tokens, "micro_batch": self.micro_batch}, self.phases or ()
        return ranks_that_share(most, **batch, length=rows.length, phases=phases)

    def data(self) -> Data:
        """The rows of train and val, and their tokenizer."""
        train, val = (open_rows(self.source, part, tokenizer_digest=self.tokenizer.digest) for part in ("train", "val"))
        return Data(train, val, load(self.tokenizer))


@dataclass(frozen=True)
class Taught:
    """A model, what its training tells, and whom it learned from."""

    module: PreTrainedModel
    trained: Trained
    samples: Samples
    teachers: Sequence[PreTrainedModel]


def taught(recipe: Pretraining, data: Data, place: Workspace) -> Taught:
    """Teachers one after another, each from a seed of its own, then the model. The same arguments give the same bits, also after a kill.

    OutOfMemory where a step, or what is read at once in between, takes more than is free.
    """
    apart = [replace(recipe, seed=seed_of(recipe.seed, "teacher", number), keep=0) for number in range(recipe.distillation.teachers)]
    teachers = fitted_apart(apart, place, _begun, lambda module, own, place: _learned(module, own, data, place))
    module = _begun(recipe)
    trained, samples = _learned(module, recipe, data, place, Soft(Ensemble(teachers), recipe.distillation) if teachers else None)
    return Taught(module, trained, samples, teachers)


def _begun(recipe: Pretraining) -> PreTrainedModel:
    return recipe.objective.start(recipe.shape, recipe.tokenizer, seed=seed_of(recipe.seed, "pretrain"))


def _learned(
    module: PreTrainedModel, recipe: Pretraining, data: Data, place: Workspace, soft: Soft | None = None
) -> tuple[Trained, Samples]:
    seed, terms = seed_of(recipe.seed, "pretrain"), Terms(recipe.z_loss, recipe.loss_mean, soft)
    objective = recipe.objective.over(data.train, context=recipe.shape.context, seed=seed, terms=terms)
    _refuse_beyond_memory(objective.need(module), recipe, place)
    refuse_beyond_memory(
        module, recipe.evaluation, recipe.final_evaluation, length=data.train.length, device=place.device, section=place.section
    )

    def score(one: Any) -> tuple[dict[str, float], list[str]]:
        return recipe.objective.evaluate(one, data, recipe.evaluation, seed=seed)

    return fit(module, objective, recipe, place, matrices=count.matrices(module), evaluate=score, seed=seed)


def _refuse_beyond_memory(need: Need, recipe: Pretraining, place: Workspace) -> None:
    """OutOfMemory where a step takes more than is free; on a CPU all ranks of the machine share that."""
    free, sharing = memory.free(place.device), processes.here() if place.device == "cpu" else 1
    try:
        need.refuse_beyond(None if free is None else free // sharing, rows=recipe.micro_batch, key=f"{place.section}.micro_batch")
    except OutOfMemory as fault:
        if sharing == 1:
            raise
        raise OutOfMemory(f"{fault.message}, for each of {sharing} processes", mend="hardware.ranks=1") from fault

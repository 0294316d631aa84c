"""One module, one objective: batches, accumulation, precision, evaluation at intervals."""

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.train.checkpoint import below, load_weights, prefixed, weights_of
from pipeline.train.duration import Pace
from pipeline.train.loop import train
from pipeline.train.muon import MuonSettings
from pipeline.train.optimizer import AdamWSettings, Optimizers
from pipeline.train.recipe import Recipe, rows_a_step
from pipeline.train.schedule import rows_of, warmup_stable_decay
from pipeline.train.settle import settled
from pipeline.train.workspace import Row, Trained, Workspace


@runtime_checkable
class Objective(Protocol):
    """Rows of one length, and what a module loses on some of them."""

    rows: int
    tokens: int  # a row

    def loss(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str) -> tuple[Tensor, int]:
        """The sum of losses over what these rows predict, and how many predictions that are."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fitting(Recipe):
    """How one module is fitted to an objective."""

    batch_tokens: PositiveInt  # a step, over all ranks
    micro_batch: PositiveInt  # rows at once; memory, and the last bits of sums
    precision: Literal["fp32", "bf16"]  # of the products; weights stay fp32
    compile: bool
    warmup_ratio: NonNegativeFloat  # share of the steps
    decay_ratio: NonNegativeFloat  # share of the steps
    adamw: AdamWSettings
    muon: MuonSettings | None  # None: AdamW moves everything
    log_every: PositiveInt  # steps
    eval_every: PositiveInt  # steps

    def __post_init__(self) -> None:
        if self.warmup_ratio + self.decay_ratio > 1:
            raise ValueError(f"warmup_ratio {self.warmup_ratio} and decay_ratio {self.decay_ratio} overlap: together they are at most 1")


Evaluate = Callable[[nn.Module], tuple[dict[str, float], list[str]]]
Samples = list[dict[str, Any]]  # {step, texts}


def fit(
    module: nn.Module,
    objective: Objective,
    recipe: Fitting,
    workspace: Workspace,
    *,
    matrices: Collection[str],
    evaluate: Evaluate,
    seed: int,
) -> tuple[Trained, Samples]:
    """Train the module in place; the history by step and its amount, and the texts that `evaluate` returned beside its numbers.

    `matrices` names the weights for Muon; `evaluate` reads the module every eval_every steps. PipelineError for a batch that doesn't
    come out even, or a loss that is no number.
    """
    batch = rows_a_step(recipe.batch_tokens, micro_batch=recipe.micro_batch, tokens=objective.tokens, section=workspace.section)
    if not objective.rows:
        raise PipelineError("there is no row to train on", mend="more text, or a larger share for train (split)")
    module.to(workspace.device)
    pace = Pace(objective.rows, batch, recipe.batch_tokens)

    def trial(short: Fitting, place: Workspace) -> None:
        every = replace(short, log_every=1, eval_every=short.steps)
        fit(copy.deepcopy(module), objective, every, place, matrices=matrices, evaluate=evaluate, seed=seed)

    recipe = settled(recipe, pace, workspace, trial, {recipe.eval_every: lambda: evaluate(module.eval())})
    module.train()
    learner = _Fit(module, objective, recipe, workspace, batch, Optimizers(module, matrices, recipe.adamw, recipe.muon), evaluate, seed)
    history = train(learner, recipe, workspace)
    module.eval()
    return Trained(history, pace.told(recipe.steps)), learner.samples


@dataclass
class _Fit:
    """The learner of fit. Between two rows of the history it sums the losses up."""

    module: nn.Module
    objective: Objective
    recipe: Fitting
    workspace: Workspace
    batch: int
    optimizers: Optimizers
    evaluate: Evaluate
    seed: int
    samples: Samples = field(default_factory=list)
    loss_sum: float = 0.0
    count: int = 0

    def __post_init__(self) -> None:
        self.forward: Any = torch.compile(self.module) if self.recipe.compile else self.module
        self.per_step: Mapping[str, float] = {"tokens": self.recipe.batch_tokens}

    def step(self, step: int, *, last: bool) -> Row | None:
        recipe, done = self.recipe, step + 1
        factor = warmup_stable_decay(step, steps=recipe.steps, warmup=recipe.warmup_ratio, decay=recipe.decay_ratio)
        loss, count, norm = self._gradient(rows_of(step, batch=self.batch, rows=self.objective.rows, seed=self.seed))
        self.workspace.refuse_nan(done, loss=loss / max(1, count), norm=norm)
        self.optimizers.step(factor)
        self.loss_sum += loss
        self.count += count
        evaluated = last or done % recipe.eval_every == 0
        return self._row(done, factor, norm, evaluated=evaluated) if evaluated or done % recipe.log_every == 0 else None

    def _gradient(self, numbers: npt.NDArray[np.int64]) -> tuple[float, int, float]:
        """The sum of losses, the predictions, and the norm of the clipped mean gradient, which is left in the weights.

        Sums are accumulated and divided once, so micro-batches weigh by their predictions.
        """
        recipe, device = self.recipe, self.workspace.device
        weights = [weight for weight in self.forward.parameters() if weight.requires_grad]
        for weight in weights:
            weight.grad = None
        total, count = 0.0, 0
        for start in range(0, len(numbers), recipe.micro_batch):
            with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=recipe.precision == "bf16"):
                loss, some = self.objective.loss(self.forward, numbers[start : start + recipe.micro_batch], device)
            loss.backward()  # type: ignore[no-untyped-call]
            total, count = total + float(loss.detach()), count + some
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        torch._foreach_div_(gradients, float(max(1, count)))
        return total, count, float(nn.utils.clip_grad_norm_(weights, recipe.max_grad_norm))

    def _row(self, done: int, factor: float, norm: float, *, evaluated: bool) -> Row:
        """Close a row of the history; the loss is the mean since the last row."""
        row: Row = {"loss": self.loss_sum / max(1, self.count), "rate": factor, "norm": norm}
        if evaluated:
            self.module.eval()
            numbers, texts = self.evaluate(self.module)
            self.module.train()
            row |= numbers
            self.samples.append({"step": done, "texts": texts})
        self.loss_sum, self.count = 0.0, 0
        return row

    def tensors(self) -> dict[str, Tensor]:
        return prefixed("weights", weights_of(self.module)) | prefixed("optimizer", self.optimizers.tensors())

    def state(self) -> dict[str, Any]:
        return {"samples": self.samples, "loss_sum": self.loss_sum, "count": self.count}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        load_weights(self.module, below("weights", tensors))
        self.optimizers.load(below("optimizer", tensors))
        self.samples, self.loss_sum, self.count = state["samples"], state["loss_sum"], state["count"]

"""One module, one objective: batches, accumulation, precision, evaluation at intervals."""

import copy
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.core.errors import Diverged, PipelineError
from pipeline.train import fp8, ranks
from pipeline.train.average import Average, Averaging, ema_share, passes_share
from pipeline.train.checkpoint import below, load_weights, prefixed, weights_of
from pipeline.train.duration import Pace
from pipeline.train.guard import REFUSED, Guard, Spikes
from pipeline.train.kept import keep, steps_kept
from pipeline.train.learning import learning
from pipeline.train.loop import train
from pipeline.train.noise import noise
from pipeline.train.objective import Drawing, Foreseeing, Numbers, Objective
from pipeline.train.optimizers.choice import Choice, Optimizers
from pipeline.train.patience import HELD_OUT, Patience
from pipeline.train.phases import Phase, mean_batch
from pipeline.train.precision import LossScale, Precision, products
from pipeline.train.reading import Batch, Reader, refuse_phases
from pipeline.train.recipe import Recipe, rows_a_step
from pipeline.train.schedule import Schedule, rows_of
from pipeline.train.settle import settled
from pipeline.train.sharding import local, whole
from pipeline.train.workspace import Row, Trained, Workspace


@dataclass(frozen=True, kw_only=True)
class Fitting(Recipe, Schedule, Choice):
    """How one module is fitted to an objective."""

    batch_tokens: PositiveInt  # a step, over all ranks
    micro_batch: PositiveInt  # rows at once; memory, and the last bits of sums
    order: Literal["shuffled", "sequential"]  # in which rows are read, pass after pass; sequential: as they lie
    precision: Precision  # of the products; weights stay fp32
    compile: bool
    gradient_checkpointing: bool  # activations are computed again when they are needed
    phases: tuple[Phase, ...] | None  # None: one, of the whole data and batch
    averaging: Averaging
    spikes: Spikes
    early_stopping: PositiveInt | None  # evaluations in a row that bring no lower val_loss; None: all steps are taken
    keep: NonNegativeInt  # weights from along the way, at equal distances, beside the last ones
    seen_rows: NonNegativeInt  # of the training data, evaluated beside the held-out
    log_every: PositiveInt  # steps
    eval_every: PositiveInt  # steps

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        Choice.__post_init__(self)
        if bool(self.phases) != (self.schedule == "phases"):
            raise ValueError("phases are said where schedule=phases, and nowhere else: schedule=four_phase sets both")
        if self.phases and self.averaging.passes is not None:
            raise ValueError("averaging.passes counts passes of equal batches, which phases don't have: averaging.ema_decay does as well")
        if self.keep and self.early_stopping:
            raise ValueError("with early_stopping the weights that are kept along the way may be later than the best: keep=0")
        if self.rebases:
            if self.early_stopping:
                raise ValueError(
                    "early_stopping may give back weights from before a phase that changed the base of RoPE: early_stopping=null"
                )
            if self.keep:
                raise ValueError("weights from before a phase that changes the base of RoPE are no model with that base: keep=0")

    @property
    def rebases(self) -> bool:
        """Whether a phase changes the base of RoPE."""
        return any(phase.rope_theta is not None for phase in self.phases or ())

    @property
    def step_share(self) -> float:
        """Of a whole batch, what the mean step reads."""
        return mean_batch(self.phases) if self.phases else 1.0

    @property
    def least_steps(self) -> int:
        """One with the whole learning rate, where the warmup has a number of steps."""
        return (self.warmup_steps or 0) + 1


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
    batch = rows_a_step(
        recipe.batch_tokens, micro_batch=recipe.micro_batch, tokens=objective.tokens, ranks=ranks.world(), section=workspace.section
    )
    if not objective.rows:
        raise PipelineError("there is no row to train on", mend="more text, or a larger share for train (split)")
    if recipe.precision == "fp8":
        fp8.refuse_without(workspace.device, section=workspace.section)
    module.to(workspace.device)
    if recipe.phases:
        batches = {"batch_tokens": recipe.batch_tokens, "micro_batch": recipe.micro_batch}
        refuse_phases(recipe.phases, objective, module, **batches, section=workspace.section)
    pace = Pace(objective.rows, batch * recipe.step_share, recipe.batch_tokens * recipe.step_share)

    def trial(short: Fitting, place: Workspace) -> None:
        every = replace(short, log_every=1, eval_every=short.steps, keep=0)
        if short.phases:  # whole batches are timed
            every = replace(every, phases=None, schedule="linear", warmup_ratio=0.0)
        fit(copy.deepcopy(module), objective, every, place, matrices=matrices, evaluate=evaluate, seed=seed)

    recipe = settled(recipe, pace, workspace, trial, {recipe.eval_every: lambda: evaluate(module.eval())})
    if recipe.keep >= recipe.steps:
        message = f"{workspace.section}.keep={recipe.keep} models along the way, of a training of {recipe.duration}"
        raise PipelineError(message, mend=f"{workspace.section}.keep={recipe.steps - 1}, or a longer {workspace.section}.duration")
    with learning(module, matrices, workspace, precision=recipe.precision, recompute=recipe.gradient_checkpointing) as own:
        own.train()
        optimizers = Optimizers(own, matrices, recipe, section=workspace.section)
        learner = _Fit(own, objective, recipe, workspace, batch, optimizers, evaluate, seed)
        history = train(learner, recipe, workspace)
        if "loss" not in history[-1]:
            message = f"{workspace.section}: none of the {recipe.duration} was taken, all were refused ({workspace.scratch / REFUSED})"
            raise Diverged(message, mend=workspace.gentler)
        learner.give_back()
    learner.reader.hand_over(module)
    module.eval()
    taken = int(history[-1]["step"])
    return Trained(history, pace.told(taken) | learner.told(taken)), learner.samples


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
    shown: float | None = None  # the loss of the last row, for one whose steps were all refused
    norm: float = 0.0  # of the last step that was taken

    def __post_init__(self) -> None:
        recipe, place = self.recipe, self.workspace
        self._weights = [weight for weight in self.module.parameters() if weight.requires_grad]
        self.forward: Any = torch.compile(self.module) if recipe.compile else self.module
        self.reader = Reader(
            self.objective,
            recipe.phases,
            steps=recipe.steps,
            batch_tokens=recipe.batch_tokens,
            micro_batch=recipe.micro_batch,
            seed=self.seed if recipe.order == "shuffled" else None,
        )
        self.per_step: Mapping[str, float] = {"tokens": recipe.batch_tokens}
        self.costs: dict[int, int] = {}  # operations a token, by the length of rows
        self.guard = Guard(recipe.spikes, place)
        self.scale = LossScale(recipe.precision == "fp16", place.section)
        self.average, self.patience = Average(self.module), Patience(recipe.early_stopping, place.section)
        self.kept = steps_kept(recipe.keep, steps=recipe.steps)

    @property
    def finished(self) -> bool:
        """Whether nothing better came for long enough."""
        return self.patience.over

    def step(self, step: int, *, last: bool) -> Row | None:
        recipe, done = self.recipe, step + 1
        factor = self.reader.course.factor(step) if recipe.phases else recipe.factor(step, steps=recipe.steps)
        self.reader.prepare(self.module, step)
        batch = self.reader.batch(step)
        self.per_step = self._worked(batch)
        if isinstance(batch.objective, Drawing):
            batch.objective.draw(step)
        self.optimizers.probe(step, lambda: self._probe(step, batch))
        loss, count = self._gradient(batch, None if last else self.reader.batch(done))
        norm = float(whole(nn.utils.clip_grad_norm_(self._weights, recipe.max_grad_norm)))
        if math.isfinite(loss) and self.scale.overflowed(done, norm):  # the loss is true all the same
            self.loss_sum, self.count = self.loss_sum + loss, self.count + count
        elif self.guard.passes(done, batch.numbers, loss=loss / max(1, count), norm=norm):
            self.optimizers.step(factor)
            self.loss_sum, self.count, self.norm = self.loss_sum + loss, self.count + count, norm
        self._add_to_average(step)
        if done in self.kept:
            with self.average.in_place():
                keep(self.workspace, self.module, step=done)
        evaluated = last or done % recipe.eval_every == 0
        return self._row(done, factor, evaluated=evaluated) if evaluated or done % recipe.log_every == 0 else None

    def _worked(self, batch: Batch) -> dict[str, float]:
        """What a step works through."""
        own = batch.objective
        if isinstance(own, Foreseeing) and own.tokens not in self.costs:
            self.costs[own.tokens] = own.flops(self.module)
        cost = self.costs.get(own.tokens)
        return {"tokens": batch.tokens, **({} if cost is None else {"flops": batch.tokens * cost})}

    def _probe(self, step: int, batch: Batch) -> None:
        """The gradient at the weights as they are, under the same noise each time."""
        with noise(self.recipe.seed, step, self.workspace.device, rank=ranks.rank()):
            self._gradient(batch, batch)

    def _gradient(self, batch: Batch, following: Batch | None) -> tuple[float, int]:
        """The sum of losses and the predictions of all ranks; the mean gradient is left in the weights. `following` comes next.

        Sums are accumulated and divided once, so micro-batches weigh by their predictions.
        """
        recipe, device = self.recipe, self.workspace.device
        for weight in self._weights:
            weight.grad = None
        factor = self.scale.factor(recipe.batch_tokens)
        shared, coming = ranks.share(batch.numbers), ranks.share(following.numbers) if following else batch.numbers[:0]
        total, count = torch.zeros((), dtype=torch.float64, device=device), 0
        for start in range(0, len(shared), batch.at_once):
            numbers = shared[start : start + batch.at_once]
            with products(recipe.precision, device):
                loss, some = batch.objective.loss(self.forward, numbers, device)
            if start + batch.at_once < len(shared):
                _expect(batch.objective, shared[start + batch.at_once :][: batch.at_once], device)
            elif following:
                _expect(following.objective, coming[: following.at_once], device)
            (loss * factor if factor != 1 else loss).backward()  # type: ignore[no-untyped-call]
            total, count = total + loss.detach(), count + some
        loss_sum, count = ranks.summed(total, count, self._weights)
        gradients = [local(weight.grad) for weight in self._weights if weight.grad is not None]
        torch._foreach_div_(gradients, float(max(1, count)) * factor)
        return loss_sum, count

    def _add_to_average(self, step: int) -> None:
        own, recipe = self.recipe.averaging, self.recipe
        if own.ema_decay is not None:
            self.average.add(ema_share(step, decay=own.ema_decay))
        elif own.passes is not None:
            self.average.add(passes_share(step, passes=own.passes, steps=recipe.steps, batch=self.batch, rows=self.objective.rows))

    def _row(self, done: int, factor: float, *, evaluated: bool) -> Row:
        """Close a row of the history; the loss is the mean since the last row."""
        self.shown = self.loss_sum / self.count if self.count else self.shown
        row: Row = ({} if self.shown is None else {"loss": self.shown}) | {"rate": factor, "norm": self.norm}
        if self.recipe.spikes.action == "skip":
            row["skipped"] = self.guard.skipped
        if self.scale.on:
            row["loss_scale"] = self.scale.scale
        if evaluated:
            with self.average.in_place():
                row |= self._evaluated(done)
        self.loss_sum, self.count = 0.0, 0
        return row

    def _evaluated(self, done: int) -> Row:
        """The figures of the module as it would be kept, and its texts put by."""
        self.module.eval()
        numbers, texts = ranks.of_first(self.evaluate(self.module), self.workspace.device)  # all of them go by the same figures
        self.patience.see(done, numbers, self.module)
        self.samples.append({"step": done, "texts": texts})
        seen = self._seen()
        self.module.train()
        return numbers | seen | ({"gap": numbers[HELD_OUT] - seen["seen_loss"]} if seen and HELD_OUT in numbers else {})

    @torch.no_grad()
    def _seen(self) -> dict[str, float]:
        """The loss on rows of the first pass, all of which were learned from once it is over: what is below val_loss is known by heart."""
        if not self.recipe.seen_rows:
            return {}
        numbers = rows_of(0, batch=min(self.recipe.seen_rows, self.objective.rows), rows=self.objective.rows, seed=self.seed)
        total, count = 0.0, 0
        for start in range(0, len(numbers), self.recipe.micro_batch):
            loss, some = self.objective.loss(self.module, numbers[start : start + self.recipe.micro_batch], self.workspace.device)
            total, count = total + float(loss), count + some
        return {"seen_loss": total / max(1, count)}

    def give_back(self) -> None:
        """Put into the module what is kept: the mean of the weights, or those that were best."""
        self.average.take()
        self.patience.take(self.module)

    def told(self, steps: int) -> dict[str, float]:
        """For the metrics, beside the amount."""
        read = self.reader.course.told(steps) if self.recipe.phases else {}
        return read | self.patience.told() | ({"skipped_steps": self.guard.skipped} if self.recipe.spikes.action == "skip" else {})

    def tensors(self) -> dict[str, Tensor]:
        parts = {"weights": weights_of(self.module), "optimizer": self.optimizers.tensors()}
        parts |= {"average": self.average.tensors(), "best": self.patience.kept}
        return {name: one for part, tensors in parts.items() for name, one in prefixed(part, tensors).items()}

    def state(self) -> dict[str, Any]:
        own = {"samples": self.samples, "loss_sum": self.loss_sum, "count": self.count, "shown": self.shown, "norm": self.norm}
        return own | {"guard": self.guard.state(), "scale": self.scale.state(), "patience": self.patience.state()}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        load_weights(self.module, below("weights", tensors))
        self.optimizers.load(below("optimizer", tensors))
        self.average.load(below("average", tensors))
        self.patience.load(below("best", tensors), state["patience"], self.module)
        self.guard.load(state["guard"])
        self.scale.load(state["scale"])
        self.samples, self.loss_sum, self.count, self.shown, self.norm = (
            state[name] for name in ("samples", "loss_sum", "count", "shown", "norm")
        )


def _expect(objective: Objective, numbers: Numbers, device: str) -> None:
    """Have the rows got ready that come next."""
    if isinstance(objective, Foreseeing) and len(numbers):
        objective.expect(numbers, device)

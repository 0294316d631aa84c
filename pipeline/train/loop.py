"""The loop: batches, accumulation, clipping, precision, history, checkpoints, stopping."""

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of
from pipeline.train.checkpoint import Checkpoints, load_weights, weights_of
from pipeline.train.muon import MuonSettings
from pipeline.train.optimizer import AdamWSettings, Optimizers
from pipeline.train.schedule import rows_of, warmup_stable_decay
from pipeline.train.stop import Interrupted, Stop


@runtime_checkable
class Objective(Protocol):
    """Rows of one length, and what a module loses on some of them."""

    rows: int
    tokens: int  # a row

    def loss(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str) -> tuple[Tensor, int]:
        """The sum of losses over what these rows predict, and how many predictions that are."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. Steps are optimizer steps."""

    steps: PositiveInt
    batch_tokens: PositiveInt  # a step, over all ranks
    micro_batch: PositiveInt  # rows at once; memory, and the last bits of sums
    clip: PositiveFloat  # norm of the gradient
    precision: Literal["fp32", "bf16"]  # of the products; weights stay fp32
    compile: bool
    warmup: NonNegativeFloat  # share of the steps
    decay: NonNegativeFloat  # share of the steps
    adamw: AdamWSettings
    muon: MuonSettings | None  # None: AdamW moves everything
    log_every: PositiveInt  # steps
    look_every: PositiveInt  # steps
    checkpoint_every: PositiveInt  # steps


@dataclass
class History:
    """What happened: numbers by step, and what was seen when the module was looked at."""

    rows: list[dict[str, float | int]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)  # {step, texts}
    loss_sum: float = 0.0  # since the last row
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where the work is done."""

    scratch: Path  # for checkpoints
    device: str
    track: Callable[[int, dict[str, float]], None]  # told the numbers that pass


Look = Callable[[nn.Module], tuple[dict[str, float], list[str]]]


def fit(
    module: nn.Module, objective: Objective, recipe: Recipe, *, matrices: Collection[str], look: Look, desk: Desk, seed: int
) -> History:
    """Train the module in place and tell what happened.

    `matrices` names the weights for Muon; `look` reads the module at intervals and returns numbers and texts. The same
    arguments give the same bits; so does a run that was stopped or killed and started again with the same scratch.
    Interrupted after SIGTERM or Ctrl-C; PipelineError for a batch that doesn't come out even, or a loss that is no number.
    """
    batch = _rows_a_step(recipe, objective)
    module.to(desk.device).train()
    optimizers = Optimizers(module, matrices=matrices, adamw=recipe.adamw, muon=recipe.muon)
    checkpoints = Checkpoints(desk.scratch / "checkpoints", recipe.checkpoint_every)
    done, history = _resume(checkpoints, module, optimizers)
    forward = torch.compile(module) if recipe.compile else module
    clock = _Clock(done)
    with Stop() as stop:
        for step in progress(range(done, recipe.steps), "train", total=recipe.steps, start=done):
            factor = warmup_stable_decay(step, steps=recipe.steps, warmup=recipe.warmup, decay=recipe.decay)
            numbers = rows_of(step, batch=batch, rows=objective.rows, seed=seed)
            with _noise(seed, step, desk.device):
                loss, count, norm = _gradient(forward, objective, recipe, numbers, desk.device)
            _refuse_nan(loss / max(1, count), norm, step)
            optimizers.step(factor)
            history.loss_sum += loss
            history.count += count
            done, last = step + 1, step + 1 == recipe.steps
            if done % recipe.log_every == 0 or done % recipe.look_every == 0 or last:
                _note(history, module, look if done % recipe.look_every == 0 or last else None, step=done, factor=factor, norm=norm)
                desk.track(done, history.rows[-1] | {"tokens_per_second": clock.rate(done) * recipe.batch_tokens})
            if (checkpoints.due(done) or stop.asked) and not last:
                checkpoints.save(done, _tensors(module, optimizers), vars(history))
            if stop.asked and not last:
                raise Interrupted(done)
    module.eval()
    return history


def _rows_a_step(recipe: Recipe, objective: Objective) -> int:
    """Rows in one batch, or the arithmetic that doesn't come out."""
    unit = recipe.micro_batch * objective.tokens
    if recipe.batch_tokens % unit or recipe.batch_tokens < unit:
        message = (
            f"batch_tokens {recipe.batch_tokens} is no multiple of micro_batch {recipe.micro_batch} x length {objective.tokens} = {unit}"
        )
        raise PipelineError(message, mend=f"pretrain.batch_tokens={max(1, recipe.batch_tokens // unit) * unit}")
    if recipe.warmup + recipe.decay > 1:
        raise PipelineError(
            f"warmup {recipe.warmup} and decay {recipe.decay} overlap", mend=f"pretrain.decay={round(1 - recipe.warmup, 4)}"
        )
    if not objective.rows:
        raise PipelineError("there is no row to train on", mend="more text, or a larger share for train (split)")
    return recipe.batch_tokens // objective.tokens


def _resume(checkpoints: Checkpoints, module: nn.Module, optimizers: Optimizers) -> tuple[int, History]:
    """Steps done and history of the newest whole checkpoint, its state put back; or a beginning."""
    found = checkpoints.latest()
    if found is None:
        return 0, History()
    step, tensors, state = found
    load_weights(module, {name.removeprefix("weights/"): value for name, value in tensors.items() if name.startswith("weights/")})
    optimizers.load({name.removeprefix("optimizer/"): value for name, value in tensors.items() if name.startswith("optimizer/")})
    return step, History(**state)


def _tensors(module: nn.Module, optimizers: Optimizers) -> dict[str, Tensor]:
    weights = {f"weights/{name}": value for name, value in weights_of(module).items()}
    return weights | {f"optimizer/{name}": value for name, value in optimizers.tensors().items()}


def _gradient(forward: Any, objective: Objective, recipe: Recipe, numbers: npt.NDArray[np.int64], device: str) -> tuple[float, int, float]:
    """The sum of losses, the predictions, and the norm of the clipped mean gradient, which is left in the weights.

    Sums are accumulated and divided once, so micro-batches weigh by their predictions.
    """
    weights = [weight for weight in forward.parameters() if weight.requires_grad]
    for weight in weights:
        weight.grad = None
    total, count = 0.0, 0
    for start in range(0, len(numbers), recipe.micro_batch):
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=recipe.precision == "bf16"):
            loss, some = objective.loss(forward, numbers[start : start + recipe.micro_batch], device)
        loss.backward()  # type: ignore[no-untyped-call]
        total, count = total + float(loss.detach()), count + some
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    torch._foreach_div_(gradients, float(max(1, count)))
    return total, count, float(nn.utils.clip_grad_norm_(weights, recipe.clip))


@contextmanager
def _noise(seed: int, step: int, device: str) -> Iterator[None]:
    """A stream of its own for each step's dropout: a resumed run needs no state of it."""
    devices = [torch.cuda.current_device()] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed_of(seed, "noise", step))
        for number in devices:
            torch.cuda.default_generators[number].manual_seed(seed_of(seed, "noise", step))
        yield


def _refuse_nan(loss: float, norm: float, step: int) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        message = f"the loss is {loss} and the norm of its gradient {norm} in step {step + 1}"
        raise PipelineError(message, mend="lower the learning rates (pretrain.muon.lr, pretrain.adamw.lr), or pretrain.precision=fp32")


def _note(history: History, module: nn.Module, look: Look | None, *, step: int, factor: float, norm: float) -> None:
    """Close a row of the history; the mean loss is that of the steps since the last row."""
    row: dict[str, float | int] = {"step": step, "loss": history.loss_sum / max(1, history.count), "rate": factor, "norm": norm}
    if look:
        module.eval()
        numbers, texts = look(module)
        module.train()
        row |= numbers
        history.samples.append({"step": step, "texts": texts})
    history.rows.append(row)
    history.loss_sum, history.count = 0.0, 0


class _Clock:
    """Steps a second since it was asked last."""

    def __init__(self, step: int) -> None:
        self._step, self._time = step, time.perf_counter()

    def rate(self, step: int) -> float:
        now = time.perf_counter()
        rate = (step - self._step) / max(1e-9, now - self._time)
        self._step, self._time = step, now
        return rate

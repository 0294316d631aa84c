"""What methods that sample answers and learn from their rewards have in common: settings, and the step of a module."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from pipeline.align.guards import Alarms
from pipeline.align.needs import exploring
from pipeline.align.recipe import Precision
from pipeline.core.bounds import Fraction, ProperFraction
from pipeline.core.errors import PipelineError
from pipeline.model import memory
from pipeline.tokens.dialogues import ANSWER_STEP, Length, Pair, length_for
from pipeline.train.checkpoint import below, load_weights, prefixed, weights_of
from pipeline.train.optimizers.adamw import AdamWSettings
from pipeline.train.optimizers.base import Group
from pipeline.train.precision import LossScale, products
from pipeline.train.recipe import Recipe
from pipeline.train.workspace import Workspace

DRIFT = {"fp32": 1e-4, "fp16": 0.02, "bf16": 0.1}  # nats a token between sampling and the first update: other sums, the same policy
Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class Sampling(Recipe):
    """What conf sets for each of them."""

    max_length: Length  # tokens of a prompt and its answer
    max_dropped: Fraction  # share of the pairs, and of the prompts, that may be longer
    max_new_tokens: Length  # of an answer
    rollout_batch: PositiveInt  # answers a step
    mini_batch_size: PositiveInt  # answers an update
    micro_batch: PositiveInt | None  # answers at once, sampled or learned from; None: all of a step, all of an update
    precision: Precision  # of the products; weights stay fp32
    learning_rate: PositiveFloat  # of the policy; decays linearly to zero
    beta1: ProperFraction  # decay rates of Adam's moments
    beta2: ProperFraction
    kl_coef: NonNegativeFloat
    max_kl: PositiveFloat | None  # nats an answer after training; None: whatever it is
    missing_eos_penalty: NonNegativeFloat  # deviations of the reward
    alarms: Alarms

    def __post_init__(self) -> None:
        if self.micro_batch is not None and self.micro_batch > self.rollout_batch:
            raise ValueError(f"micro_batch {self.micro_batch} is above rollout_batch {self.rollout_batch}: it would have no effect")

    def settled(self, pairs: Sequence[Pair], *, context: int) -> Self:
        """With the room that the better answers ask for, where it is to be taken from them."""
        if self.max_new_tokens != "auto":
            return self
        lengths = [len(pair.chosen) for pair in pairs]
        return replace(self, max_new_tokens=length_for(lengths, step=ANSWER_STEP, most=context // 2))

    @property
    def new_tokens(self) -> int:
        """Tokens of an answer, at most."""
        if isinstance(self.max_new_tokens, str):
            raise ValueError("max_new_tokens is auto: settle it by the pairs")
        return self.max_new_tokens


def refuse_beyond_memory(learners: Sequence[PreTrainedModel], longest: int, recipe: Sampling, workspace: Workspace) -> None:
    """OutOfMemory when sampling or an update takes more than is free; prompts have at most `longest` tokens. The policy is the first."""
    rollout, update = exploring(learners, longest=longest, new=recipe.new_tokens)
    for rows, need in ((recipe.rollout_batch, rollout), (recipe.mini_batch_size, update)):
        at_once = min(recipe.micro_batch or rows, rows)
        need.refuse_beyond(memory.free(workspace.device), rows=at_once, key=f"{workspace.section}.micro_batch")


class Learning:
    """A module with the optimizer of what learns in it; a step is found in parts, as many as fit into memory."""

    def __init__(self, module: PreTrainedModel, *, rate: float, recipe: Sampling, place: Workspace) -> None:
        self.module, self._recipe, self._place = module, recipe, place
        self._scale = LossScale(recipe.precision == "fp16", place.section)
        settings = AdamWSettings(lr=rate, beta1=recipe.beta1, beta2=recipe.beta2, weight_decay=0.0, cautious=False)
        learning = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        self._optimizer = settings.build([Group(learning, rate, 0.0)])

    def move(
        self, figures: Callable[[Part], tuple[Tensor, ...]], parts: Sequence[tuple[Part, float]], *, factor: float, step: int
    ) -> list[float]:
        """One step down the first of the figures, each part weighed by its share; the figures of all of them.

        A step whose gradient overflows in fp16 is left out.
        """
        self.module.zero_grad()
        scale, found = self._scale.factor(1), []
        for part, share in parts:
            with products(self._recipe.precision, self._place.device):
                weighed = [figure * share for figure in figures(part)]
            (weighed[0] * scale if scale != 1 else weighed[0]).backward()  # type: ignore[no-untyped-call]
            found.append([figure.item() for figure in weighed])
        for weight in self.module.parameters() if scale != 1 else ():
            weight.grad = None if weight.grad is None else weight.grad / scale
        norm = float(clip_grad_norm_(self.module.parameters(), self._recipe.max_grad_norm))
        if not self._scale.overflowed(step + 1, norm):
            self._optimizer.step(factor)
        return [sum(column) for column in zip(*found, strict=True)]

    def tensors(self, name: str) -> dict[str, Tensor]:
        """All that it has learned and what its optimizer remembers."""
        return prefixed(f"{name}/weights", weights_of(self.module)) | prefixed(f"{name}/optimizer", self._optimizer.tensors())

    def state(self) -> dict[str, Any]:
        """The rest, as JSON."""
        return self._scale.state()

    def load(self, name: str, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Put back what tensors() and state() gave."""
        load_weights(self.module, below(f"{name}/weights", tensors))
        self._optimizer.load(below(f"{name}/optimizer", tensors))
        self._scale.load(dict(state))


class Drift:
    """How far the policy that learns stands from the one that sampled, before it has moved: a ratio of the two must begin at 1."""

    def __init__(self) -> None:
        self._largest = 0.0

    def forget(self) -> None:
        """Begin anew."""
        self._largest = 0.0

    def note(self, learned: Tensor, sampled: Tensor, mask: Tensor) -> None:
        """Log-probabilities of the same tokens; those of the mask count."""
        apart = (learned - sampled).detach().masked_fill(~mask, 0.0)
        self._largest = max(self._largest, apart.abs().max().item())

    def refused_beyond(self, precision: Precision, step: int, place: Workspace) -> float:
        """The most that was noted, nats a token."""
        if not self._largest <= DRIFT[precision]:
            message = f"{place.section} in step {step + 1}: sampled and learned log-probabilities differ by {self._largest:.2g} nats"
            raise PipelineError(message, mend=f"{place.section}.precision=fp32")
        return self._largest

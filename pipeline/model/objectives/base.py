"""What every objective of pretraining has."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import tokenizers
from numpy.random import Generator
from pydantic import ConfigDict
from torch import nn
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.model.ahead import Numbers
from pipeline.model.distillation import Distillation, Soft
from pipeline.model.held_out import Evaluation, SlidingWindow, glimpse
from pipeline.model.kind import Kind
from pipeline.model.objective import LossMean, NextToken
from pipeline.model.start import start
from pipeline.tokens.rows import Rows

S = TypeVar("S")
READ = "read"  # the name of the noise while a module is read


@dataclass(frozen=True)
class Terms:
    """What the loss of the next token may have besides, and only it has a use for."""

    z_loss: float = 0.0
    loss_mean: LossMean = "token"
    soft: Soft | None = None


PLAIN = Terms()


class Told(Protocol):
    """The keys of the section that an objective must agree with."""

    @property
    def shape(self) -> Any:
        """The shape of the module."""

    @property
    def micro_batch(self) -> int:
        """Rows at once."""

    @property
    def compile(self) -> bool:
        """Whether torch.compile is asked for."""

    @property
    def z_loss(self) -> float:
        """Of LossSettings."""

    @property
    def loss_mean(self) -> LossMean:
        """Of LossSettings."""

    @property
    def distillation(self) -> Distillation:
        """Of LossSettings."""


@dataclass(frozen=True)
class Data:
    """The rows that are learned from, those that are held out, and the tokenizer of both."""

    train: Rows
    held_out: Rows
    codec: tokenizers.Tokenizer


@dataclass(frozen=True, kw_only=True)
class ObjectiveKind(ABC):
    """The settings of an objective, and what the stage asks of it."""

    kind: str  # as conf/objective has it

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    masks: ClassVar[bool] = True  # whether it says itself which tokens see which
    facts: ClassVar[Mapping[str, Any]] = {}  # for the manifest of the model, where it is not an ordinary language model

    def agree(self, told: Told) -> None:
        """PipelineError where shape or recipe can't go with it: what would have no effect is one."""
        told.shape.refuse_compile(told.compile)
        if self.masks and not told.shape.any_mask:
            name = type(told.shape).__name__.lower()
            message = f"objective={self.kind} says which tokens see which, and a model of kind {name} can't be told"
            raise PipelineError(message, mend="model=qwen3")
        own = {"z_loss": told.z_loss, "loss_mean": told.loss_mean, "distillation.teachers": told.distillation.teachers}
        for key, value in {"z_loss": 0.0, "loss_mean": "token", "distillation.teachers": 0}.items():
            if self.masks and own[key] != value:
                raise PipelineError(
                    f"pretrain.{key}={own[key]} would have no effect on objective={self.kind}", mend=f"pretrain.{key}={value}"
                )

    def start(self, shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
        """The module to teach, fp32, on the CPU, in eval mode."""
        return start(shape, tokenizer, seed=seed)

    @abstractmethod
    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> NextToken:
        """What a module loses on these rows."""

    def evaluate(self, module: PreTrainedModel, data: Data, settings: Evaluation, *, seed: int) -> tuple[dict[str, float], list[str]]:
        """For the curve: the loss over some held-out rows (val_loss; the same rows and noise each time), and texts where it writes some."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        if not objective.rows:
            return {}, []
        numbers = glimpse(objective.rows, settings.rows, seed=seed)
        return {"val_loss": objective.mean(module, numbers, str(module.device), batch=settings.batch_size)}, []

    @abstractmethod
    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """After the last step, over all of the held-out text. None where there is none."""

    def kept(self, module: PreTrainedModel) -> PreTrainedModel:
        """What is saved of the module."""
        return module


class Noised(NextToken, Generic[S]):
    """An objective whose rows get noise: each row has a stream of its own in each step, and one while a module is read.

    So micro-batches, ranks and a resumed run draw the same, and what is held out is hidden alike each time.
    """

    def __init__(self, rows: Rows, *, context: int, seed: int, settings: S) -> None:
        super().__init__(rows, context=context)
        self._settings, self._seed, self._step = settings, seed, 0

    def draw(self, step: int) -> None:
        """The noise of this step comes next."""
        self._step = step

    def expect(self, numbers: Numbers, device: str) -> None:
        """Nothing: rows and noise are made when they are asked for."""

    def noise(self, module: nn.Module, numbers: Numbers) -> list[Generator]:
        """A stream for each row."""
        step = self._step if module.training else READ
        return [stream(self._seed, "row", int(number), step) for number in numbers]

"""The next token, and those after it by heads of their own, which are dropped when the model has learned (Gloeckle et al. 2024).

A head is a residual matrix behind the last norm, as in Cai et al. 2024 (Medusa), and shares the output matrix. Their losses weigh as in
DeepSeek-AI 2024, section 2.2.

batch B, time T, width D, vocabulary V
"""

import copy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model import memory
from pipeline.model.ahead import Numbers
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
from pipeline.model.kind import Kind
from pipeline.model.objective import NextToken
from pipeline.model.objectives.base import PLAIN, Data, ObjectiveKind, Terms, Told
from pipeline.model.start import start
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Rows

APART = ("bamba", "mamba2")  # kinds that read documents one by one


@dataclass(frozen=True, kw_only=True)
class MultiToken(ObjectiveKind):
    """The model that is saved is an ordinary one."""

    kind: Literal["multi_token"]
    heads: Annotated[int, Field(ge=1, le=16)]  # of tokens beyond the next
    weight: NonNegativeFloat  # of the mean of their losses, beside the loss of the next token

    masks: ClassVar[bool] = False

    def agree(self, told: Told) -> None:
        """Also kinds that read documents one by one, and torch.compile: what the heads say would be lost."""
        super().agree(told)
        if (name := type(told.shape).__name__.lower()) in APART:
            message = f"a model of kind {name} reads documents one by one, and objective=multi_token all at once"
            raise PipelineError(message, mend="objective=causal, or model=qwen3")
        if told.compile:
            raise PipelineError("objective=multi_token can't be compiled: its heads speak beside the module", mend="pretrain.compile=false")

    def start(self, shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
        """The module with its heads, which say at first what the next token is."""
        module = start(shape, tokenizer, seed=seed)
        module.set_output_embeddings(Heads(module.get_output_embeddings(), module.config.hidden_size, self.heads))  # type: ignore[no-untyped-call]
        return module

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> "TokensAhead":
        """The loss over rows; nothing in it is drawn by lot."""
        return TokensAhead(rows, context=context, terms=terms, settings=self)

    def evaluate(self, module: PreTrainedModel, data: Data, settings: Evaluation, *, seed: int) -> tuple[dict[str, float], list[str]]:
        """The loss of the next token over some rows, and texts that go on from held-out documents."""
        return evaluate(module, data.held_out, data.codec, settings, seed=seed)

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """Bits per byte, and the loss of each head by how far ahead its token stands."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        ahead = objective.nats_ahead(module, batch=settings.batch_size)
        return bits_per_byte(module, data.held_out, settings) | {"nats_ahead": ahead}

    def kept(self, module: PreTrainedModel) -> PreTrainedModel:
        """A copy of the module, with its own head alone."""
        found = copy.deepcopy(module)
        found.set_output_embeddings(heads_of(found).own)  # type: ignore[no-untyped-call]
        return found


class Heads(nn.Module):
    """In the place of the output matrix: what is expected of the tokens after the next is put by while it is asked for."""

    def __init__(self, own: nn.Linear, width: int, ahead: int) -> None:
        super().__init__()
        self.own = own
        parts = [nn.utils.skip_init(nn.Linear, width, width, bias=False) for _ in range(ahead)]  # draws nothing by lot
        for part in parts:
            nn.init.zeros_(part.weight)
        self.ahead = nn.ModuleList(parts)
        self.asked, self.said = False, list[Tensor]()

    @property
    def weight(self) -> Tensor:
        """The output matrix, by which the model's head is known."""
        found: Tensor = self.own.weight
        return found

    def forward(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """The logits of the next token."""
        if self.asked:
            self.said = [self.own(hidden + F.silu(part(hidden))) for part in self.ahead]
        logits: Tensor = self.own(hidden)
        return logits


class TokensAhead(NextToken):
    """Rows, and what a module with heads loses on them."""

    def __init__(self, rows: Rows, *, context: int, terms: Terms, settings: MultiToken) -> None:
        super().__init__(rows, context=context, **vars(terms))
        self._settings = settings

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """As NextToken; while a module learns also the mean over the heads of their nats, times the weight.

        A head's token must stand in the same document, or at its end; so it has fewer than the next token has.
        """
        if not module.training:
            return super().loss(module, numbers, device)
        with _asked(module) as heads:
            nats, count = super().loss(module, numbers, device)
            parts = self._parts(heads.said, numbers)
        return nats + self._settings.weight / len(parts) * torch.stack([part for part, _ in parts]).sum(), count

    def need(self, module: PreTrainedModel) -> memory.Need:
        """Also the logits of the heads."""
        plain = super().need(module)
        return memory.Need(plain.once, plain.row + memory.logits(module, tokens=self.tokens, copies=4 * self._settings.heads))

    @torch.no_grad()
    def nats_ahead(self, module: PreTrainedModel, *, batch: int) -> dict[str, float | None]:
        """Nats a token of each head over all rows, by how many tokens ahead it looks: 2 is the one after the next."""
        parts = []
        for begin in range(0, self.rows, batch):
            numbers = np.arange(begin, min(begin + batch, self.rows))
            with _asked(module.eval()) as heads:
                super().loss(module, numbers, str(module.device))
                parts.append([(float(nats), count) for nats, count in self._parts(heads.said, numbers)])
        sums = np.array(parts, np.float64).reshape(-1, self._settings.heads, 2).sum(0)
        return {str(number): float(nats / count) if count else None for number, (nats, count) in enumerate(sums, 2)}

    def _parts(self, said: list[Float[Tensor, "B T V"]], numbers: Numbers) -> list[tuple[Tensor, int]]:
        """The sum of nats of each head, and its predictions."""
        batch = self._rows.read(numbers)
        targets, positions = (torch.from_numpy(one).to(said[0].device) for one in (batch.targets, batch.positions))
        found = []
        for number, logits in enumerate(said, 1):
            later = shifted(targets, positions, by=number)
            nats = F.cross_entropy(logits.float().flatten(0, 1), later.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
            found.append((nats, int((later != IGNORE_INDEX).sum())))
        return found


class _asked:
    """While it is open, the heads of a module put by what they say."""

    def __init__(self, module: Any) -> None:
        self._heads = heads_of(module)

    def __enter__(self) -> Heads:
        self._heads.asked = True
        return self._heads

    def __exit__(self, *_: object) -> None:
        self._heads.asked, self._heads.said = False, []


def heads_of(module: Any) -> Heads:
    """The heads of a module."""
    found = module.get_output_embeddings()
    assert isinstance(found, Heads)
    return found


def shifted(targets: Int[Tensor, "B T"], positions: Int[Tensor, "B T"], *, by: int) -> Int[Tensor, "B T"]:
    """What stands `by` tokens after each target, where that is in its document or its end; else IGNORE_INDEX."""
    found = torch.full_like(targets, IGNORE_INDEX)
    if by < targets.shape[1]:
        same = positions[:, by:] == positions[:, :-by] + by
        found[:, :-by] = torch.where(same, targets[:, by:], IGNORE_INDEX)
    return found

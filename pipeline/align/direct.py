"""Methods that learn from good and bad answers by a loss of ours, in the adapter's loop: no reward model, no sampling.

A method is a file with its settings, its loss of what the policy says of answers, and a Trainer that names its random streams.
"""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from pydantic import NonNegativeFloat
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import Trainer as Loop
from trl import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from pipeline.align import adapters, trl_adapter
from pipeline.align.handed_on import hand_on
from pipeline.align.needs import SIDES
from pipeline.align.pairs import ranked, rows_of
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import agreement, longest_of, read_pairs, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.seed import seed_of
from pipeline.model import disk
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import IGNORE_INDEX, Pair
from pipeline.tokens.special import IDS, PAD
from pipeline.train.workspace import History, Trained, Workspace

PADDED = DataCollatorForPreference(pad_token_id=IDS[PAD])  # all first answers, then all second ones
OPTIONS = {"remove_unused_columns": False}


@dataclass(frozen=True)
class Said:
    """What a model says of answers B, given their prompts."""

    nats: Float[Tensor, " B"]  # log-probability
    tokens: Int[Tensor, " B"]

    @property
    def mean(self) -> Float[Tensor, " B"]:
        """Nats a token."""
        return self.nats / self.tokens


def said_of(module: nn.Module, batch: dict[str, Tensor]) -> Said:
    """Of each row's answer, by the fused head: the vocabulary is looked at tile by tile. Gradients flow."""
    labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, IGNORE_INDEX)
    found = module(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels, fused_lm_head=True)
    return Said(found.log_probs.sum(dim=1), batch["completion_mask"].sum(dim=1))


@dataclass(frozen=True, kw_only=True)
class ReferenceFree(FineTuning):
    """Pairs, and a policy that is compared with no other."""

    sft_weight: NonNegativeFloat  # of -log p of the chosen answers, nats a token

    @abstractmethod
    def reward(self, said: Said) -> Float[Tensor, " B"]:
        """By which the method ranks answers."""

    @abstractmethod
    def losses(self, chosen: Said, rejected: Said) -> Float[Tensor, " B"]:
        """Of each pair, beside the likelihood of the chosen answers."""


class Trainer(trl_adapter.Sealed, Loop):  # type: ignore[misc]
    """The loop of transformers around a loss that is written here."""

    arguments, sides = DPOConfig, SIDES["dpo"]

    def __init__(self, model: PreTrainedModel, **more: Any) -> None:
        super().__init__(model, **more)
        disable_dropout_in_model(model)  # as TRL's do: the same answer has one log-probability
        add_fused_lm_head(model)
        self.figures: dict[str, list[float]] = defaultdict(list)

    def log(self, logs: dict[str, float], *more: Any) -> None:
        """With the figures since the last time, as means."""
        super().log(logs | {name: sum(values) / len(values) for name, values in self.figures.items()}, *more)
        self.figures.clear()

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """The method's, as large as fp16 needs it."""
        loss = self.share_of_loss(model, inputs)
        return loss * self.scale.factor(1) if self.scale.on else loss

    @abstractmethod
    def share_of_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """What these rows add to the loss of the whole batch."""

    def tell(self, chosen: Tensor, rejected: Tensor) -> None:
        """The figures of TRL's trainers, of rewards."""
        self.figures["rewards/accuracies"].append((chosen > rejected).float().mean().item())
        self.figures["rewards/margins"].append((chosen - rejected).mean().item())


class PairTrainer(Trainer):
    """Of a ReferenceFree method."""

    def share_of_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """The preference is a mean over pairs, the sft term one over the tokens of the chosen answers: of the whole batch."""
        chosen, rejected = _halves(said_of(model, inputs))
        whole = len(self.whole["input_ids"]) // 2
        with torch.no_grad():
            self.tell(self.recipe.reward(chosen), self.recipe.reward(rejected))
        loss = self.recipe.losses(chosen, rejected).sum() / whole
        told: Tensor = loss - self.recipe.sft_weight * chosen.nats.sum() / self.whole["completion_mask"][:whole].sum()
        return told


def _halves(said: Said) -> tuple[Said, Said]:
    pairs = zip(said.nats.chunk(2), said.tokens.chunk(2), strict=True)
    chosen, rejected = (Said(nats, tokens) for nats, tokens in pairs)
    return chosen, rejected


def train_pairs(
    trainer: type[PairTrainer],
    policy: PreTrainedModel,
    tokenizer: Tokenizer,
    pairs: Sequence[Pair],
    recipe: ReferenceFree,
    workspace: Workspace,
) -> Trained:
    """Train the policy in place."""
    return trl_adapter.train(trainer, policy, tokenizer, rows_of(pairs), recipe, workspace, options=OPTIONS, data_collator=PADDED)


def prefer(
    trainer: type[PairTrainer],
    policy: PreTrainedModel,
    tokenizer: Tokenizer,
    parts: tuple[Sequence[Pair], Sequence[Pair]],
    recipe: ReferenceFree,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """Train the policy in place on the first part; how its rewards rank the pairs of both, and the history by step."""
    train, test = parts
    trl_adapter.refuse_beyond_memory(policy, recipe, workspace, sides=trainer.sides, longest=longest_of([*train, *test]))
    trained = train_pairs(trainer, policy, tokenizer, train, recipe, workspace)

    def rewards(answers: list[tuple[list[int], list[int]]]) -> Tensor:
        tokens = torch.tensor([len(answer) for _, answer in answers])
        return recipe.reward(Said(answer_logprobs(policy, answers, batch=recipe.at_once), tokens))

    return ranked(trained.history) | agreement(test, rewards, seed=seed_of(recipe.seed, "accuracy")) | trained.amount, trained.history


def align(
    trainer: type[PairTrainer],
    recipe: ReferenceFree,
    adapter: adapters.Adapter,
    *,
    source: Model,
    dialogues: Dialogues,
    target: Model,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """An entry of `align` by a method of this kind: read, learn, save, measure on held-out pairs; the metrics, and the history by step."""
    tokenizer = disk.tokenizer_of(source)
    policy = adapters.load(source, adapter, device=workspace.device)
    room = room_for(recipe, policy, section=workspace.section)
    train, test = read_pairs(dialogues, ("train", "test"), tokenizer, room)
    if not train.rows:
        return hand_on(source, target, "preferences to learn from"), []
    tuned = adapters.attach_policy(policy, adapter, seed=recipe.seed, section=workspace.section)
    metrics, history = prefer(trainer, policy, tokenizer, (train.rows, test.rows), recipe, workspace)
    metrics |= tuned.counts
    tuned.save(target, source=source, facts={"method": trainer.method, "steps": metrics["steps"]})
    return metrics | {"train": train.counts, "test": test.counts}, history

"""Supervised fine-tuning: the base model learns to answer (Ouyang et al. 2022, step 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from pydantic import PositiveFloat
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel
from trl import SFTConfig, SFTTrainer

from pipeline.align import adapters, packing, trl_adapter
from pipeline.align.adapters import Adapter
from pipeline.align.handed_on import hand_on
from pipeline.align.packing import PackedRow, Packing
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import PretrainingMix, read_examples, read_pretraining_rows, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.progress import progress
from pipeline.model import disk
from pipeline.model.batches import right_padded
from pipeline.tokens.dialogues import IGNORE_INDEX, Example
from pipeline.tokens.rows import open_rows
from pipeline.tokens.special import IDS, PAD
from pipeline.train.workspace import History, Trained, Workspace, tail_mean


@dataclass(frozen=True, kw_only=True)
class Instructions(FineTuning):
    """What is added to fine-tuning."""

    adapter: Adapter
    packing: Packing  # best_fit: a row, of which batch_size are a step, holds several examples
    pretraining_mix: PretrainingMix
    max_loss: PositiveFloat | None  # nats a token on held-out dialogues after training; None: whatever it is


class Trainer(trl_adapter.Sealed, SFTTrainer):
    """Next-token loss: the trainer divides by the tokens of the whole batch."""

    method, arguments = "sft", SFTConfig


class _Apart(SFTTrainer):
    """The same loss of rows that hold several dialogues, by the module's own forward: every kind tells documents apart there."""

    whole: dict[str, Tensor]

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """A mean over the trained tokens of the step; with experts their balance counts by the share of the rows."""
        output = model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], attention_mask=None, use_cache=False)
        loss = answer_losses(output.logits.float(), inputs["labels"]).sum() / (self.whole["labels"][:, 1:] != IGNORE_INDEX).sum()
        if (balance := getattr(output, "aux_loss", None)) is not None:
            loss = loss + model.config.router_aux_loss_coef * balance * len(inputs["labels"]) / len(self.whole["labels"])
        return loss


class PackedTrainer(trl_adapter.Sealed, _Apart):
    """Of rows that are packed."""

    method, arguments = "sft", SFTConfig


def teach(
    source: Model, dialogues: Dialogues, tokens: Tokens, target: Model, recipe: Instructions, place: Workspace
) -> tuple[dict[str, Any], History]:
    """Fine-tune the source on the instructions of part train, beside some of the pretraining text; save; measure on those of part val.

    The metrics and the history by step. Without instructions the source is handed on, and the history is empty. PipelineError where the
    held-out loss is above recipe.max_loss.
    """
    tokenizer = disk.tokenizer_of(source)
    module = adapters.load(source, recipe.adapter, device=place.device)
    room = room_for(recipe, module, section=place.section)
    train, val = read_examples(dialogues, ("train", "val"), tokenizer, room)
    if not (examples := train.rows):
        return hand_on(source, target, "instructions to learn from"), []
    text = open_rows(tokens, "train", tokenizer_digest=disk.tokenizer_digest(source))
    books = read_pretraining_rows(text, recipe.pretraining_mix, beside=len(examples), seed=recipe.seed)
    tuned = adapters.attach(module, recipe.adapter, seed=recipe.seed, section=place.section)
    metrics, history = fine_tune(module, tokenizer, [*examples, *books], val.rows, recipe, place)
    place.refuse_end("held-out loss", metrics["val_loss"], most=recipe.max_loss, key="max_loss")
    metrics |= tuned.counts
    tuned.save(target, source=source, facts={"method": "sft", "steps": metrics["steps"]})
    return metrics | {"train": train.counts, "pretraining_rows": len(books), "val": val.counts}, history


def train_sft(
    module: PreTrainedModel, tokenizer: Tokenizer, examples: Sequence[Example], recipe: FineTuning, workspace: Workspace
) -> Trained:
    """Next-token loss where `labels` is not -100, a mean over the tokens of the step. Trains the module in place."""
    rows = [{"input_ids": list(example.ids), "labels": list(example.labels)} for example in examples]
    options = {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}
    return trl_adapter.train(Trainer, module, tokenizer, rows, recipe, workspace, options=options)


def train_packed(
    module: PreTrainedModel, tokenizer: Tokenizer, packed: Sequence[PackedRow], recipe: FineTuning, workspace: Workspace
) -> Trained:
    """The same on rows of several dialogues, which do not see each other."""
    rows = [{"input_ids": row.ids, "labels": row.labels, "positions": row.positions} for row in packed]
    options = {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}, "remove_unused_columns": False}
    return trl_adapter.train(PackedTrainer, module, tokenizer, rows, recipe, workspace, options=options, data_collator=packing.padded)


def fine_tune(
    module: PreTrainedModel,
    tokenizer: Tokenizer,
    train: Sequence[Example],
    val: Sequence[Example],
    recipe: Instructions,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """Train the module in place on the assistant's tokens; the metrics (losses in nats a token) and the history by step."""
    longest = max(len(example.ids) for example in [*train, *val])
    if recipe.packing == "none":
        trl_adapter.refuse_beyond_memory(module, recipe, workspace, sides=Trainer.sides, longest=longest)
        trained, told = train_sft(module, tokenizer, train, recipe, workspace), {}
    else:
        length = longest if recipe.max_length == "auto" else max(longest, recipe.max_length)
        trl_adapter.refuse_beyond_memory(module, recipe, workspace, sides=PackedTrainer.sides, longest=length, tiled=False)
        rows = packing.pack(train, length=length)
        trained = train_packed(module, tokenizer, rows, recipe, workspace)
        told = {"rows": len(rows), "row_tokens": length, "fill": packing.fill(rows, length=length)}
    losses = {"train_loss": tail_mean(trained.history, "loss"), "val_loss": val_loss(module, val, batch=recipe.at_once)}
    return losses | trained.amount | ({"packing": told} if told else {}), trained.history


@torch.no_grad()
def val_loss(module: PreTrainedModel, examples: Sequence[Example], *, batch: int) -> float | None:
    """Nats per trained token over all the examples; None when there are none."""
    if not examples:
        return None
    module.eval()  # type: ignore[no-untyped-call]
    total, count = 0.0, 0
    for start in progress(range(0, len(examples), batch), "held-out examples"):
        chunk = examples[start : start + batch]
        ids, _ = right_padded([example.ids for example in chunk], fill=IDS[PAD], device=str(module.device))
        labels, _ = right_padded([example.labels for example in chunk], fill=IGNORE_INDEX, device=str(module.device))
        losses = answer_losses(module(input_ids=ids).logits, labels)
        total += losses.double().sum().item()
        count += int((labels[:, 1:] != IGNORE_INDEX).sum())
    return total / count


def answer_losses(logits: Float[Tensor, "B T V"], labels: Int[Tensor, "B T"]) -> Float[Tensor, "B T-1"]:
    """-log p of each token that is trained on, nats; 0 at the others."""
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], ignore_index=IGNORE_INDEX, reduction="none")

"""Supervised fine-tuning: the base model learns to answer (Ouyang et al. 2022, step 1)."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align.place import History, Place
from pipeline.align.trl_adapter import Recipe, train_sft
from pipeline.model.batches import right_padded
from pipeline.tokens.dialogues import IGNORED, Example
from pipeline.tokens.special import IDS, PAD

_TAIL = 10  # steps: the last training losses are averaged, one alone is noise


def fine_tune(
    module: PreTrainedModel, tokenizer: Tokenizer, train: Sequence[Example], val: Sequence[Example], recipe: Recipe, place: Place
) -> tuple[dict[str, Any], History]:
    """Train the module in place on the assistant's tokens; the metrics (losses in nats a token) and the history by step."""
    history = train_sft(module, tokenizer, train, recipe, place)
    tail = [row["loss"] for row in history[-_TAIL:]]
    losses = {"train_loss": sum(tail) / len(tail), "val_loss": val_loss(module, val, batch=recipe.batch)}
    return losses | {"steps": recipe.steps, "epochs": recipe.steps * recipe.batch / len(train)}, history


@torch.no_grad()
def val_loss(module: PreTrainedModel, examples: Sequence[Example], *, batch: int) -> float | None:
    """Nats per trained token over all the examples; None when there are none."""
    if not examples:
        return None
    module.eval()  # type: ignore[no-untyped-call]
    total, count = 0.0, 0
    for start in range(0, len(examples), batch):
        chunk = examples[start : start + batch]
        ids, _ = right_padded([example.ids for example in chunk], fill=IDS[PAD], device=str(module.device))
        labels, _ = right_padded([example.labels for example in chunk], fill=IGNORED, device=str(module.device))
        losses = answer_losses(module(input_ids=ids).logits, labels)
        total += losses.double().sum().item()
        count += int((labels[:, 1:] != IGNORED).sum())
    return total / count


def answer_losses(logits: Float[Tensor, "B T V"], labels: Int[Tensor, "B T"]) -> Float[Tensor, "B T-1"]:
    """-log p of each token that is trained on, nats; 0 at the others."""
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], ignore_index=IGNORED, reduction="none")

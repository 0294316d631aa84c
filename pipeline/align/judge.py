"""A reward model: the fine-tuned model with one number instead of a vocabulary at its end."""

import copy
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from pipeline.align.batches import right_padded
from pipeline.core.seed import seed_of
from pipeline.tokens.special import IDS, PAD


def with_scalar_head(module: PreTrainedModel, *, seed: int) -> PreTrainedModel:
    """A module of the same kind with the same body and a fresh linear head, N(0, 1/(width + 1)) as in Stiennon et al. 2020."""
    config = copy.deepcopy(module.config)
    config.num_labels, config.pad_token_id = 1, IDS[PAD]
    judge: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
    judge.base_model.load_state_dict(module.base_model.state_dict())
    weight = judge.get_parameter("score.weight")
    draws = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed_of(seed, "reward", "head")))
    weight.data.copy_(draws / math.sqrt(weight.shape[1] + 1))
    judge.to(module.device).eval()  # type: ignore[arg-type, no-untyped-call]
    return judge


@torch.no_grad()
def rewards_of(judge: PreTrainedModel, sequences: Sequence[Sequence[int]], *, batch: int) -> Float[Tensor, " N"]:
    """The judge's number for each whole dialogue, read at its last token; no unit, only differences mean something."""
    judge.eval()  # type: ignore[no-untyped-call]
    found = []
    for start in range(0, len(sequences), batch):
        ids, _ = right_padded(sequences[start : start + batch], fill=IDS[PAD], device=str(judge.device))
        found.append(judge(input_ids=ids).logits.squeeze(1))
    return torch.cat(found)

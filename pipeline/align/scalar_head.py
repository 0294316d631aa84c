"""A reward model: the fine-tuned model with one number, or one of each head, instead of a vocabulary at its end."""

import copy
import math

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from pipeline.core.seed import seed_of
from pipeline.tokens.special import IDS, PAD


def with_scalar_head(module: PreTrainedModel, *, heads: int, seed: int) -> PreTrainedModel:
    """A module of the same kind with the same body and fresh linear heads, N(0, 1/(width + 1)) as in Stiennon et al. 2020."""
    config = copy.deepcopy(module.config)
    config.num_labels, config.pad_token_id = heads, IDS[PAD]
    reward: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
    reward.base_model.load_state_dict(module.base_model.state_dict())
    weight = reward.get_parameter("score.weight")
    draws = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed_of(seed, "reward", "head")))
    weight.data.copy_(draws / math.sqrt(weight.shape[1] + 1))
    reward.to(module.device).eval()  # type: ignore[arg-type, no-untyped-call]
    return reward

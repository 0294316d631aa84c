"""A reward model: the fine-tuned model with one number, or one of each head, at its end."""

import copy
import math

import torch
from transformers import PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.model.reward import judge_class
from pipeline.tokens.special import ASSISTANT, END, ENDOFTEXT, IDS, PAD, USER

_TRIED = (ENDOFTEXT, USER, ASSISTANT, END)


def with_scalar_head(module: PreTrainedModel, *, heads: int, seed: int, likelihood: float = 0.0) -> PreTrainedModel:
    """A module of the same kind with the same body and fresh linear heads, N(0, 1/(width + 1)) as in Stiennon et al. 2020.

    `likelihood` is the weight of an answer's mean log-probability in the reward; 0: the heads alone. PipelineError for a kind whose logits
    are not the product of head and hidden states.
    """
    config = copy.deepcopy(module.config)
    config.num_labels, config.pad_token_id = heads, IDS[PAD]
    if likelihood:
        config.likelihood = likelihood
    reward: PreTrainedModel = judge_class(config)._from_config(config)
    reward.base_model.load_state_dict(module.base_model.state_dict())
    if likelihood:
        _keep_vocabulary(reward, module)
    weight = reward.get_parameter("score.weight")
    draws = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed_of(seed, "reward", "head")))
    weight.data.copy_(draws / math.sqrt(weight.shape[1] + 1))
    reward.to(module.device).eval()  # type: ignore[arg-type, no-untyped-call]
    return reward


@torch.no_grad()
def _keep_vocabulary(reward: PreTrainedModel, module: PreTrainedModel) -> None:
    """Give the reward model the head that tells the next token, where it is not the embedding."""
    head = module.get_output_embeddings()  # type: ignore[no-untyped-call]
    if reward.lm_head is not None:
        reward.lm_head.load_state_dict(head.state_dict())
    ids = torch.tensor([[IDS[name] for name in _TRIED]], device=module.device)
    if not torch.allclose(head(module.base_model(input_ids=ids).last_hidden_state), module(input_ids=ids).logits, rtol=1e-3, atol=1e-4):
        message = f"reward.likelihood: logits of {module.config.model_type} are not the product of its head and its last hidden state"
        raise PipelineError(message, mend="reward.likelihood=0")

"""What a policy has come to prefer, measured against the model that it started from."""

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.model.score import answer_logprobs


@torch.no_grad()
def implicit_rewards(
    policy: PreTrainedModel, reference: PreTrainedModel, sequences: list[tuple[list[int], list[int]]], *, beta: float, batch: int
) -> Float[Tensor, " N"]:
    """beta x log(policy / reference) of each answer given its prompt (Rafailov et al. 2023, eq. 5 without what the prompt alone fixes)."""
    return beta * (answer_logprobs(policy, sequences, batch=batch) - answer_logprobs(reference, sequences, batch=batch))

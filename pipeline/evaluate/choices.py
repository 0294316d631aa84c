"""Which of several fillings a model finds likeliest in a gap.

The rule: the sum of the log-probabilities of a filling's tokens after the words before the gap, with no correction for
length; the fillings of a gap are single values of one kind, and the probability of the whole filling is what is asked.

batch B, fillings C, time T, vocabulary V
"""

from collections.abc import Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pipeline.model.batches import right_padded
from pipeline.model.score import chosen_logprobs
from pipeline.tokens.special import IDS, PAD

Gap = tuple[Sequence[int], Sequence[Sequence[int]]]  # the ids before the gap, the ids of each filling


@torch.no_grad()
def filling_logprobs(module: PreTrainedModel, gaps: Sequence[Gap], *, batch: int) -> list[list[float]]:
    """The log-probability of each filling of each gap, nats. The words before a gap are read once for all its fillings."""
    found: list[list[float]] = [[] for _ in gaps]
    order = sorted(range(len(gaps)), key=lambda number: len(gaps[number][0]))
    for _, alike in groupby(order, key=lambda number: len(gaps[number][0])):  # equal lengths need no padding
        numbers = list(alike)
        for start in range(0, len(numbers), batch):
            some = numbers[start : start + batch]
            for number, values in zip(some, _score(module, [gaps[number] for number in some]), strict=True):
                found[number] = values
    return found


def _score(module: PreTrainedModel, gaps: Sequence[Gap]) -> list[list[float]]:
    cache = DynamicCache(config=module.config)
    before = torch.tensor([list(prefix) for prefix, _ in gaps], device=module.device)
    first = module(input_ids=before, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float().log_softmax(-1)
    owners = [number for number, (_, fillings) in enumerate(gaps) for _ in fillings]
    fillings = [filling for _, all_of_them in gaps for filling in all_of_them]
    scores = first[owners, [filling[0] for filling in fillings]]
    longer = [number for number, filling in enumerate(fillings) if len(filling) > 1]
    if longer:
        cache.batch_select_indices(torch.tensor([owners[number] for number in longer], device=module.device))
        scores[longer] += _rest(module, [fillings[number] for number in longer], cache)
    values = iter(scores.tolist())
    return [[next(values) for _ in all_of_them] for _, all_of_them in gaps]


def _rest(module: PreTrainedModel, fillings: Sequence[Sequence[int]], cache: DynamicCache) -> Float[Tensor, " C"]:
    """The log-probabilities of all tokens of a filling but its first. Padding stands on the right, where nothing sees it."""
    rows, real = right_padded(fillings, fill=IDS[PAD], device=str(module.device))
    logits = module(input_ids=rows[:, :-1], past_key_values=cache, use_cache=True).logits
    summed: Float[Tensor, " C"] = (chosen_logprobs(logits, rows[:, 1:]) * real[:, 1:]).sum(1)
    return summed

"""Answers, token by token, with a cache of keys and values.

batch B, time T, vocabulary V
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pipeline.core.seed import stream
from pipeline.model.batches import left_padded
from pipeline.tokens.special import END, IDS, PAD

TURN = (IDS[END],)


@torch.no_grad()
def generate(
    module: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new: int,
    temperature: float | int,
    seed: int,
    batch: int,
    ends: Sequence[int] = TURN,
) -> list[list[int]]:
    """An answer of at most `max_new` tokens to each prompt, without the token of `ends` that ended it.

    Temperature 0 takes the likeliest token. Otherwise prompt number i draws from a stream of its own, named by seed and i,
    so an answer does not depend on what else is in the batch (but for the last bits of float sums).
    """
    answers: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        draws = np.stack([stream(seed, "sample", number).random(max_new) for number in numbers])
        found = _answer(module, [prompts[number] for number in numbers], draws, temperature, ends)
        for number, answer in zip(numbers, found, strict=True):
            answers[number] = answer
    return answers


def pick(logits: Float[Tensor, "B V"], draws: Float[Tensor, " B"], temperature: float | int) -> Int[Tensor, " B"]:
    """The likeliest tokens at temperature 0, else those at the draws (each in [0, 1)) of the cumulative distribution."""
    if temperature == 0:
        return logits.argmax(-1)
    cumulative = (logits.double() / temperature).softmax(-1).cumsum(-1)
    return torch.searchsorted(cumulative, draws[:, None] * cumulative[:, -1:], right=True).clamp(max=logits.shape[-1] - 1)[:, 0]


def _answer(
    module: PreTrainedModel, prompts: Sequence[Sequence[int]], draws: npt.NDArray[np.float64], temperature: float | int, ends: Sequence[int]
) -> list[list[int]]:
    rows, seen = left_padded(prompts, fill=IDS[PAD], device=str(module.device))
    uniform = torch.from_numpy(draws).to(module.device)
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache(config=module.config)
    stops = torch.tensor(ends, device=module.device)
    running = torch.ones(len(prompts), dtype=torch.bool, device=module.device)
    answers: list[Tensor] = []
    for step in range(draws.shape[1]):
        output = module(
            input_ids=rows, attention_mask=seen, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        token = pick(output.logits[:, -1].float(), uniform[:, step], temperature)
        running &= ~torch.isin(token, stops)
        token = torch.where(running, token, ends[0])
        answers.append(token)
        if not running.any():
            break
        rows, positions = token[:, None], positions[:, -1:] + 1
        seen = torch.cat([seen, seen.new_ones(len(prompts), 1)], 1)
    return [_until(ends[0], row) for row in torch.stack(answers, 1).tolist()] if answers else [[] for _ in prompts]


def _until(end: int, tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(end)] if end in tokens else tokens

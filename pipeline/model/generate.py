"""Answers, token by token, with a cache of keys and values.

batch B, time T, vocabulary V
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core.progress import progress
from pipeline.core.seed import stream
from pipeline.model.decode import Decoder, decoder_of
from pipeline.model.sampling import Cut, pick
from pipeline.model.thinking import Spent
from pipeline.tokens.special import END, IDS
from pipeline.tokens.thinking import Thinking

TURN = (IDS[END],)
Note = Callable[[Int[Tensor, " B"], int, Float[Tensor, "B V"], Int[Tensor, " B"]], None]  # rows, step, logits, tokens drawn
LEAVE = 0.75  # of the rows of a batch: when no more go on, the others leave, which costs a copy of the cache


@torch.no_grad()
def generate(
    module: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new: int,
    temperature: float | int,
    seed: int | Sequence[int],
    batch: int,
    ends: Sequence[int] = TURN,
    cut: Cut | None = None,
) -> list[list[int]]:
    """An answer of at most `max_new` tokens to each prompt, without the token of `ends` that ended it.

    Temperature 0 takes the likeliest token. Otherwise prompt number i draws from a stream of its own, named by seed and i, or by its own
    seed where there is one for each prompt, so an answer does not depend on what else is in the batch (but for the last bits of float
    sums). `cut` says what may be drawn.
    """
    return _generate(module, prompts, _Rules(temperature, ends, cut, None), max_new=max_new, seed=seed, batch=batch, told=None)


@torch.no_grad()
def think(
    module: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    thinking: Thinking,
    *,
    max_new: int,
    temperature: float | int,
    seed: int,
    batch: int,
    ends: Sequence[int] = TURN,
) -> list[list[int]]:
    """The answers of `generate` within a thinking budget. `max_new` counts what is thought, too: it has to leave room for an answer."""
    return _generate(module, prompts, _Rules(temperature, ends, None, thinking), max_new=max_new, seed=seed, batch=batch, told=None)


@torch.no_grad()
def draw(
    module: PreTrainedModel, prompts: Sequence[Sequence[int]], *, max_new: int, seed: int, batch: int
) -> tuple[list[list[int]], "Told"]:
    """The answers of `generate` at temperature 1, and what the sampler knows of their tokens."""
    told = Told(len(prompts), max_new, device=module.device)
    return _generate(module, prompts, _Rules(1.0, TURN, None, None), max_new=max_new, seed=seed, batch=batch, told=told), told


def _generate(
    module: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    rules: "_Rules",
    *,
    max_new: int,
    seed: int | Sequence[int],
    batch: int,
    told: "Told | None",
) -> list[list[int]]:
    answers: list[list[int]] = [[] for _ in prompts]
    decoder = decoder_of(module)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in progress(range(0, len(order), batch), "answers written"):
        numbers = order[start : start + batch]
        streams = [stream(seed, "sample", one) if isinstance(seed, int) else stream(seed[one], "sample") for one in numbers]
        draws = torch.from_numpy(np.stack([one.random(max_new) for one in streams])).to(module.device)
        note = None if told is None else partial(told.note, torch.tensor(numbers, device=draws.device))
        found = _answer(decoder, [prompts[number] for number in numbers], draws, rules, note)
        for number, answer in zip(numbers, found, strict=True):
            answers[number] = answer
    return answers


class Told:
    """What the sampler knows of its tokens, by answer and place: log-probabilities and the entropy before each, nats.

    The token that ended an answer is among them; what stands behind it means nothing.
    """

    def __init__(self, answers: int, tokens: int, *, device: torch.device) -> None:
        self.logprobs: Float[Tensor, "N M"] = torch.zeros(answers, tokens, device=device)
        self.entropies: Float[Tensor, "N M"] = torch.zeros(answers, tokens, device=device)

    def note(
        self,
        numbers: Int[Tensor, " N"],
        rows: Int[Tensor, " B"],
        step: int,
        logits: Float[Tensor, "B V"],
        tokens: Int[Tensor, " B"],
    ) -> None:
        """What was drawn at a step for these rows of a batch, whose answers have these numbers."""
        logprobs = logits.log_softmax(-1)
        self.logprobs[numbers[rows], step] = logprobs.gather(1, tokens[:, None])[:, 0]
        self.entropies[numbers[rows], step] = -(logprobs.exp() * logprobs).sum(-1)


class _Rules(NamedTuple):
    """How a token is drawn, and which end an answer."""

    temperature: float | int
    ends: Sequence[int]
    cut: Cut | None
    thinking: Thinking | None


def _answer(
    decoder: Decoder, prompts: Sequence[Sequence[int]], draws: Float[Tensor, "B N"], rules: _Rules, note: Note | None
) -> list[list[int]]:
    temperature, ends, cut, thinking = rules
    device, stops = draws.device, torch.tensor(ends, device=draws.device)
    answers: list[list[int]] = [[] for _ in prompts]
    rows = torch.arange(len(prompts), device=device)  # the prompt of each row that the decoder goes on with
    running = torch.ones(len(prompts), dtype=torch.bool, device=device)
    logits = decoder.begin(prompts, room=draws.shape[1])
    seen = _seen(prompts, logits) if cut is not None and cut.repetition_penalty is not None else None
    spent = None if thinking is None else Spent(thinking, prompts, device=device)
    for step in range(draws.shape[1]):
        token = pick(logits.float(), draws[rows, step], temperature, cut, None if seen is None else seen[rows])
        if spent is not None:
            token = spent.bound(rows, token)
        if note is not None:
            note(rows, step, logits.float(), token)
        if seen is not None:
            seen[rows, token] = True
        running &= ~torch.isin(token, stops)
        for row, one, goes_on in zip(rows.tolist(), token.tolist(), running.tolist(), strict=True):
            if goes_on:
                answers[row].append(one)
        left = int(running.sum())
        if not left or step + 1 == draws.shape[1]:
            break
        if left <= LEAVE * len(rows) and decoder.keep(staying := running.nonzero()[:, 0]):
            rows, token, running = rows[staying], token[staying], running[staying]
        logits = decoder.step(torch.where(running, token, ends[0]))
    return answers


def _seen(prompts: Sequence[Sequence[int]], logits: Float[Tensor, "B V"]) -> Bool[Tensor, "B V"]:
    """Which tokens stand in each prompt."""
    seen = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    for row, prompt in enumerate(prompts):
        seen[row, torch.tensor(list(prompt), device=logits.device)] = True
    return seen

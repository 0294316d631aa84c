"""Speculative sampling: a small model proposes tokens, the large one checks them in one pass (Leviathan et al. 2023, Chen et al. 2023).

The tokens are those of the large model alone: the same at temperature 0, of the same distribution else. Both read one tokenizer.

vocabulary V
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.tokens.special import END, IDS


class Answered(NamedTuple):
    """The answer without the token that ended it, how many of the proposals were taken, and how many were made."""

    ids: list[int]
    taken: int
    proposed: int


@torch.no_grad()
def speculate(
    module: PreTrainedModel,
    draft: PreTrainedModel,
    prompt: Sequence[int],
    *,
    ahead: int,
    max_new: int,
    temperature: float | int,
    seed: int,
    ends: Sequence[int] = (IDS[END],),
) -> Answered:
    """An answer of at most `max_new` tokens; `ahead` tokens are proposed at a time.

    PipelineError for vocabularies that differ, and for a kind whose cache can't be cut back: windows, states.
    """
    if module.config.vocab_size != draft.config.vocab_size:
        message = f"the draft knows {draft.config.vocab_size} tokens, the model {module.config.vocab_size}"
        raise PipelineError(message, mend="a draft with the tokenizer of the model")
    for one in (module, draft):
        if not all(type(layer) is DynamicLayer for layer in DynamicCache(config=one.config).layers):
            message = f"what a model of type {one.config.model_type} has read can't be taken back"
            raise PipelineError(message, mend="model and draft of kind qwen3, llama, gpt2 or mixtral")
    large, small, draw = _Reader(module, temperature), _Reader(draft, temperature), stream(seed, "speculative")
    ids, taken, proposed = list(prompt), 0, 0
    while (room := max_new - (len(ids) - len(prompt))) > 0:
        proposals, chances = list[int](), list[Tensor]()
        for _ in range(min(ahead, room - 1)):  # the large model adds one of its own
            chances.append(small.after([*ids, *proposals])[-1])
            proposals.append(_drawn(chances[-1], draw.random()))
        checked = large.after([*ids, *proposals], last=len(proposals) + 1)
        proposed += len(proposals)
        for token, own, other in zip(proposals, checked, chances, strict=False):
            if draw.random() * float(other[token]) >= float(own[token]):
                ids.append(_drawn((own - other).clamp(min=0), draw.random()))
                break
            ids, taken = [*ids, token], taken + 1
            if token in ends:
                break
        else:
            ids.append(_drawn(checked[-1], draw.random()))
        if (stop := next((place for place in range(len(prompt), len(ids)) if ids[place] in ends), None)) is not None:
            return Answered(ids[len(prompt) : stop], taken, proposed)
    return Answered(ids[len(prompt) :], taken, proposed)


def _drawn(weights: Float[Tensor, " V"], draw: float) -> int:
    """The token at this place of the cumulative distribution; weights need not sum up to 1."""
    cumulative = weights.cumsum(-1)
    return int(torch.searchsorted(cumulative, draw * cumulative[-1:], right=True).clamp(max=len(weights) - 1))


class _Reader:
    """Distributions behind each of the last tokens, with a cache that is cut back to what still holds."""

    def __init__(self, module: PreTrainedModel, temperature: float | int) -> None:
        self._module, self._temperature = module, temperature
        self._cache: Any = DynamicCache(config=module.config)
        self._read = list[int]()

    def after(self, ids: Sequence[int], *, last: int = 1) -> Float[Tensor, "N V"]:
        """Of the last tokens; at temperature 0 all of it on the likeliest."""
        same = next(
            (place for place, (one, other) in enumerate(zip(self._read, ids, strict=False)) if one != other), min(len(self._read), len(ids))
        )
        start = min(same, len(ids) - last)
        if start < len(self._read):
            self._cache.crop(start - len(self._read))  # so many fewer
        positions = torch.arange(start, len(ids), device=self._module.device)[None]
        new = torch.tensor([list(ids[start:])], device=self._module.device)
        logits = self._module(input_ids=new, position_ids=positions, past_key_values=self._cache, use_cache=True).logits[0, -last:].double()
        self._read = list(ids)
        sure = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).double()
        found: Tensor = sure if self._temperature == 0 else (logits / self._temperature).softmax(-1)
        return found

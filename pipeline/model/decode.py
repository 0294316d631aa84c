"""Token by token with a cache: the fast way for layers of llama's kind, transformers' own for all others.

The fast way keeps keys and values where they were written, reads equal prompts once, and lets rows that have ended leave.

batch B, time T, vocabulary V
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pipeline.model.batches import left_padded, right_padded
from pipeline.model.plain import Plain, is_plain
from pipeline.tokens.special import IDS, PAD


class Decoder(Protocol):
    """Reads prompts, then one token of each at a time."""

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """The logits behind each prompt; up to `room` tokens may follow."""
        ...

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """The logits behind one more token of each row."""
        ...

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Go on with these rows alone; False where it can't, and goes on with all."""
        ...


def decoder_of(module: PreTrainedModel) -> Decoder:
    """The fastest that the module allows. It holds copies of weights: take another after they have changed."""
    return Fast(module) if is_plain(module) else _Cached(module)


def reordering(module: PreTrainedModel) -> Decoder:
    """One whose keep() takes rows in any order and several times: the fast one, or one that reads everything anew for each token."""
    return Fast(module) if is_plain(module) else _Anew(module)


class Fast:
    """Layers of llama's kind."""

    def __init__(self, module: Any) -> None:
        self._plain = Plain(module)

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Read each different prompt once, padded on the right, where no token before sees it."""
        different = {tuple(prompt): number for number, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        plain = self._plain
        ids, real = right_padded(list(different), fill=IDS[PAD], device=str(plain.embedding.device))
        self._cos, self._sin = plain.turns(ids.shape[1] + room)
        hidden, many = plain.embedding[ids], len(different)
        self._keys, self._values = list[Tensor](), list[Tensor]()
        cos, sin = self._cos[: ids.shape[1], None], self._sin[: ids.shape[1], None]
        for layer in plain.layers:
            mixed, k, v = plain.attended(hidden, layer, cos, sin, None)
            hidden = plain.behind(hidden, mixed, layer)
            self._keys.append(F.pad(k, (0, 0, 0, room)))
            self._values.append(F.pad(v, (0, 0, 0, room)))
        lengths = real.sum(1)
        logits = plain.logits(hidden[torch.arange(many), lengths - 1])
        rows = torch.tensor([different[tuple(prompt)] for prompt in prompts], device=ids.device)
        self._at = lengths
        if many == len(prompts):
            return logits
        self.keep(rows)
        return logits[rows]

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """One token of each row, written at the end of what is cached of it."""
        plain, at, rows = self._plain, self._at, torch.arange(len(tokens), device=tokens.device)
        longest = int(at.max()) + 1
        hidden = plain.embedding[tokens]
        cos, sin = self._cos[at][:, None], self._sin[at][:, None]
        later = torch.arange(longest, device=tokens.device) > at[:, None]
        unseen = torch.zeros(later.shape, dtype=hidden.dtype, device=tokens.device).masked_fill_(later, -torch.inf)[:, None, None]
        for layer, keys, values in zip(plain.layers, self._keys, self._values, strict=True):
            q, k, v = plain.heads_of(hidden, layer, cos, sin)  # [B, heads, S]
            keys[rows, :, at], values[rows, :, at] = k, v
            grouped = (q * plain.size**-0.5).reshape(len(tokens), plain.groups, -1, plain.size)
            scores = grouped @ keys[:, :, :longest].transpose(-1, -2) + unseen
            hidden = plain.behind(hidden, (scores.softmax(-1) @ values[:, :, :longest]).flatten(1), layer)
        self._at = at + 1
        return plain.logits(hidden)

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Copies what is cached of them."""
        self._keys, self._values = [one[rows] for one in self._keys], [one[rows] for one in self._values]
        self._at = self._at[rows]
        return True


class _Cached:
    """Any module of transformers, with its own cache."""

    def __init__(self, module: PreTrainedModel) -> None:
        self._module = module

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Padded on the left, so that all rows end at one place."""
        ids, self._seen = left_padded(prompts, fill=IDS[PAD], device=str(self._module.device))
        self._cache, self._positions = DynamicCache(config=self._module.config), (self._seen.cumsum(1) - 1).clamp(min=0)
        return self._logits(ids)

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """One more token of each."""
        self._positions = self._positions[:, -1:] + 1
        self._seen = torch.cat([self._seen, self._seen.new_ones(len(tokens), 1)], 1)
        return self._logits(tokens[:, None])

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Not every kind's cache can."""
        return False

    def _logits(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        rest: dict[str, Any] = {"past_key_values": self._cache, "use_cache": True, "logits_to_keep": 1}
        logits: Tensor = self._module(input_ids=ids, attention_mask=self._seen, position_ids=self._positions, **rest).logits[:, -1]
        return logits


class _Anew:
    """Any module, without a cache; prompts of one length."""

    def __init__(self, module: PreTrainedModel) -> None:
        self._module = module

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Reads them."""
        self._ids = torch.tensor([list(prompt) for prompt in prompts], device=self._module.device)
        return self._logits()

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Reads all of it and one more token."""
        self._ids = torch.cat([self._ids, tokens[:, None]], 1)
        return self._logits()

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """These rows, in this order."""
        self._ids = self._ids[rows]
        return True

    def _logits(self) -> Float[Tensor, "B V"]:
        logits: Tensor = self._module(input_ids=self._ids, use_cache=False).logits[:, -1]
        return logits

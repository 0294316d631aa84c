"""Decoding one sequence at a time, with the keys and values of prompts kept in a pool of blocks: a conversation that goes on, or begins
with the same instructions as another, reads only what is new.

A prompt is always read block by block, so its logits have the same bits whether a block was read or found. What is decoded is not kept: one
row gives other last bits than a block of rows, and an answer would depend on what was served before it.

layers L, blocks N, key and value heads K, block T, head size S, vocabulary V
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.model.block_pool import BlockPool
from pipeline.model.decode import Fast

SIZE = 16  # tokens of a block


class Paged(Fast):
    """Layers of llama's kind, beside a pool of `memory` bytes; at least one block."""

    def __init__(self, module: Any, *, memory: int) -> None:
        super().__init__(module)
        plain = self._plain
        shape = (plain.groups, SIZE, plain.size)
        one = 2 * len(plain.layers) * plain.groups * SIZE * plain.size * plain.embedding.element_size()
        self.pool = BlockPool(blocks=max(1, memory // one), size=SIZE)
        self._stored: Float[Tensor, "2 L N K T S"] = plain.embedding.new_empty(2, len(plain.layers), self.pool.blocks, *shape)
        self.found = 0  # tokens of the last prompt that were not read anew

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "1 V"]:
        """The logits behind a prompt, of which what the pool holds is not read. The last token always is."""
        (ids,) = prompts
        plain, pool, names = self._plain, self.pool, self.pool.names(ids)
        held = pool.held(names)
        blocks = held[: (len(ids) - 1) // SIZE]
        pool.use(names)
        self.found = len(blocks) * SIZE
        pool.asked, pool.found = pool.asked + len(ids), pool.found + self.found
        self._turns = plain.turns(len(ids) + room)
        cache = plain.embedding.new_zeros(2, len(plain.layers), 1, plain.groups, len(ids) + room, plain.size)
        cache[:, :, 0, :, : self.found] = self._stored[:, :, blocks].transpose(2, 3).flatten(3, 4)
        self._keys, self._values = list(cache[0]), list(cache[1])
        embedded = plain.embedding[torch.tensor(ids, device=plain.embedding.device)][None]
        for start in range(self.found, len(ids), SIZE):
            hidden = self._read(embedded[:, start : start + SIZE], start)
            end = start + SIZE
            if len(held) * SIZE < end <= len(ids) and (block := pool.room(names)) is not None:
                self._stored[:, :, block] = cache[:, :, 0, :, start:end]
                pool.hold(names[start // SIZE], block)
        pool.use(names)
        self._at = torch.tensor([len(ids)], device=cache.device)
        return plain.logits(hidden[:, -1])

    def _read(self, hidden: Float[Tensor, "1 T D"], start: int) -> Float[Tensor, "1 T D"]:
        """Some tokens behind `start` others, whose keys and values join those."""
        plain, tokens = self._plain, hidden.shape[1]
        here = slice(start, start + tokens)
        unseen = hidden.new_full((tokens, start + tokens), -torch.inf).triu(start + 1)[None, None] if start else None
        for number, layer in enumerate(plain.layers):
            keys, values = self._keys[number], self._values[number]
            past = (keys[:, :, :start], values[:, :, :start]) if start else None
            mixed, k, v = plain.attended(hidden, layer, self._turns[here, None], unseen, past)
            keys[:, :, here], values[:, :, here] = k, v
            hidden = plain.behind(hidden, mixed, layer)
        return hidden

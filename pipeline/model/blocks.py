"""Attention within documents by a mask of blocks, which a compiled module on a GPU runs as one kernel (torch's FlexAttention).

With a mask of T x T that tells documents apart, torch's other kernels lose their speed. A mask of blocks is made once a batch, outside the
compiled region, and blocks in which no token sees another are left out. While a module is read, it attends as before.

batch B, time T
"""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from pipeline.model.apart import begins
from pipeline.model.shapes import kind_of

NAME = "blocks"  # of the kernel, in transformers


def compiled_on_gpu(module: Any, device: torch.device) -> bool:
    """Whether torch.compile makes kernels of it for a GPU."""
    return device.type == "cuda" and isinstance(module, torch._dynamo.OptimizedModule)  # torch loads _dynamo when it is named


def blocks_for(module: Any, positions: Int[Tensor, "B T"]) -> BlockMask | None:
    """The mask for rows whose documents begin where positions don't go on, and the module attends by it from now on while it learns.

    None where that would gain nothing: uncompiled, on a CPU, of another kind.
    """
    if not module.training or not compiled_on_gpu(module, positions.device) or not kind_of(module.config).blocks:
        return None
    if module.config._attn_implementation != NAME:
        module.set_attn_implementation(NAME)
    return block_mask(positions)


def block_mask(positions: Int[Tensor, "B T"]) -> BlockMask:
    """Each token sees itself and those before it in its document."""
    documents = begins(positions).cumsum(1)

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[row, query] == documents[row, key])

    rows, length = positions.shape
    return create_block_mask(sees, rows, None, length, length, device=str(positions.device))


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: BlockMask | Tensor | None, **words: Any
) -> tuple[Tensor, None]:
    """As transformers calls it. [B heads T width] -> [B T heads width]."""
    if not isinstance(attention_mask, BlockMask):
        found: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **words)
        return found
    grouped = query.shape[1] != key.shape[1]
    output = flex_attention(query, key, value, block_mask=attention_mask, scale=words.get("scaling"), enable_gqa=grouped)
    assert isinstance(output, Tensor)  # it gives the logarithms of its sums only when asked
    return output.transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register(NAME, _attend)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)

"""How much memory a step takes, known before it begins.

Bytes beyond the weights that are loaded already. A step of R rows takes `once + R x row`. With tokens T in a row,
vocabulary V, layers L of width D, and W the widths of the matrices inside the layers, in and out, summed up:

    learning   once 12 P          the gradient and two moments of P weights that learn
               row  T x 8 W       what backward needs: each matrix reads and writes fp32, and as much again between the matrices
    logits     row  T x 4 x 4 V   themselves, without the last, their softmax, its gradient
    scoring    row  T x 4 x (3 V + W / L)      nothing is kept but the logits (themselves, without the last, their softmax)
                                               and, for a moment, one layer
    sampling   row  T x 4 x 2 L D + prompt x 4 x W / L     the cache of keys and values, and a layer that reads the prompt

W counts experts as far as a token meets them. Attention keeps no T x T numbers where torch's own kernel is used; what a kind keeps
besides (scores with ALiBi, a scan) and caches it says itself (kinds/). An estimate: measured on a CPU at the sizes smoke and laptop, it is
0.7 to 1.5 times what a process takes (tests/align/test_memory_growth.py). In bf16, or compiled, a step takes less.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.memory import ONE_ROW, OutOfMemory, free_memory
from pipeline.model.count import FP32, multiplied, parameters, share_met
from pipeline.model.shapes import kind_of

SURE = 0.7  # of what is free: what an estimate may take and yet fit, were it as far below the truth as any that was measured


@dataclass(frozen=True)
class Need:
    """Bytes that a step takes: once, and for each row that is held at the same time."""

    once: int
    row: int

    def refuse_beyond(self, free: int | None, *, rows: int, key: str | None) -> None:
        """OutOfMemory when a step of `rows` rows takes more than is free.

        `key` is the setting that makes them fewer; None: the caller names it. What is said to fit divides `rows`.
        """
        need = self.once + rows * self.row
        if free is None or need <= free:
            return
        most = int(SURE * free - self.once) // self.row
        fits = next((number for number in range(min(most, rows - 1), 0, -1) if rows % number == 0), None)
        mend = f"{key or 'rows at once'}={fits}" if fits else ONE_ROW
        message = f"{rows} rows at once take about {_told(need)} of memory, {_told(free)} are free"
        raise OutOfMemory(message, mend=mend, rows=None if key else fits)


def free(device: str) -> int | None:
    """Bytes that the device can still give to this process; None where nobody tells."""
    if torch.device(device).type != "cuda":
        return free_memory()
    unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(torch.cuda.mem_get_info()[0]) + unused


def state(*modules: nn.Module) -> int:
    """Gradients and moments of what learns in modules."""
    return 3 * FP32 * sum(parameters(module) for module in modules)


def learning(module: PreTrainedModel, *, tokens: int) -> int:
    """What backward needs of the layers."""
    layers = int(module.config.num_hidden_layers)
    return 2 * FP32 * tokens * _widths(module) + FP32 * layers * kind_of(module.config).held(module.config, tokens=tokens)


def logits(module: PreTrainedModel, *, tokens: int, copies: int) -> int:
    """Numbers for each word of the vocabulary; a reward model has none."""
    if module.get_output_embeddings() is None:  # type: ignore[no-untyped-call]
        return 0
    return copies * FP32 * tokens * int(module.config.vocab_size)


def scoring(module: PreTrainedModel, *, tokens: int) -> int:
    """What token_logprobs holds at once without a gradient."""
    return logits(module, tokens=tokens, copies=3) + passing(module, tokens=tokens)


def passing(module: PreTrainedModel, *, tokens: int) -> int:
    """What a layer holds when nothing is kept."""
    widths = math.ceil(_widths(module) / max(1, int(module.config.num_hidden_layers)))
    return FP32 * (tokens * widths + kind_of(module.config).held(module.config, tokens=tokens))


def sampling(module: PreTrainedModel, *, prompt: int, new: int) -> int:
    """The cache of keys and values of so many tokens, and the layer that reads the prompt."""
    cache = kind_of(module.config).cached(module.config, tokens=prompt + new)
    return FP32 * cache + passing(module, tokens=prompt)


def _widths(module: PreTrainedModel) -> int:
    """Of the matrices inside the layers, in and out, summed up."""
    return sum(_experts(module, name, weight) * sum(weight.shape[-2:]) for name, weight in multiplied(module.base_model))


def _experts(module: PreTrainedModel, name: str, weight: Tensor) -> int:
    """How many of the matrices in a weight a token meets."""
    return round(weight.shape[0] * share_met(module.config, name)) if ".experts." in name else 1


def _told(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"

"""4-bit weights by GPTQ (Frantar et al. 2022): rounding one input's weights, then moving the others to make up for the error.

What GPTQ leaves is made smaller by coordinate descent over scales and codes, which knows what came later in the row (QuantEase,
Behdin et al. 2023, arXiv 2309.01885).
Along each row a group of weights shares one f16 scale; a code is an integer from -8 to 7. GGUF's Q4_0 has groups of 32.
A row depends on no other row: whoever reorders the rows of a weight (rotary of llama) reorders its codes and scales.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.export.probe import in_parts
from pipeline.tokens.special import IDS, PAD

# outputs O, inputs I, groups G of I / G weights, rows R, time T
Array = npt.NDArray[np.float64]

GROUP = 32  # weights that share a scale in Q4_0
_MOST = 127  # the largest code of 8 bits, so that zero is in the middle
_SWEEPS = 4  # of coordinate descent over a row; more changed nothing that could be told from noise
_DAMPING = 0.01  # of the mean diagonal, added to the diagonal: the paper's choice, it keeps the inverse tame


@dataclass(frozen=True)
class Quantized:
    """A weight in few bits: code times scale is what it says."""

    codes: npt.NDArray[np.int8]  # [O, I]; -8 to 7 in 4 bits
    scales: npt.NDArray[np.float16]  # [O, G], f16 as the file holds them

    def weights(self) -> npt.NDArray[np.float32]:
        """What the codes say, [O, I]."""
        scales = np.repeat(self.scales.astype(np.float32), self.codes.shape[1] // self.scales.shape[1], axis=1)
        return (self.codes.astype(np.float32) * scales).astype(np.float32)

    def blocks(self) -> npt.NDArray[np.uint8]:
        """Groups of 32 as Q4_0 of ggml, [O, G * 18]: the scale, then 16 bytes; low nibbles hold weights 0 to 15, high ones 16 to 31."""
        nibbles = (self.codes + 8).astype(np.uint8).reshape(*self.scales.shape, 2, GROUP // 2)
        scales = self.scales.astype("<f2")[..., None].view(np.uint8)
        return np.concatenate([scales, nibbles[:, :, 0] | nibbles[:, :, 1] << 4], axis=-1).reshape(len(self.codes), -1)


def input_products(module: PreTrainedModel, rows: npt.NDArray[np.int64], layers: Sequence[str]) -> dict[str, Array]:
    """X^T X [I, I] of the inputs that each of these linear layers gets while the module reads the rows [R, T], padding apart.

    One pass for all layers, each with the inputs that the unquantized layers below give it.
    Raises PipelineError for inputs that are not finite.
    """
    sums = _zeros(module, layers)
    with torch.inference_mode():
        for _, seen, kept in _readings(module, rows, layers):
            for name, (inputs, _) in seen.items():
                found = inputs[kept]
                sums[name] += found.T @ found
    return _finite(sums)


def steering_products(module: PreTrainedModel, rows: npt.NDArray[np.int64], layers: Sequence[str], *, seed: int) -> dict[str, Array]:
    """input_products where each input counts by how much the model's distribution depends on what the layer makes of it.

    X^T S X, S diagonal: for each position the mean over the outputs of the squared slope of -log p(y), y drawn from the model itself.
    So a row's cost is near its share of the KL divergence (GuidedQuant, Kim et al. 2025, arXiv 2505.07004, with one group).
    Raises PipelineError for inputs or slopes that are not finite.
    """
    sums = _zeros(module, layers)
    generator = torch.Generator().manual_seed(seed_of(seed, "steering"))
    for logits, seen, kept in _readings(module, rows, layers):
        told = logits[kept]
        below = told.detach().softmax(dim=-1).cumsum(dim=-1)
        drawn = torch.searchsorted(below, torch.rand(len(told), 1, generator=generator)).clamp(max=told.shape[-1] - 1)
        loss = torch.nn.functional.cross_entropy(told, drawn[:, 0], reduction="sum")
        slopes = torch.autograd.grad(loss, [outputs for _, outputs in seen.values()])
        for (name, (inputs, _)), slope in zip(seen.items(), slopes, strict=True):
            found = inputs.detach()[kept] * slope[kept].square().mean(dim=-1, keepdim=True).sqrt()
            sums[name] += found.T @ found
    return _finite(sums)


def _readings(
    module: PreTrainedModel, rows: npt.NDArray[np.int64], layers: Sequence[str]
) -> Iterator[tuple[Tensor, dict[str, tuple[Tensor, Tensor]], Tensor]]:
    """Some rows at a time: the logits, inputs and outputs of each layer, and which positions [R, T] are no padding."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str, layer: torch.nn.Module, inputs: tuple[Tensor], outputs: Tensor) -> None:
        seen[name] = (inputs[0], outputs)

    hooks = [module.get_submodule(name).register_forward_hook(partial(keep, name)) for name in layers]
    try:
        for ids in in_parts(rows):
            if len(ids):
                yield module(input_ids=ids, use_cache=False).logits, {name: seen[name] for name in layers}, ids != IDS[PAD]
    finally:
        for hook in hooks:
            hook.remove()


def _zeros(module: PreTrainedModel, layers: Sequence[str]) -> dict[str, Tensor]:
    sizes = {name: inputs_of(module.get_submodule(name)) for name in layers}
    return {name: torch.zeros(size, size, dtype=torch.float64) for name, size in sizes.items()}


def _finite(sums: dict[str, Tensor]) -> dict[str, Array]:
    if wrong := [name for name, total in sums.items() if not total.isfinite().all()]:
        raise PipelineError(
            f"the inputs of {', '.join(wrong)}, or the slopes behind, are not finite", mend="a model without NaN as export.source"
        )
    return {name: total.numpy() for name, total in sums.items()}


def inputs_of(layer: torch.nn.Module) -> int:
    """How many inputs a linear layer has; gpt2's, whose weight is [I, O], too."""
    weight = cast(Tensor, layer.weight)
    return weight.shape[0] if isinstance(layer, Conv1D) else weight.shape[1]


def quantize(weight: npt.NDArray[np.float32], products: Array, *, group_size: int = GROUP) -> Quantized:
    """4-bit codes and scales for a weight [O, I], I a multiple of group_size, with small |X weight^T - X quantized^T|.

    products = X^T X of the inputs X, each weighed or not. With products of zero each weight is rounded to its nearest code.
    Scales are rounded to f16 before anything is divided by them.
    """
    if not products.any():
        return in_4_bits(weight, group_size=group_size)
    exact, costs = weight.astype(np.float64), damped(products)
    return _descended(exact, _balanced(exact, costs, group_size), costs)


def _balanced(weight: Array, costs: Array, group_size: int) -> Quantized:
    """GPTQ. The scale of a group comes from its weights as they stand when its turn comes, by ggml's rule (the extreme becomes -8)."""
    left = weight.copy()
    factor = np.linalg.cholesky(np.linalg.inv(costs)).T  # upper; row i tells how the error of input i is spread
    codes = np.zeros(weight.shape, dtype=np.int8)
    scales = np.zeros((weight.shape[0], weight.shape[1] // group_size), dtype=np.float16)
    for group, start in enumerate(range(0, weight.shape[1], group_size)):
        stop = start + group_size
        scales[:, group] = _scale(left[:, start:stop])
        scale = scales[:, group].astype(np.float64)
        errors = np.zeros((len(left), group_size))
        for place in range(start, stop):
            codes[:, place] = _round(left[:, place], scale)
            errors[:, place - start] = (left[:, place] - codes[:, place] * scale) / factor[place, place]
            left[:, place:stop] -= np.outer(errors[:, place - start], factor[place, place:stop])
        left[:, stop:] -= errors @ factor[start:stop, stop:]
    return Quantized(codes, scales)


def _descended(weight: Array, found: Quantized, costs: Array) -> Quantized:
    """Group after group of each row, the scale that is best for its codes, then each code that is best for all else: a row's error e
    costs e costs e^T, and no step makes it dearer but by the rounding of a scale."""
    codes, scales = found.codes.astype(np.float64), found.scales.astype(np.float64)
    size = codes.shape[1] // scales.shape[1]
    error = weight - codes * np.repeat(scales, size, axis=1)
    for _ in range(_SWEEPS):
        for group in range(scales.shape[1]):
            part = slice(group * size, (group + 1) * size)
            own, within = codes[:, part], costs[part, part]
            pull = error @ costs[:, part]  # half of how fast a row's cost falls as its weights grow
            bend = ((own @ within) * own).sum(axis=1)
            step = np.divide((pull * own).sum(axis=1), bend, out=np.zeros_like(bend), where=bend > 0)
            scale = (scales[:, group] + step).astype(np.float16).astype(np.float64)
            pull -= ((scale - scales[:, group])[:, None] * own) @ within
            for place in range(size):
                code = _round(own[:, place] * scale + pull[:, place] / within[place, place], scale)
                pull -= np.outer((code - own[:, place]) * scale, within[place])
                own[:, place] = code
            scales[:, group] = scale
            error[:, part] = weight[:, part] - own * scale[:, None]
    return Quantized(codes.astype(np.int8), scales.astype(np.float16))


def in_4_bits(weight: npt.NDArray[np.float32], *, group_size: int) -> Quantized:
    """What `quantize` gives with products of zero: each weight to its nearest code."""
    groups = weight.astype(np.float64).reshape(-1, group_size)
    scales = _scale(groups)
    codes = _round(groups, np.repeat(scales[:, None], group_size, axis=1))
    return Quantized(codes.reshape(weight.shape), scales.reshape(len(weight), -1))


def in_8_bits(weight: npt.NDArray[np.float32], *, group_size: int) -> Quantized:
    """8-bit codes, -127 to 127, and scales for a weight [O, I], each weight to its nearest: 8 bits need no steering."""
    groups = weight.reshape(len(weight), -1, group_size)
    scales = (np.abs(groups).max(axis=2) / _MOST).astype(np.float16)
    wide = scales.astype(np.float32)[..., None]
    exact = np.divide(groups, wide, out=np.zeros_like(groups), where=wide != 0)
    return Quantized(np.rint(exact).clip(-_MOST, _MOST).astype(np.int8).reshape(weight.shape), scales)


def damped(products: Array) -> Array:
    """The products with something added to their diagonal: a row's error e costs e products e^T, which is what `quantize` makes small."""
    damping = _DAMPING * np.diagonal(products).mean() or 1.0  # inputs that are always zero: nothing to make up for
    return products.astype(np.float64) + damping * np.eye(len(products))


def _scale(group: Array) -> npt.NDArray[np.float16]:
    """[O] from [O, I / G]: the weight of largest magnitude, sign kept, over -8."""
    extreme = np.take_along_axis(group, np.abs(group).argmax(axis=1, keepdims=True), axis=1)[:, 0]
    return (extreme / -8).astype(np.float16)


def _round(column: Array, scale: Array) -> npt.NDArray[np.int8]:
    exact = np.divide(column, scale, out=np.zeros_like(column), where=scale != 0)
    return np.floor(exact + 0.5).clip(-8, 7).astype(np.int8)  # halves go up, as in ggml

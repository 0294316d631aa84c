"""Products in eight bits, where a GPU has them: the linear maps inside the layers, their gradients too.

tokens M, outputs N, inputs K; a matrix has one scale, by its own largest number (Micikevicius et al. 2022, arXiv 2209.05433)
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pipeline.core.errors import PipelineError

OF_VALUES, OF_GRADIENTS = torch.float8_e4m3fn, torch.float8_e5m2  # three bits of fraction; two, for a wider range
MULTIPLE = 16  # of each side of a matrix, for the units
LEAST = (8, 9)  # compute capability: Ada and Hopper are the first that have them
TINY = 1e-12  # keeps the scale of a matrix of zeros finite


def refuse_without(device: str, *, section: str) -> None:
    """PipelineError, with the device's name, where it has no units for it."""
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu and torch.cuda.get_device_capability() >= LEAST:
        return
    name = torch.cuda.get_device_name() if on_gpu else "this CPU"
    raise PipelineError(
        f"{name} has no products in fp8: they need a GPU of compute capability {LEAST[0]}.{LEAST[1]} or more, as the H100",
        mend=f"{section}.precision={'bf16' if on_gpu else 'fp32'}",
    )


@contextmanager
def products(module: nn.Module, matrices: Collection[str]) -> Iterator[None]:
    """The linear maps of these weights compute in fp8 while the module learns; what is evaluated is as without it."""
    maps = [part for name, part in module.named_modules() if isinstance(part, nn.Linear) and f"{name}.weight" in set(matrices)]
    fitting = [one for one in maps if not any(side % MULTIPLE for side in one.weight.shape)]
    for one in fitting:
        setattr(one, "forward", partial(_forward, one))  # noqa: B010 - of this map alone, not of its class
    try:
        yield
    finally:
        for one in fitting:
            delattr(one, "forward")


def _forward(linear: nn.Linear, inputs: Tensor) -> Tensor:
    """As nn.Linear's own, in bf16, where it is evaluated or the tokens are no multiple."""
    flat = inputs.flatten(0, -2)
    if not linear.training or len(flat) % MULTIPLE:
        return nn.functional.linear(inputs, linear.weight, linear.bias)
    product: Tensor = _Product.apply(flat, linear.weight)  # type: ignore[no-untyped-call]
    product = product.view(*inputs.shape[:-1], -1)
    return product if linear.bias is None else product + linear.bias.to(product.dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Float[Tensor, "M K"], weight: Float[Tensor, "N K"]) -> Float[Tensor, "M N"]:
        small, of_inputs = _small(inputs, OF_VALUES)
        matrix, of_weight = _small(weight, OF_VALUES)
        ctx.save_for_backward(small, of_inputs, matrix, of_weight)
        ctx.kinds = inputs.dtype, weight.dtype
        return _multiplied(small, of_inputs, matrix.t(), of_weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Float[Tensor, "M N"]) -> tuple[Float[Tensor, "M K"], Float[Tensor, "N K"]]:
        small, of_inputs, matrix, of_weight = ctx.saved_tensors
        kind, kind_of_weight = ctx.kinds
        gradient, of_gradient = _small(gradients[0], OF_GRADIENTS)
        back = _multiplied(gradient, of_gradient, _by_columns(matrix), of_weight)
        slope = _multiplied(gradient.t().contiguous(), of_gradient, _by_columns(small), of_inputs)
        return back.to(kind), slope.to(kind_of_weight)


def _small(matrix: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """The matrix in eight bits, and what it is multiplied by to be itself again."""
    scale = matrix.detach().abs().amax().float().clamp(min=TINY) / torch.finfo(kind).max
    return (matrix / scale).to(kind).contiguous(), scale


def _by_columns(matrix: Tensor) -> Tensor:
    """The same, its columns in one run: the units read the second factor so."""
    return matrix.t().contiguous().t()


def _multiplied(left: Tensor, of_left: Tensor, right: Tensor, of_right: Tensor) -> Tensor:
    return torch._scaled_mm(left, right, scale_a=of_left, scale_b=of_right, out_dtype=torch.bfloat16)

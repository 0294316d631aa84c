"""Weights in parts: each rank keeps a share of the rows of every weight, its gradient and its moments (FSDP2, Zhao et al. 2023).

A layer's weights are whole on all ranks while it computes, and gradients are summed into the parts. What an optimizer, a mean or a
checkpoint needs of it stands here; on tensors that are in no parts all of these do nothing.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from pipeline.train import ranks


def sharded(module: nn.Module, device: str) -> nn.Module:
    """A copy of the module whose weights lie in parts on all ranks, those of each layer together. Gradients are sums over the ranks."""
    mesh = init_device_mesh(device, (ranks.world(),))
    own = copy.deepcopy(module).to(device)
    for layer in _layers(own):
        fully_shard(layer, mesh=mesh)
    fully_shard(own, mesh=mesh, reshard_after_forward=True)  # else it were whole after an evaluation
    for part in own.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
    module.to("cpu")  # until it gets the weights back
    return own


def in_parts(tensor: Tensor) -> bool:
    """Whether each rank has a part of it."""
    return isinstance(tensor, DTensor)


@torch.no_grad()
def local(tensor: Tensor) -> Tensor:
    """This rank's part, in the memory of the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def whole(tensor: Tensor) -> Tensor:
    """All of it, from all ranks, which ask together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def cut(tensor: Tensor, like: Tensor) -> Tensor:
    """This rank's part of a whole tensor that lies as another one does."""
    if not isinstance(like, DTensor):
        return tensor
    parts = distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
    return parts.to_local()


def joined(part: Tensor, like: Tensor) -> Tensor:
    """Parts of a tensor, one a rank, as the tensor: in the shape of another one and lying as it does."""
    if not isinstance(like, DTensor):
        return part
    return DTensor.from_local(part, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride())


def stacked(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """This rank's parts of weights of one shape, which lie as `like` does, as one tensor of all of them."""
    stack = torch.stack(list(parts))
    if not isinstance(like, DTensor):
        return stack
    places = [Shard(one.dim + 1) if isinstance(one, Shard) else one for one in like.placements]
    shape = torch.Size([len(parts), *like.shape])
    stride = torch.empty(shape, device="meta").stride()
    return DTensor.from_local(stack, like.device_mesh, places, run_check=False, shape=shape, stride=stride)


@torch.no_grad()
def put(own: Tensor, value: Tensor) -> None:
    """Copy into it a whole tensor, or one that lies as it does."""
    local(own).copy_(local(value) if in_parts(value) else cut(value, own))


def gathered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole, and those that were in parts on the CPU of the first rank alone: one after the other, so no device ever holds two of them."""
    found = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if ranks.rank() == 0:
            found[name] = full.cpu() if in_parts(tensor) else full
    return found


def _layers(module: nn.Module) -> list[nn.Module]:
    """The members of its outermost lists."""
    if isinstance(module, nn.ModuleList):
        return list(module)
    return [layer for part in module.children() for layer in _layers(part)]

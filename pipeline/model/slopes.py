"""The parts of a layer of llama's kind, with their slopes written out: fewer passes over memory than what autograd makes of them, and fewer
steps of Python.

Matrices are multiplied in the type that autocast asks for; norms, and what the layers hand on, stay as they are.

real tokens M, tokens that go on N, width D, heads H, key and value heads K, head size S, inner width I; padded rows B of length L
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

Slopes = tuple[Tensor | None, ...]


class Normed(torch.autograd.Function):
    """RMSNorm (Zhang and Sennrich 2019): x r w, r = 1 / sqrt(mean(x^2) + epsilon)."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        unit, shrunk = _unit(numbers, epsilon)
        ctx.save_for_backward(unit, shrunk, scale)
        ctx.kind = numbers.dtype
        return unit * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        unit, shrunk, scale = ctx.saved_tensors
        back, of_scale = _norm_slopes(slope, unit, shrunk, scale)
        return back.to(ctx.kind), of_scale, None


@dataclass(frozen=True)
class Grid:
    """Where heads stand: next to each other for each real token, or for attention in rows of a head each, which are padded on the right.

    There all queries come first, then keys, then values, one vector of S a place.
    """

    rows: int  # B
    length: int  # L
    heads: int  # H
    groups: int  # K
    spread: Int[Tensor, " P"]  # for each place of the rows, which of the M x (H + 2 K) vectors; at padding those of the token before
    gathered: Int[Tensor, " Q"]  # for each of these vectors, its place in the rows
    cos: Float[Tensor, "M 1 S"]  # of RoPE
    sin: Float[Tensor, "M 1 S"]  # likewise, signed
    unseen: Float[Tensor, "L L"]  # added to the scores: -inf for what comes later

    @property
    def queries(self) -> int:
        """Places of queries in the rows."""
        return self.rows * self.heads * self.length

    def parts(self, flat: Float[Tensor, "P S"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, L, S], keys and values [B, K, L, S]: views."""
        some = self.rows * self.groups * self.length
        q, k, v = flat.split([self.queries, some, some])
        shape = (self.rows, -1, self.length, flat.shape[-1])
        return q.view(shape), k.view(shape), v.view(shape)


def grid_of(real: Tensor, *, heads: int, groups: int, frequencies: Tensor) -> Grid:
    """Of right-padded rows in which these are real."""
    rows, length = real.shape
    at = real.flatten().nonzero()[:, 0]
    source = (real.flatten().cumsum(0) - 1).clamp(min=0).view(rows, 1, length)
    each = heads + 2 * groups
    numbers = torch.arange(each, device=real.device).view(1, -1, 1)
    kinds = (numbers[:, :heads], numbers[:, heads : heads + groups], numbers[:, heads + groups :])
    spread = torch.cat([(source * each + some).flatten() for some in kinds])
    places, begin = [], 0
    for some in kinds:
        many = some.shape[1]
        places.append(begin + (at // length * many * length + at % length)[:, None] + torch.arange(many, device=at.device) * length)
        begin += rows * many * length
    angles = (at % length)[:, None] * frequencies
    sines = angles.sin()
    cos, sin = torch.cat([angles.cos()] * 2, -1)[:, None], torch.cat([-sines, sines], -1)[:, None]
    unseen = torch.full((length, length), -torch.inf, device=real.device).triu(1)
    return Grid(rows, length, heads, groups, spread, torch.cat(places, 1).flatten(), cos, sin, unseen)


class Heads(torch.autograd.Function):
    """From hidden states to queries, keys and values as a Grid has them: norm, matrices, norms of q and k (if any), RoPE."""

    @staticmethod
    def forward(
        ctx: Any, grid: Grid, epsilon: float, hidden: Tensor, norm: Tensor, of_q: Tensor | None, of_k: Tensor | None, *matrices: Tensor
    ) -> Tensor:
        """[P, S] of [M, D]."""
        joined = torch.cat(matrices)
        joined = joined.to(_kind(joined))
        unit, shrunk = _unit(hidden, epsilon)
        read = (unit * norm).to(joined.dtype)
        both, size = grid.heads + grid.groups, grid.cos.shape[-1]
        heads = F.linear(read, joined).view(len(hidden), -1, size)
        turning, kept = heads[:, :both], ()
        if of_q is not None and of_k is not None:
            scale = torch.cat([of_q.expand(grid.heads, -1), of_k.expand(grid.groups, -1)])
            head_unit, head_shrunk = _unit(turning, epsilon)
            turning, kept = head_unit * scale, (head_unit, head_shrunk, scale)
        ready = torch.empty_like(heads, dtype=turning.dtype)
        torch.addcmul(turning * grid.cos, turning.roll(size // 2, -1), grid.sin, out=ready[:, :both])
        ready[:, both:] = heads[:, both:]
        ctx.grid, ctx.rows = grid, [len(one) for one in matrices]
        ctx.kinds = hidden.dtype, matrices[0].dtype
        ctx.save_for_backward(unit, shrunk, norm, read, joined, *kept)
        return ready.flatten(0, 1).index_select(0, grid.spread)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        unit, shrunk, norm, read, joined, *kept = ctx.saved_tensors
        grid: Grid = ctx.grid
        both, size = grid.heads + grid.groups, grid.cos.shape[-1]
        back = slope.index_select(0, grid.gathered).view(len(unit), -1, size)
        turned = back[:, :both]
        turned = torch.addcmul(turned * grid.cos, turned.roll(size // 2, -1), grid.sin, value=-1)
        of_q = of_k = None
        if kept:
            turned, of_scale = _norm_slopes(turned, *kept)
            of_q, of_k = of_scale[: grid.heads].sum(0), of_scale[grid.heads :].sum(0)
        back[:, :both] = turned
        flat = back.flatten(1).to(joined.dtype)
        of_matrices = (flat.t() @ read).to(ctx.kinds[1]).split(ctx.rows)
        of_hidden, of_norm = _norm_slopes((flat @ joined).to(unit.dtype), unit, shrunk, norm)
        return None, None, of_hidden.to(ctx.kinds[0]), of_norm, of_q, of_k, *of_matrices


class Attended(torch.autograd.Function):
    """What each query takes from the keys before it, in short rows: their scores fit into a processor's cache, and are kept."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, scaling: float, flat: Tensor) -> Tensor:
        """[B x H x L, S] of [P, S]."""
        q, k, v = _grouped(grid, flat)
        unseen = grid.unseen.to(flat.dtype).repeat(grid.heads // grid.groups, 1)
        shares = torch.baddbmm(unseen, q, k.transpose(1, 2), alpha=scaling).softmax(-1)
        ctx.grid, ctx.scaling = grid, scaling
        ctx.save_for_backward(flat, shares)
        return torch.bmm(shares, v).view(-1, flat.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        flat, shares = ctx.saved_tensors
        back = torch.empty_like(flat)
        (q, k, v), (of_q, of_k, of_v) = _grouped(ctx.grid, flat), _grouped(ctx.grid, back)
        slope = slope.view_as(q)
        torch.bmm(shares.transpose(1, 2), slope, out=of_v)
        of_shares = torch.bmm(slope, v.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype).mul_(ctx.scaling)
        torch.bmm(of_scores, k, out=of_q)
        torch.bmm(of_scores.transpose(1, 2), q, out=of_k)
        return None, None, back


def _grouped(grid: Grid, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The queries of all heads that share a key one after another: [B x K, H / K x L, S]; keys and values [B x K, L, S]."""
    q, k, v = grid.parts(flat)
    many, size = grid.rows * grid.groups, flat.shape[-1]
    return q.view(many, -1, size), k.view(many, -1, size), v.view(many, -1, size)


class Behind(torch.autograd.Function):
    """The rest of a layer, for the tokens that go on: what attention has mixed is added, then what the gated part makes of the sum.

    silu(x) = x sigmoid(x), with the slope sigmoid(x) (1 - silu(x)) + silu(x).
    """

    @staticmethod
    def forward(ctx: Any, places: Tensor, epsilon: float, hidden: Tensor, mixed: Tensor, norm: Tensor, *matrices: Tensor) -> Tensor:
        """[N, D] of [N, D] and of what lies at places [N x H] of mixed [.., S]. Matrices: out, gate, up, down."""
        out, gate, up, down = (one.to(_kind(one)) for one in matrices)
        taken = mixed.index_select(0, places).view(len(hidden), -1).to(out.dtype)
        middle = F.linear(taken, out).add_(hidden) if hidden.dtype == out.dtype else F.linear(taken, out) + hidden
        unit, shrunk = _unit(middle, epsilon)
        read = (unit * norm).to(out.dtype)
        opened, raised = F.linear(read, gate), F.linear(read, up)
        bent = opened.sigmoid()
        opened = opened.mul_(bent)
        inner = opened * raised
        ctx.save_for_backward(places, taken, unit, shrunk, norm, read, bent, opened, raised, inner, out, gate, up, down)
        ctx.shape, ctx.kinds = mixed.shape, (hidden.dtype, mixed.dtype, matrices[0].dtype)
        added = F.linear(inner, down)
        return added.add_(middle) if added.dtype == middle.dtype else added + middle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        places, taken, unit, shrunk, norm, read, bent, opened, raised, inner, out, gate, up, down = ctx.saved_tensors
        of_hidden, of_mixed, of_matrix = ctx.kinds
        last = slope.to(out.dtype)
        of_down, back = last.t() @ inner, last @ down
        of_raised = back * opened
        of_opened = back.mul_(raised).mul_((1 - opened).mul_(bent).add_(opened))
        of_gate, of_up = of_opened.t() @ read, of_raised.t() @ read
        of_read = (of_opened @ gate).addmm_(of_raised, up).to(unit.dtype)
        of_middle, of_norm = _norm_slopes(of_read, unit, shrunk, norm)
        middle = of_middle.to(slope.dtype).add_(slope)
        last = middle.to(out.dtype)
        of_out = last.t() @ taken
        of_places = torch.zeros(ctx.shape, dtype=of_mixed, device=slope.device)
        of_places.index_copy_(0, places, (last @ out).view(-1, ctx.shape[1]).to(of_mixed))
        weights = [one.to(of_matrix) for one in (of_out, of_gate, of_up, of_down)]
        return None, None, middle.to(of_hidden), of_places, of_norm, *weights


def _kind(weight: Tensor) -> torch.dtype:
    """In which it is to be multiplied."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) and weight.dtype == torch.float32 else weight.dtype


def _unit(numbers: Float[Tensor, "*M D"], epsilon: float) -> tuple[Float[Tensor, "*M D"], Float[Tensor, "*M 1"]]:
    """Vectors without a scale, and what they were multiplied by."""
    wide = torch.promote_types(numbers.dtype, torch.float32)
    norms = torch.linalg.vector_norm(numbers, dim=-1, keepdim=True, dtype=wide)
    shrunk = norms.square_().div_(numbers.shape[-1]).add_(epsilon).rsqrt_()
    return numbers * shrunk, shrunk


def _norm_slopes(slope: Tensor, unit: Tensor, shrunk: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Of a norm's numbers, and of its scale, which may be that of each head [H, S]."""
    along = slope * unit
    width = scale.shape[-1]
    radial = along @ scale if scale.dim() == 1 else (along * scale).sum(-1)
    back = torch.addcmul(slope * scale, unit, radial.div_(width).unsqueeze(-1), value=-1).mul_(shrunk)
    return back, along.flatten(0, -1 - scale.dim()).sum(0)

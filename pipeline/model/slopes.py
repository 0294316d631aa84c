"""The parts of a layer of llama's kind, with their slopes written out: fewer passes over memory than what autograd makes of them, and fewer
steps of Python.

Matrices are multiplied in the type that autocast asks for; norms, and what the layers hand on, stay as they are.

real tokens M, tokens that go on N, width D, heads H, key and value heads K, head size S, inner width I; padded rows B of length L,
places P
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.model.plain import turns_at, unit

Slopes = tuple[Tensor | None, ...]


class Normed(torch.autograd.Function):
    """RMSNorm: x r w, r = 1 / sqrt(mean(x^2) + epsilon)."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        straight, shrunk = unit(numbers, epsilon)
        ctx.save_for_backward(straight, shrunk, scale)
        ctx.kind = numbers.dtype
        return straight * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        back, of_scale = _norm_slopes(slope.clone(), *ctx.saved_tensors)
        return back.to(ctx.kind), of_scale, None


@dataclass(frozen=True)
class Grid:
    """Where heads stand: next to each other for each real token, or for attention in rows of a head each, which are padded on the right.

    There all queries come first, then keys, then values, one vector of S a place. At padding stands what the token before has.
    """

    shape: torch.Size  # [B, L]
    heads: int  # H
    groups: int  # K
    spread: Int[Tensor, " B_HK_L"]  # for each place of queries and keys, which of the M x (H + K) vectors
    spread_values: Int[Tensor, " B_K_L"]  # for each place of values, which of the M x K
    at: Int[Tensor, "M HK"]  # the place of each query and key
    values_at: Int[Tensor, "M K"]  # of each value, behind the others'
    turns: Complex[Tensor, "M 1 half"]  # of RoPE
    unseen: Float[Tensor, "HL L"]  # added to the scores of the heads that share a key: -inf for what comes later

    @property
    def queries_at(self) -> Int[Tensor, "M H"]:
        """The place of each query."""
        return self.at[:, : self.heads]

    def parts(self, flat: Float[Tensor, "P S"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, L, S], keys and values [B, K, L, S]: views."""
        rows, length = self.shape
        each = rows * self.groups * length
        q, k, v = flat.split([rows * self.heads * length, each, each])
        shape = (rows, -1, length, flat.shape[-1])
        return q.view(shape), k.view(shape), v.view(shape)


def grid_of(real: Bool[Tensor, "B L"], config: Any, frequencies: Float[Tensor, " half"], kind: torch.dtype) -> Grid:
    """Of right-padded rows in which these are real."""
    rows, length = real.shape
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    at = real.flatten().nonzero()[:, 0]
    source = (real.flatten().cumsum(0) - 1).clamp(min=0).view(rows, 1, length)

    def places(many: int, first: int) -> Tensor:
        starts = torch.arange(many, device=at.device) * length + first
        return (at // length * many * length + at % length)[:, None] + starts

    def spread(numbers: Tensor, each: int) -> Tensor:
        return (source * each + numbers[:, None]).flatten()

    both, keys = torch.arange(heads + groups, device=at.device), rows * heads * length
    return Grid(
        shape=real.shape,
        heads=heads,
        groups=groups,
        spread=torch.cat([spread(both[:heads], len(both)), spread(both[heads:], len(both))]),
        spread_values=spread(both[:groups], groups),
        at=torch.cat([places(heads, 0), places(groups, keys)], 1),
        values_at=places(groups, 0),
        turns=turns_at(at % length, frequencies)[:, None],
        unseen=torch.full((length, length), -torch.inf, dtype=kind, device=at.device).triu(1).repeat(heads // groups, 1),
    )


class Heads(torch.autograd.Function):
    """From hidden states to queries, keys and values as a Grid has them: norm, matrices, norms of q and k (if any), RoPE."""

    @staticmethod
    def forward(
        ctx: Any, grid: Grid, epsilon: float, hidden: Tensor, norm: Tensor, of_q: Tensor | None, of_k: Tensor | None, *matrices: Tensor
    ) -> Tensor:
        """[P, S] of [M, D]. Matrices: q, k, v."""
        size, kind = 2 * grid.turns.shape[-1], _kind(matrices[0])
        both, last = torch.cat(matrices[:2]).to(kind), matrices[2].to(kind)
        straight, shrunk = unit(hidden, epsilon)
        read = (straight * norm).to(kind)
        heads, values = (F.linear(read, one).view(-1, size) for one in (both, last))
        kept: tuple[Tensor, ...] = ()
        if of_q is not None and of_k is not None:
            scale = torch.cat([of_q.expand(grid.heads, -1), of_k.expand(grid.groups, -1)])
            kept = (*unit(heads.view(-1, *scale.shape), epsilon), scale)
            heads = kept[0] * scale
        heads = _paired(heads.view(len(hidden), -1, size), grid.turns).view(-1, size)
        ctx.grid, ctx.rows, ctx.kinds = grid, len(matrices[0]), (hidden.dtype, matrices[0].dtype)
        ctx.save_for_backward(straight, shrunk, norm, read, both, last, *kept)
        flat = torch.empty(len(grid.spread) + len(grid.spread_values), size, dtype=heads.dtype, device=heads.device)
        torch.index_select(heads, 0, grid.spread, out=flat[: len(grid.spread)])
        torch.index_select(values.to(heads.dtype), 0, grid.spread_values, out=flat[len(grid.spread) :])
        return flat

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        straight, shrunk, norm, read, both, last, *kept = ctx.saved_tensors
        grid: Grid = ctx.grid
        size, many = slope.shape[-1], len(grid.spread)
        heads = slope[:many].index_select(0, grid.at.flatten()).view(len(read), -1, size)
        heads = _parted(heads, grid.turns)
        of_q = of_k = None
        if kept:
            heads, of_scale = _norm_slopes(heads, *kept)
            of_q, of_k = of_scale[: grid.heads].sum(0), of_scale[grid.heads :].sum(0)
        heads = heads.flatten(1).to(read.dtype)
        values = slope[many:].index_select(0, grid.values_at.flatten()).view(len(read), -1).to(read.dtype)
        matrices = (heads.t() @ read).split([ctx.rows, len(both) - ctx.rows])
        of_read = (heads @ both).addmm_(values, last).to(straight.dtype)
        of_hidden, of_norm = _norm_slopes(of_read, straight, shrunk, norm)
        of_matrices = (one.to(ctx.kinds[1]) for one in (*matrices, values.t() @ read))
        return None, None, of_hidden.to(ctx.kinds[0]), of_norm, of_q, of_k, *of_matrices


class Attended(torch.autograd.Function):
    """What each query takes from the keys before it, in short rows: their scores fit into a processor's cache, and are kept."""

    @staticmethod
    def forward(ctx: Any, grid: Grid, scaling: float, flat: Tensor) -> Tensor:
        """[B x H x L, S] of [P, S]."""
        q, k, v = _grouped(grid, flat)
        shares = torch.baddbmm(grid.unseen, q, k.transpose(1, 2), alpha=scaling).softmax(-1)
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
    many, size = grid.shape[0] * grid.groups, flat.shape[-1]
    return q.view(many, -1, size), k.view(many, -1, size), v.view(many, -1, size)


class Behind(torch.autograd.Function):
    """The rest of a layer, for the tokens that go on: what attention has mixed is added, then what the gated part makes of the sum."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, epsilon: float, hidden: Tensor, mixed: Tensor, norm: Tensor, *matrices: Tensor) -> Tensor:
        """[N, D] of [N, D] and of what lies at places [N x H] of mixed [.., S]. Matrices: out, gate, up, down."""
        out, gate, up, down = (one.to(_kind(one)) for one in matrices)
        taken = mixed.index_select(0, places).view(len(hidden), -1).to(out.dtype)
        middle = F.linear(taken, out).add_(hidden) if hidden.dtype == out.dtype else F.linear(taken, out) + hidden
        straight, shrunk = unit(middle, epsilon)
        read = (straight * norm).to(out.dtype)
        opened, raised = F.linear(read, gate), F.linear(read, up)
        bent = F.silu(opened)
        inner = bent * raised
        ctx.save_for_backward(places, taken, straight, shrunk, norm, read, opened, bent, raised, inner, out, gate, up, down)
        ctx.shape, ctx.kinds = mixed.shape, (hidden.dtype, mixed.dtype, matrices[0].dtype)
        added = F.linear(inner, down)
        return added.add_(middle) if added.dtype == middle.dtype else added + middle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Slopes:
        places, taken, straight, shrunk, norm, read, opened, bent, raised, inner, out, gate, up, down = ctx.saved_tensors
        of_hidden, of_mixed, of_matrix = ctx.kinds
        last = slope.to(out.dtype)
        of_down, back = last.t() @ inner, last @ down
        of_raised = back * bent
        of_opened = torch.ops.aten.silu_backward(back.mul_(raised), opened)
        of_gate, of_up = of_opened.t() @ read, of_raised.t() @ read
        of_read = (of_opened @ gate).addmm_(of_raised, up).to(straight.dtype)
        of_middle, of_norm = _norm_slopes(of_read, straight, shrunk, norm)
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


def _paired(heads: Float[Tensor, "M H S"], turns: Complex[Tensor, "M 1 half"]) -> Float[Tensor, "M H S"]:
    """Turned by RoPE, with numbers i and i + S / 2, which are turned as a pair, next to each other: of queries and keys the product is the
    same."""
    wide = heads.to(torch.promote_types(heads.dtype, torch.float32))
    pairs = torch.complex(*wide.chunk(2, -1)) * turns
    return torch.view_as_real(pairs).flatten(-2).to(heads.dtype)


def _parted(heads: Float[Tensor, "M H S"], turns: Complex[Tensor, "M 1 half"]) -> Float[Tensor, "M H S"]:
    """The way back."""
    wide = heads.to(torch.promote_types(heads.dtype, torch.float32))
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2))) * turns.conj()
    return torch.cat([pairs.real, pairs.imag], -1).to(heads.dtype)


def _norm_slopes(slope: Tensor, straight: Tensor, shrunk: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Of a norm's numbers, written over `slope`, and of its scale, which may be that of each head [H, S]."""
    along = slope * straight
    radial = along @ scale if scale.dim() == 1 else (along * scale).sum(-1)
    back = slope.mul_(scale).addcmul_(straight, radial.div_(scale.shape[-1]).unsqueeze(-1), value=-1).mul_(shrunk)
    return back, along.flatten(0, -1 - scale.dim()).sum(0)

"""Texts with several ends, read in one row by layers of llama's kind: what they begin with once, and each end apart from the others.

Only places that predict something wanted pass the last layer's matrices and the head. Rows of like lengths are read together, few enough at
a time for a processor's cache. What many texts begin with, as examples before problems, can be read once for all of them.

batch B, time T, tokens before P, width D, places N, vocabulary V; log-probabilities in nats
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pipeline.model.plain import Plain
from pipeline.tokens.special import IDS, PAD

Ids = Sequence[int] | npt.NDArray[np.int64]
Past = list[tuple[Tensor, Tensor]] | None  # keys and values [1 K P S] of a beginning that all rows have, by layer
AT_ONCE = {"cpu": 1024}  # tokens; more leave the second cache (2 MB): 512 to 1024 were fastest of 128 to 8192
AT_ONCE_ELSEWHERE = 65_536
SHARED = 32  # tokens that texts begin with alike: from so many on they are read once


@dataclass(frozen=True)
class Text:
    """A beginning of at least one token, and ends of at least one token each."""

    begin: Ids
    ends: Sequence[Ids] = ()
    known: int = 1  # tokens of the beginning that are given; those behind them count

    @property
    def width(self) -> int:
        """Tokens that are read: the last of an end predicts nothing."""
        return len(self.begin) + sum(len(end) - 1 for end in self.ends) - (not self.ends)


class Sums(NamedTuple):
    """Log-probabilities, and whether each token is the likeliest: of what counts of the beginning, and of each end."""

    begin: float
    ends: list[float]
    begin_greedy: bool
    ends_greedy: list[bool]


@torch.no_grad()
def sums(module: Any, texts: Sequence[Text], *, rows: int, shared: bool = False) -> list[Sums]:
    """Of each text, `rows` of them at a time at most; `shared`: what several begin with is read once, which changes last bits alone."""
    plain, found = Plain(module), list[Sums | None]([None] * len(texts))
    device = str(plain.embedding.device)
    turns = plain.turns(max((len(text.begin) + max(map(len, text.ends), default=0) for text in texts), default=0))
    for head, members in _alike(texts) if shared else [(0, list(range(len(texts))))]:
        past = _past(plain, turns, texts[members[0]].begin[:head]) if head else None
        left = [Text(texts[one].begin[head:], texts[one].ends, texts[one].known - head) for one in members]
        for numbers in _batches([text.width for text in left], rows=rows, tokens=AT_ONCE.get(device, AT_ONCE_ELSEWHERE)):
            for number, one in zip(numbers, _read(plain, turns, [left[number] for number in numbers], past), strict=True):
                found[members[number]] = one
    return [one for one in found if one is not None]


def _alike(texts: Sequence[Text]) -> Iterator[tuple[int, list[int]]]:
    """Tokens with which some texts begin alike, none of which counts, and the numbers of these texts; at last all others."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, text in enumerate(texts):
        groups.setdefault(tuple(text.begin[: min(SHARED, text.known - 1)]), []).append(number)
    alone = list[int]()
    for begin, members in groups.items():
        if len(begin) < SHARED or len(members) < 2:
            alone += members
            continue
        begins = sorted(tuple(texts[number].begin) for number in members)
        same = next((at for at, (one, other) in enumerate(zip(begins[0], begins[-1], strict=False)) if one != other), len(begins[0]))
        yield min(same, *(texts[number].known - 1 for number in members)), members
    if alone:
        yield 0, alone


def _past(plain: Plain, turns: tuple[Tensor, Tensor], ids: Ids) -> list[tuple[Tensor, Tensor]]:
    """The keys and values [1 K P S] of a beginning, by layer."""
    hidden, found = plain.embedding[torch.as_tensor(np.asarray(ids), device=plain.embedding.device)][None], list[tuple[Tensor, Tensor]]()
    cos, sin = (one[: len(ids), None] for one in turns)
    for layer in plain.layers:
        mixed, k, v = plain.attended(hidden, layer, cos, sin, None)
        hidden = plain.behind(hidden, mixed, layer)
        found.append((k, v))
    return found


def _batches(widths: Sequence[int], *, rows: int, tokens: int) -> Iterator[list[int]]:
    """Numbers of texts of like widths."""
    batch: list[int] = []
    for number in sorted(range(len(widths)), key=widths.__getitem__):
        if batch and (len(batch) == rows or (len(batch) + 1) * widths[number] > tokens):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


@dataclass(frozen=True)
class _Rows:
    """Texts as rows, and what is predicted where; a sum of log-probabilities is wanted for each beginning and each end."""

    ids: Int[Tensor, "B T"]
    positions: Int[Tensor, "B T"]
    mask: Float[Tensor, "B 1 T P_T"] | None  # added to the scores; None: each token sees all before it
    places: Int[Tensor, " N"]  # of the rows, flat
    targets: Int[Tensor, " N"]  # the token that comes next
    owners: npt.NDArray[np.int64]  # [N] the sum that each belongs to


def _rows_of(texts: Sequence[Text], device: torch.device, before: int) -> _Rows:
    longest = max(1, *(text.width for text in texts))
    ids = np.full((len(texts), longest), IDS[PAD], dtype=np.int64)
    positions, branches = np.zeros_like(ids), np.zeros_like(ids)
    places, targets, owners = list[npt.NDArray[np.int64]](), list[Ids](), list[int]()
    owner = 0
    for row, text in enumerate(texts):
        read = len(text.begin) if text.ends else len(text.begin) - 1
        ids[row, :read], positions[row, :read] = text.begin[:read], np.arange(read)
        places.append(row * longest + np.arange(text.known - 1, len(text.begin) - 1))
        targets.append(text.begin[text.known :])
        owners += [owner] * (len(text.begin) - text.known)
        at, last = read, row * longest + read - 1
        for number, end in enumerate(text.ends, start=1):
            more = slice(at, at + len(end) - 1)
            ids[row, more], positions[row, more], branches[row, more] = end[:-1], np.arange(read, read + len(end) - 1), number
            places += [np.array([last]), row * longest + np.arange(at, at + len(end) - 1)]
            targets.append(end)
            owners += [owner + number] * len(end)
            at = more.stop
        owner += 1 + len(text.ends)
    apart = branches.max() > 1 or before > 0
    return _Rows(
        ids=torch.from_numpy(ids).to(device),
        positions=torch.from_numpy(positions + before).to(device),
        mask=F.pad(_apart(torch.from_numpy(branches).to(device)), (before, 0)) if apart else None,  # all see what was read before
        places=torch.from_numpy(np.concatenate(places)).to(device),
        targets=torch.from_numpy(np.concatenate([np.asarray(some, dtype=np.int64) for some in targets])).to(device),
        owners=np.array(owners, dtype=np.int64),
    )


def _apart(branches: Int[Tensor, "B T"]) -> Float[Tensor, "B 1 T T"]:
    """0 where a token sees another before it: of the beginning (branch 0), or of its own end."""
    of, seen = branches[:, :, None], branches[:, None, :]
    visible: Bool[Tensor, "B T T"] = ((seen == 0) | (of == seen)).tril()
    return torch.zeros(visible.shape, device=branches.device).masked_fill_(~visible, -torch.inf)[:, None]


def _read(plain: Plain, turns: tuple[Tensor, Tensor], texts: Sequence[Text], past: Past) -> Iterator[Sums]:
    rows = _rows_of(texts, plain.embedding.device, 0 if past is None else past[0][0].shape[2])
    nats, greedy = _predicted(plain, turns, rows, past)
    amount = sum(1 + len(text.ends) for text in texts)
    totals = np.bincount(rows.owners, weights=nats, minlength=amount).tolist()
    likeliest = (np.bincount(rows.owners, weights=~greedy, minlength=amount) == 0).tolist()
    at = 0
    for text in texts:
        end = at + 1 + len(text.ends)
        yield Sums(totals[at], totals[at + 1 : end], likeliest[at], likeliest[at + 1 : end])
        at = end


def _predicted(
    plain: Plain, turns: tuple[Tensor, Tensor], rows: _Rows, past: Past
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The log-probability [N] of each token that is predicted, and whether it is the likeliest [N]."""
    hidden = plain.embedding[rows.ids]
    cos, sin = (one[rows.positions][:, :, None] if rows.mask is not None else one[: rows.ids.shape[1], None] for one in turns)
    mask = None if rows.mask is None else rows.mask.to(hidden.dtype)
    *before, last = plain.layers
    *known, known_last = [None] * len(plain.layers) if past is None else past
    for layer, some in zip(before, known, strict=True):
        mixed, *_ = plain.attended(hidden, layer, cos, sin, mask, some)
        hidden = plain.behind(hidden, mixed, layer)
    mixed, *_ = plain.attended(hidden, last, cos, sin, mask, known_last)
    hidden, mixed = hidden.flatten(0, 1)[rows.places], mixed.flatten(0, 1)[rows.places]
    logits = plain.logits(plain.behind(hidden, mixed, last)).float()
    nats = -F.cross_entropy(logits, rows.targets, reduction="none")
    greedy = logits.gather(1, rows.targets[:, None])[:, 0] >= logits.amax(1)
    return nats.double().cpu().numpy(), greedy.cpu().numpy()

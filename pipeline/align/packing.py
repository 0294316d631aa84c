"""Several dialogues in one row of SFT, so that little of a batch is padding; none is cut, and none sees another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from pipeline.model.batches import right_padded
from pipeline.tokens.dialogues import IGNORE_INDEX, Example
from pipeline.tokens.pack import best_fit
from pipeline.tokens.special import IDS, PAD

Packing = Literal["none", "best_fit"]


@dataclass(frozen=True)
class PackedRow:
    """Dialogues one after the other. By their positions, from 0 in each, the model tells them apart."""

    ids: list[int]
    labels: list[int]  # IGNORE_INDEX at the first token of each
    positions: list[int]


def pack(examples: Sequence[Example], *, length: int) -> list[PackedRow]:
    """Rows of at most `length` tokens, by best-fit decreasing (Ding et al. 2024). ValueError for a dialogue that is longer."""
    sizes = np.array([len(example.ids) for example in examples], np.int64)
    if len(sizes) and sizes.max() > length:
        raise ValueError(f"a dialogue of {sizes.max()} tokens does not fit a row of {length}")
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    layout = best_fit(starts, sizes, row=length)
    dialogues = np.searchsorted(starts, layout.runs[:, 0], side="right") - 1
    return [_row([examples[number] for number in dialogues[first:last]]) for first, last in zip(layout.rows, layout.rows[1:], strict=False)]


def fill(rows: Sequence[PackedRow], *, length: int) -> float:
    """The share of the rows that is no padding."""
    return sum(len(row.ids) for row in rows) / (len(rows) * length)


def padded(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """A batch of rows. The mask tells which of it is no padding, whose positions are 0."""
    ids, real = right_padded([row["input_ids"] for row in rows], fill=IDS[PAD], device="cpu")
    labels, _ = right_padded([row["labels"] for row in rows], fill=IGNORE_INDEX, device="cpu")
    positions, _ = right_padded([row["positions"] for row in rows], fill=0, device="cpu")
    return {"input_ids": ids, "labels": labels, "position_ids": positions, "attention_mask": real.long()}


def _row(dialogues: Sequence[Example]) -> PackedRow:
    """The labels of a dialogue's first token would be foretold by the end of the one before."""
    return PackedRow(
        [token for one in dialogues for token in one.ids],
        [label for one in dialogues for label in (IGNORE_INDEX, *one.labels[1:])],
        [place for one in dialogues for place in range(len(one.ids))],
    )

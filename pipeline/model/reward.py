"""What a reward model says of whole dialogues."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core.progress import progress
from pipeline.model import memory
from pipeline.model.batches import right_padded
from pipeline.tokens.special import IDS, PAD


def rewards_of(judge: PreTrainedModel, sequences: Sequence[Sequence[int]], *, batch: int) -> Float[Tensor, " N"]:
    """The judge's number for each dialogue, read at its last token, `batch` at a time; no unit, only differences mean something.

    Of a judge with several heads it is their mean.
    """
    return rewards_by_head(judge, sequences, batch=batch).mean(dim=1)


@torch.no_grad()
def rewards_by_head(judge: PreTrainedModel, sequences: Sequence[Sequence[int]], *, batch: int) -> Float[Tensor, "N H"]:
    """The number of each head of the judge for each dialogue."""
    judge.eval()  # type: ignore[no-untyped-call]
    rewards = torch.empty(len(sequences), int(judge.config.num_labels or 1), device=judge.device)
    need = memory.Need(0, memory.passing(judge, tokens=max(map(len, sequences), default=0)))
    need.refuse_beyond(memory.free(str(judge.device)), rows=min(batch, len(sequences)), key=None)
    order = sorted(range(len(sequences)), key=lambda number: len(sequences[number]))  # batches of like length waste little padding
    for start in progress(range(0, len(order), batch), "rewards"):
        numbers = order[start : start + batch]
        ids, real = right_padded([sequences[number] for number in numbers], fill=IDS[PAD], device=str(judge.device))
        rewards[numbers] = judge(input_ids=ids, attention_mask=real.long()).logits.float()
    return rewards

"""How likely a model finds a text.

rows N, batch B, time T, vocabulary V; log-probabilities in nats
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.model import branches, memory
from pipeline.model.branches import Text
from pipeline.model.plain import is_plain
from pipeline.tokens.special import IDS, PAD

Tokens = Sequence[int] | npt.NDArray[np.int64]


def token_logprobs(module: PreTrainedModel, rows: Int[Tensor, "N T"]) -> Float[Tensor, "N T-1"]:
    """The log-probability of each token but the first, given those before it. Gradients flow."""
    everywhere = torch.ones_like(rows)  # padding stands on the right, where nothing looks back at it; without a mask transformers warns
    logits = module(input_ids=rows, attention_mask=everywhere, use_cache=False).logits[:, :-1]
    return chosen_logprobs(logits, rows[:, 1:])


def chosen_logprobs(logits: Float[Tensor, "N T V"], tokens: Int[Tensor, "N T"]) -> Float[Tensor, "N T"]:
    """The log-probability of each of these tokens under its logits."""
    flat = -F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), reduction="none")
    return flat.view(tokens.shape)


@torch.no_grad()
def answer_logprobs(module: PreTrainedModel, sequences: Sequence[tuple[Tokens, Tokens]], *, batch: int) -> Float[Tensor, " N"]:
    """The log-probability of each answer after its prompt, `batch` sequences at a time. Padding changes nothing."""
    _refuse_beyond_memory(module, rows=min(batch, len(sequences)), tokens=max((len(one) + len(two) for one, two in sequences), default=0))
    found = torch.zeros(len(sequences))
    order = sorted(range(len(sequences)), key=lambda number: len(sequences[number][0]) + len(sequences[number][1]))
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        rows, counted = _padded([sequences[number] for number in numbers])
        logprobs = token_logprobs(module, rows.to(module.device))
        found[numbers] = (logprobs * counted.to(module.device)).sum(1).cpu()
    return found


@torch.no_grad()
def document_nats(
    module: PreTrainedModel, documents: Sequence[npt.NDArray[np.int64]], *, window: int, stride: int, batch: int
) -> Float[Tensor, " N"]:
    """What each document costs, in nats: every token after the first counts exactly once.

    Windows of `window` tokens start every `stride` tokens, so that a token has at least `window - stride` tokens before it
    (fewer only at the beginning of its document).
    """
    spans = [(number, *span) for number, ids in enumerate(documents) for span in _spans(len(ids), window=window, stride=stride)]
    _refuse_beyond_memory(module, rows=min(batch, len(spans)), tokens=window)
    nats = torch.zeros(len(documents), dtype=torch.float64)
    if is_plain(module):
        texts = [Text(documents[number][first:last], known=fresh - first) for number, first, fresh, last in spans]
        for (number, *_), one in zip(spans, branches.sums(module, texts, rows=batch), strict=True):
            nats[number] -= one.begin
        return nats
    for start in range(0, len(spans), batch):
        some = spans[start : start + batch]
        pieces = [documents[number][first:last] for number, first, _, last in some]
        known = [fresh - first for _, first, fresh, _ in some]
        rows, counted = _padded([(piece[:given], piece[given:]) for piece, given in zip(pieces, known, strict=True)])
        costs = -(token_logprobs(module, rows.to(module.device)) * counted.to(module.device)).sum(1)
        nats.index_add_(0, torch.tensor([number for number, *_ in some]), costs.double().cpu())
    return nats


def _refuse_beyond_memory(module: PreTrainedModel, *, rows: int, tokens: int) -> None:
    memory.Need(0, memory.scoring(module, tokens=tokens)).refuse_beyond(memory.free(str(module.device)), rows=rows, key=None)


def _spans(tokens: int, *, window: int, stride: int) -> list[tuple[int, int, int]]:
    """(first, fresh, last): read from first to last, count from fresh on."""
    if not 0 < stride < window:
        raise ValueError(f"a stride of {stride} does not fit a window of {window}: it must be at least 1 and below the window")
    spans, counted = [], 1
    while counted < tokens:
        last = min(tokens, window if counted == 1 else counted + stride)
        spans.append((max(0, last - window), counted, last))
        counted = last
    return spans


def _padded(sequences: Sequence[tuple[Tokens, Tokens]]) -> tuple[Int[Tensor, "B T"], Float[Tensor, "B T-1"]]:
    """Prompt and answer in one row each, padded on the right, and 1 where a prediction is of an answer's token."""
    longest = max(len(prompt) + len(answer) for prompt, answer in sequences)
    rows = np.full((len(sequences), longest), IDS[PAD], dtype=np.int64)
    counted = np.zeros((len(sequences), longest - 1), dtype=np.float32)
    for number, (prompt, answer) in enumerate(sequences):
        end = len(prompt) + len(answer)
        rows[number, :end] = [*prompt, *answer]
        counted[number, max(0, len(prompt) - 1) : end - 1] = 1
    return torch.from_numpy(rows), torch.from_numpy(counted)

"""Beam search: the answer whose tokens are likeliest together, of those that a few best beginnings lead to.

beams K, vocabulary V
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from pipeline.model.decode import reordering
from pipeline.tokens.special import END, IDS


class Found(NamedTuple):
    """An answer, without the token that ended it, and its log-probability (with that token), divided as it was ranked."""

    ids: list[int]
    score: float


@torch.no_grad()
def beam_search(
    module: PreTrainedModel, prompt: Sequence[int], *, beams: int, max_new: int, length_penalty: float, ends: Sequence[int] = (IDS[END],)
) -> list[Found]:
    """The best `beams` answers of at most `max_new` tokens, the best first; one beam alone, ranked without a penalty, is greedy decoding.

    An answer of n tokens, its end among them, is ranked by its log-probability over n ** length_penalty (Wu et al. 2016, without the
    constant); 0 ranks by the log-probability alone. It goes on until no beginning can come up to the worst of the best.
    """
    decoder, stops = reordering(module), set(ends)
    logprobs = decoder.begin([list(prompt)], room=max_new).float().log_softmax(-1)
    scores, texts, done = torch.zeros(1, device=logprobs.device), [list[int]()], list[Found]()
    for length in range(1, max_new + 1):
        together = (scores[:, None] + logprobs).flatten()
        best = together.topk(min((1 + len(stops)) * beams, len(together)))  # that many go on even if all ends are among them
        rows, tokens, kept = list[int](), list[int](), list[float]()
        for rank, (score, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            row, token = divmod(place, logprobs.shape[-1])
            if token not in stops:
                rows, tokens, kept = [*rows, row], [*tokens, token], [*kept, score]
            elif rank < beams:  # an end counts where the beginning would have gone on
                done.append(Found(texts[row], score / length**length_penalty))
            if len(rows) == beams:
                break
        done = sorted(done, key=lambda one: -one.score)[:beams]
        texts = [[*texts[row], token] for row, token in zip(rows, tokens, strict=True)]
        if length == max_new:
            done += [Found(text, score / length**length_penalty) for text, score in zip(texts, kept, strict=True)]
            break
        reach = max_new if length_penalty > 0 else length  # divided by more, a negative number grows
        if not rows or (len(done) == beams and done[-1].score >= kept[0] / reach**length_penalty):
            break
        scores = torch.tensor(kept, device=logprobs.device)
        decoder.keep(torch.tensor(rows, device=logprobs.device))
        logprobs = decoder.step(torch.tensor(tokens, device=logprobs.device)).float().log_softmax(-1)
    return sorted(done, key=lambda one: -one.score)[:beams]

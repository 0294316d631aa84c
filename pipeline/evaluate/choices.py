"""How likely a model finds each of several continuations of a context. The context is read once for all of them: in one row with them
(model/branches) by layers of llama's kind, by a cache of keys and values in all others.

The rule: the sum of the log-probabilities of a continuation's tokens, with no correction for length; what divides it is the task's affair.

batch B, continuations C, time T, vocabulary V
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pipeline.core.progress import progress
from pipeline.evaluate.items import Continued
from pipeline.model import branches, memory
from pipeline.model.batches import left_padded, right_padded
from pipeline.model.branches import Text
from pipeline.model.plain import is_plain
from pipeline.model.score import chosen_logprobs
from pipeline.tokens.special import IDS, PAD

Asked = tuple[Sequence[int], Sequence[Sequence[int]]]  # the ids of a context, the ids of each continuation
Ends = Sequence[tuple[int, ...]]
ROOM = 128  # tokens of continuations in a row, beyond as many as the context has: to skip those of others costs more than to read it again


@torch.no_grad()
def continued(module: PreTrainedModel, asked: Sequence[Asked], *, batch: int, shared: bool = False) -> list[list[Continued]]:
    """What the model makes of each continuation of each context, about `batch` continuations at a time. Padding changes nothing.

    `shared`: many contexts begin alike, as with the same examples; layers of llama's kind read that once.
    """
    if not asked:
        return []
    room = max(1, batch // max(len(choices) for _, choices in asked))
    _refuse_beyond_memory(module, asked, rows=batch)
    if is_plain(module):
        return _in_branches(module, asked, rows=room, shared=shared)
    found: list[list[Continued]] = [[] for _ in asked]
    order = sorted(range(len(asked)), key=lambda number: _length(asked[number]))  # like lengths waste little padding
    for start in progress(range(0, len(order), room), "choices scored"):
        numbers = order[start : start + room]
        for number, values in zip(numbers, _score(module, [asked[number] for number in numbers]), strict=True):
            found[number] = values
    return found


def _in_branches(module: PreTrainedModel, asked: Sequence[Asked], *, rows: int, shared: bool) -> list[list[Continued]]:
    """Several continuations in a row, behind all that they begin with; equal ones once."""
    texts, owners = list[Text](), list[tuple[int, Ends]]()
    for number, (context, choices) in enumerate(asked):
        different = sorted(set(map(tuple, choices)))
        common = _common(different)
        begin = [*context, *different[0][:common]]
        for some in _together(different, room=len(begin) + ROOM):
            texts.append(Text(begin, [one[common:] for one in some], known=len(context)))
            owners.append((number, some))
    known: list[dict[tuple[int, ...], Continued]] = [{} for _ in asked]
    for (number, some), found in zip(owners, branches.sums(module, texts, rows=rows, shared=shared), strict=True):
        for one, nats, greedy in zip(some, found.ends, found.ends_greedy, strict=True):
            known[number][one] = Continued(found.begin + nats, found.begin_greedy and greedy)
    return [[some[tuple(choice)] for choice in choices] for some, (_, choices) in zip(known, asked, strict=True)]


def _common(different: Ends) -> int:
    """Tokens that all of them, which are sorted, begin with; each keeps one of its own."""
    first, last = different[0], different[-1]
    same = next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return min(same, min(map(len, different)) - 1)


def _together(choices: Ends, *, room: int) -> Iterator[Ends]:
    """Runs of so many tokens at most, or of one continuation."""
    some: list[tuple[int, ...]] = []
    for choice in choices:
        if some and sum(map(len, some)) + len(choice) > room:
            yield some
            some = []
        some.append(choice)
    yield some


def _length(one: Asked) -> int:
    return len(one[0]) + max(map(len, one[1]))


def _score(module: PreTrainedModel, asked: Sequence[Asked]) -> list[list[Continued]]:
    cache = DynamicCache(config=module.config)
    before, seen = left_padded([context for context, _ in asked], fill=IDS[PAD], device=str(module.device))
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    read = {"attention_mask": seen, "position_ids": positions, "past_key_values": cache, "use_cache": True}
    first = module(input_ids=before, logits_to_keep=1, **read).logits[:, -1].float().log_softmax(-1)
    owners = torch.tensor([number for number, (_, choices) in enumerate(asked) for _ in choices], device=module.device)
    choices = [choice for _, some in asked for choice in some]
    heads = torch.tensor([choice[0] for choice in choices], device=module.device)
    nats, greedy = first[owners, heads], first.argmax(-1)[owners] == heads
    longer = torch.tensor([number for number, choice in enumerate(choices) if len(choice) > 1], dtype=torch.long, device=module.device)
    if len(longer):
        own = owners[longer]
        cache.reorder_cache(own)  # type: ignore[arg-type]  # batch_select_indices knows no layers with a state
        more, all_greedy = _rest(module, [choices[number] for number in longer.tolist()], cache, seen[own])
        nats[longer] += more
        greedy[longer] &= all_greedy
    values = map(Continued, nats.tolist(), greedy.tolist())
    return [[next(values) for _ in some] for _, some in asked]


def _rest(
    module: PreTrainedModel, choices: Sequence[Sequence[int]], cache: DynamicCache, seen: Int[Tensor, "C T"]
) -> tuple[Tensor, Tensor]:
    """Of all tokens of a continuation but its first: the log-probability [C], and whether each is the likeliest [C].

    Padding stands on the right, where nothing sees it.
    """
    rows, real = right_padded(choices, fill=IDS[PAD], device=str(module.device))
    read, counted = rows[:, :-1], real[:, 1:]
    positions = seen.sum(1, keepdim=True) + torch.arange(read.shape[1], device=module.device)
    mask = torch.cat([seen, torch.ones_like(read)], 1)
    logits = module(input_ids=read, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True).logits
    nats = (chosen_logprobs(logits, rows[:, 1:]) * counted).sum(1)
    return nats, ((logits.argmax(-1) == rows[:, 1:]) | ~counted).all(1)


def _refuse_beyond_memory(module: PreTrainedModel, asked: Sequence[Asked], *, rows: int) -> None:
    before, after = max(len(context) for context, _ in asked), max(len(choice) for _, choices in asked for choice in choices)
    row = memory.sampling(module, prompt=before, new=after) + memory.scoring(module, tokens=after)
    memory.Need(0, row).refuse_beyond(memory.free(str(module.device)), rows=min(rows, sum(len(some) for _, some in asked)), key=None)

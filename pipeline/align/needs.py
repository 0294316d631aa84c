"""What a step of a method takes of memory, known without its library: see model/memory for what is counted."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from pipeline.model import memory
from pipeline.model.memory import Need

SIDES = {
    "sft": 1,
    "kto": 1,
    "reward": 2,
    "dpo": 2,
    "cpo": 2,
    "orpo": 2,
    "simpo": 2,
}  # sequences of a row, by method
_COLUMNS = 64  # bytes a token of the whole batch: three columns of 8 in this batch and in the next, which is fetched ahead, and their lists
_TILE, _TILES = 4096, 7  # tokens that TRL's fused head takes at once, and what it holds of them, in logits (measured)


def fine_tuning(module: PreTrainedModel, *, batch: int, at_once: int, sides: int, longest: int, tiled: bool) -> Need:
    """Of a step on `batch` rows, `at_once` of them together, and of the scoring of held-out rows after the last.

    A row has `sides` sequences of `longest` tokens at most. `tiled`: the fused head of sft and dpo looks at the vocabulary tile by tile.
    """
    tokens = at_once * sides * longest
    tile = min(_TILE, tokens) if tiled else tokens
    once = memory.state(module) + memory.logits(module, tokens=tile, copies=_TILES) + _COLUMNS * batch * sides * longest
    return Need(once, max(sides * memory.learning(module, tokens=longest), memory.scoring(module, tokens=longest)))


def exploring(learners: Sequence[PreTrainedModel], *, longest: int, new: int) -> tuple[Need, Need]:
    """Of sampling `new` tokens after prompts of `longest`, and of an update on them. The policy is the first of those that learn."""
    policy, state = learners[0], memory.state(*learners)
    written = memory.logits(policy, tokens=new, copies=5)  # themselves, their softmax, and its gradient or the terms of the entropy
    rollout = max(memory.sampling(policy, prompt=longest, new=new), memory.passing(policy, tokens=longest + new) + written)
    return Need(state, rollout), Need(state, memory.learning(policy, tokens=longest + new) + written)

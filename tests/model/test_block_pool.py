"""A pool of cache blocks: what is shared, what leaves, and that the logits know nothing of it."""

from collections.abc import Sequence

import pytest
import torch

from pipeline.core.seed import stream
from pipeline.model.block_pool import BlockPool
from pipeline.model.build import build
from pipeline.model.decode import decoder_of
from pipeline.model.paged import SIZE, Paged
from tests.tiny_shape import SHAPE


def put(pool: BlockPool, ids: Sequence[int]) -> list[int]:
    """Hold a sequence as a decoder does; the blocks of its beginning that were held."""
    names = pool.names(ids)
    found = pool.held(names)
    pool.use(names)
    for name in names[len(found) :]:
        if (block := pool.room(names)) is not None:
            pool.hold(name, block)
    pool.use(names)
    return found


def test_sequences_share_the_blocks_in_which_they_begin_alike() -> None:
    pool = BlockPool(blocks=8, size=2)
    put(pool, [1, 2, 3, 4, 5])
    assert pool.used == 2, "whole blocks alone"
    assert len(put(pool, [1, 2, 3, 4, 6, 7])) == 2
    assert len(put(pool, [1, 2, 9, 9])) == 1
    assert put(pool, [3, 4]) == [], "a block is what stands before it, too"
    assert pool.used == 5


def test_the_least_recently_used_leaves_its_end_before_its_beginning() -> None:
    pool = BlockPool(blocks=4, size=1)
    put(pool, [1, 2])
    put(pool, [3, 4])
    put(pool, [1])
    put(pool, [5, 6])
    assert [len(pool.held(pool.names(ids))) for ids in ([1, 2], [3, 4], [5, 6])] == [1, 1, 2]
    assert (pool.used, pool.evicted) == (4, 2)
    put(pool, range(10, 20))
    assert pool.held(pool.names(range(10, 20))) == pool.held(pool.names(range(10, 14))), "a prompt never drives its own beginning out"
    assert pool.used == 4


def test_every_beginning_that_is_held_is_held_from_its_first_block() -> None:
    pool, rng = BlockPool(blocks=6, size=1), stream(1, "pool")
    for _ in range(300):
        put(pool, rng.integers(3, size=rng.integers(1, 6)).tolist())
        assert pool.used <= 6
    reached = {name for first in range(3) for name in _reached(pool, [first])}
    assert reached == set(pool._held), "a block behind one that left would be lost"


def _reached(pool: BlockPool, ids: list[int]) -> list[bytes]:
    names = pool.names(ids)
    return [] if names[-1] not in pool._held else [names[-1], *(name for more in range(3) for name in _reached(pool, [*ids, more]))]


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    """Some begin alike; of lengths around whole blocks."""
    ids = stream(2, "prompts").integers(8, 64, size=(3, 60)).tolist()
    alike = [[*ids[0][:40], *ids[number][40 : 40 + more]] for number, more in ((0, 0), (1, 8), (2, 9), (0, 20))]
    return [*alike, ids[1][:SIZE], ids[2][:3]]


def test_logits_and_tokens_are_those_without_a_pool_whatever_was_read_before(prompts: list[list[int]]) -> None:
    module = build(SHAPE | {"context": 96}, vocabulary=64, seed=1)
    used, plain = Paged(module, memory=1 << 20), decoder_of(module)
    tiny = Paged(module, memory=1)
    with torch.inference_mode():
        for prompt in [*prompts, *reversed(prompts)]:
            first = Paged(module, memory=1 << 20).begin([prompt], room=4)
            assert torch.equal(used.begin([prompt], room=4), first), "to the bit, found or read"
            assert torch.equal(tiny.begin([prompt], room=4), first)
            wanted = plain.begin([prompt], room=4)
            torch.testing.assert_close(first, wanted, rtol=1e-5, atol=1e-5)
            for _ in range(3):
                token = wanted.argmax(-1)
                wanted, found = plain.step(token), used.step(token)
                torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert used.found == (len(prompts[0]) - 1) // SIZE * SIZE
    assert used.pool.found > 0
    for own in (used.pool, tiny.pool):
        assert own.used + len(own._free) == own.blocks, "a prompt of whole blocks that is asked again loses none"
    assert (tiny.pool.blocks, tiny.pool.used) == (1, 1)
    assert tiny.pool.evicted > 0

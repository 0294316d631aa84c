"""Which beginnings of prompts a fixed number of cache blocks holds (PagedAttention's prefix sharing: Kwon et al. 2023, arXiv 2309.06180).

A block is so many tokens of a prompt; it is named by its tokens and all before them, so two prompts share the blocks in which they begin
alike. The least recently used leaves when there is no other room, the end of a prompt before its beginning. Pure: no tensors.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b


class BlockPool:
    """Numbers of blocks, 0 up to `blocks`, by name."""

    def __init__(self, *, blocks: int, size: int) -> None:
        self.blocks, self.size = blocks, size  # tokens of a block
        self.asked = self.found = self.evicted = 0  # tokens of prompts, those of them that were held, blocks that had to leave
        self._free = list(range(blocks))
        self._held: OrderedDict[bytes, int] = OrderedDict()  # the least recently used first

    @property
    def used(self) -> int:
        """Blocks that hold something."""
        return len(self._held)

    def names(self, ids: Sequence[int]) -> list[bytes]:
        """Of the whole blocks that a sequence begins with."""
        found, before = list[bytes](), b""
        for end in range(self.size, len(ids) + 1, self.size):
            before = blake2b(before + array("q", ids[end - self.size : end]).tobytes(), digest_size=16).digest()
            found.append(before)
        return found

    def held(self, names: Sequence[bytes]) -> list[int]:
        """The blocks of the longest beginning that is held."""
        found = list[int]()
        for name in names:
            if name not in self._held:
                break
            found.append(self._held[name])
        return found

    def room(self, names: Sequence[bytes]) -> int | None:
        """A free block for the sequence of these names, of which no block leaves; None where they fill the pool."""
        if not self._free and self._held:
            oldest = next(iter(self._held))
            if oldest not in names:
                self._free.append(self._held.pop(oldest))
                self.evicted += 1
        return self._free[-1] if self._free else None

    def hold(self, name: bytes, block: int) -> None:
        """From now on the block of `room` holds this."""
        self._free.remove(block)
        self._held[name] = block

    def use(self, names: Sequence[bytes]) -> None:
        """These were used now, each after those behind it, which must leave before it."""
        for name in reversed(names):
            if name in self._held:
                self._held.move_to_end(name)

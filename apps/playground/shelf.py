"""The models that are open: each opened when it is first asked, and each with one queue, first come, first served."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import to_thread

from apps.playground.doors import Refused
from pipeline.serve.engines import Engine, codec_of, context_of, opened
from pipeline.serve.places import Place
from pipeline.tokens.codec import Codec

T = TypeVar("T")
BUNDLE = 0.02  # seconds of tokens that go out together: each way between threads costs as much as a token


@dataclass
class Slot:
    """A model's place on the shelf."""

    place: Place
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # wakes who waits in the order in which they came
    waiting: int = 0
    engine: Engine | None = None
    codec: Codec | None = None
    context: int = 0


class Shelf:
    """At most `keep` engines are open, each with `cache` MiB of prompts; for each at most `waiting` requests wait."""

    def __init__(self, found: Mapping[str, Place], *, threads: int, keep: int, waiting: int, cache: int) -> None:
        self.places = found
        self._threads, self._keep, self._waiting, self._cache = threads, keep, waiting, cache
        self._slots = {name: Slot(place) for name, place in found.items()}
        self._recent: list[str] = []  # the open ones, the last used last

    def slot(self, name: str) -> Slot:
        """Refused (404) where there is none of this name."""
        if name not in self._slots:
            raise Refused(404, f"there is no model {name!r}; there are {', '.join(self._slots)}", code="model_not_found", param="model")
        return self._slots[name]

    def codec(self, name: str) -> tuple[Codec, int]:
        """How a model reads text, and how many tokens: for this it need not be open."""
        slot = self.slot(name)
        if slot.codec is None:
            slot.codec, slot.context = codec_of(slot.place.tokenizer), context_of(slot.place)
        return slot.codec, slot.context

    def caches(self) -> dict[str, Mapping[str, int]]:
        """What the pools of the open engines tell, by model."""
        told = {name: slot.engine.cache() for name, slot in self._slots.items() if slot.engine is not None}
        return {name: one for name, one in told.items() if one is not None}

    @asynccontextmanager
    async def taken(self, name: str) -> AsyncIterator[Engine]:
        """The engine of a model for one who asks, after those who asked before. Refused (503) where too many wait."""
        slot = self.slot(name)
        if slot.waiting >= self._waiting:
            raise Refused(503, f"{slot.waiting} requests wait for {name}: try again later", code="overloaded")
        slot.waiting += 1
        try:
            await slot.lock.acquire()
        finally:
            slot.waiting -= 1
        try:
            if slot.engine is None:
                slot.engine = await to_thread.run_sync(lambda: opened(slot.place, threads=self._threads, cache=self._cache))
            self._used(name)
            yield slot.engine
        finally:
            slot.lock.release()

    async def asked(self, name: str, question: Callable[[Engine], T]) -> T:
        """What an engine says at once."""
        async with self.taken(name) as engine:
            return await to_thread.run_sync(question, engine)

    async def streamed(self, name: str, question: Callable[[Engine], Iterator[T]]) -> AsyncIterator[T]:
        """What an engine says bit by bit. Who goes away early stops it within a bundle."""
        async with self.taken(name) as engine:
            said = question(engine)
            try:
                seconds = 0.0  # the first token goes out at once
                while some := await to_thread.run_sync(_some, said, seconds):
                    for one in some:
                        yield one
                    seconds = BUNDLE
            finally:
                if isinstance(said, Generator):
                    said.close()

    def close(self) -> None:
        """All of them."""
        for slot in self._slots.values():
            if slot.engine is not None:
                slot.engine.close()
                slot.engine = None

    def _used(self, name: str) -> None:
        """The last used comes last; what is idle longest makes room."""
        self._recent = [*(one for one in self._recent if one != name), name]
        idle = [one for one in self._recent[:-1] if not self._slots[one].lock.locked()]
        for one in idle[: max(0, len(self._recent) - self._keep)]:
            slot = self._slots[one]
            if slot.engine is not None:
                slot.engine.close()
            slot.engine = None
            self._recent.remove(one)


def _some(said: Iterator[T], seconds: float) -> list[T]:
    """What is said within so many seconds, one piece at least; nothing at the end."""
    found, until = list[T](), time.monotonic() + seconds
    for one in said:
        found.append(one)
        if time.monotonic() >= until:
            break
    return found

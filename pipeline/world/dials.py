"""The dials of the small world, and their ranges."""

from dataclasses import dataclass

from pipeline.core.errors import PipelineError
from pipeline.world.dirt import PLANTS
from pipeline.world.junk import REJECTS
from pipeline.world.pii import PRIVATE


@dataclass(frozen=True, kw_only=True)
class World:
    """The dials of the small world; meanings and units stand in conf/corpus/world.yaml."""

    books: int
    people: int
    places: int
    chapters: tuple[int, int]
    paragraphs: tuple[int, int]
    sentences: int
    go_on: float
    told: float
    dirty: float
    plants: int
    lookalikes: int
    exact: int
    near: int
    rewritten: float
    passages: int
    spans: int
    quotes: int
    leaks: int
    riddles: int
    gibberish: int
    empty: int
    foreign: int
    repetitive: int
    toxic: int


def check(settings: World) -> None:
    """Raise one PipelineError that names every dial out of its range."""
    kinds, single = len(PLANTS) + len(PRIVATE), settings.books - settings.exact - settings.near  # books without a copy
    faults = [
        f"corpus.world.{key}={getattr(settings, key)}: {what}"
        for key, what, good in (
            ("books", "at least 1", settings.books >= 1),
            ("chapters", "at least 1, least before most", 1 <= settings.chapters[0] <= settings.chapters[1]),
            ("paragraphs", "at least 1, least before most", 1 <= settings.paragraphs[0] <= settings.paragraphs[1]),
            ("sentences", "at least 1", settings.sentences >= 1),
            ("go_on", "above 0 and below 1", 0 < settings.go_on < 1),
            ("told", "above 0 and below 1", 0 < settings.told < 1),
            ("dirty", "0..1", 0 <= settings.dirty <= 1),
            ("plants", f"1..{kinds}", 1 <= settings.plants <= kinds),
            ("lookalikes", "not below 0, no more than books", 0 <= settings.lookalikes <= settings.books),
            ("exact", "not below 0, and with near no more than books", 0 <= settings.exact <= settings.books - settings.near),
            ("near", "not below 0, and with exact no more than books", 0 <= settings.near <= settings.books - settings.exact),
            ("rewritten", "above 0, 0.1 at most", 0 < settings.rewritten <= 0.1),
            *(
                (key, "not below 0, no more than books without a copy", 0 <= getattr(settings, key) <= max(0, single))
                for key in ("leaks", "riddles")
            ),
            *(
                (key, "0, or above it and two books without a copy", _common(getattr(settings, key), single))
                for key in ("passages", "spans", "quotes")
            ),
            *((kind, "not below 0", getattr(settings, kind) >= 0) for kind in REJECTS),
        )
        if not good
    ]
    if faults:
        raise PipelineError("the library can't be written:\n  " + "\n  ".join(faults), mend="set these keys within their ranges")


def _common(count: int, single: int) -> bool:
    return count == 0 or (count > 0 and single >= 2)

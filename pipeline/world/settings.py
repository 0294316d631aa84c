"""The settings of the generated world, and their ranges."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import NonNegativeInt, PositiveInt

from pipeline.world.dirt import DIRT_KINDS
from pipeline.world.junk import REJECTS
from pipeline.world.pii import PII_KINDS
from pipeline.world.words import CLAIMED, PEOPLE, PLACES

CLAIMED_RELATIONS = ("pet", "coat", "trade")  # whose values are no people and no places


@dataclass(frozen=True, kw_only=True)
class Claims:
    """The section corpus.claims; documented in conf/corpus/world.yaml."""

    told: tuple[PositiveInt, ...]
    contrary: NonNegativeInt
    each: PositiveInt

    def __post_init__(self) -> None:
        if len(set(self.told)) < len(self.told):
            raise ValueError(f"told {list(self.told)} names a number twice")
        if (wanted := len(self.told) * self.each) > (most := len(CLAIMED) * len(CLAIMED_RELATIONS)):
            raise ValueError(f"{wanted} claims (told x each) are more than {most}, the people and relations there are")


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """The section corpus.world; documented in conf/corpus/world.yaml."""

    books: int
    people: int
    places: int
    chapters: tuple[int, int]
    paragraphs: tuple[int, int]
    min_sentences: int
    continue_probability: float
    fact_share: float
    dirty: float
    dirt_kinds: int
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

    def __post_init__(self) -> None:
        if faults := list(_faults(self)):
            raise ValueError("; ".join(faults))


NO_CLAIMS = Claims(told=(), contrary=0, each=1)


def _faults(settings: WorldConfig) -> Iterator[str]:
    """What is out of its range."""
    kinds, single = len(DIRT_KINDS) + len(PII_KINDS), settings.books - settings.exact - settings.near  # books without a copy
    yield from (
        f"{key} {getattr(settings, key)} is not {what}"
        for key, what, good in (
            ("books", "at least 1", settings.books >= 1),
            ("people", f"4..{len(PEOPLE)}", 4 <= settings.people <= len(PEOPLE)),
            ("places", f"4..{len(PLACES)}", 4 <= settings.places <= len(PLACES)),
            ("chapters", "at least 1, minimum before maximum", 1 <= settings.chapters[0] <= settings.chapters[1]),
            ("paragraphs", "at least 1, minimum before maximum", 1 <= settings.paragraphs[0] <= settings.paragraphs[1]),
            ("min_sentences", "at least 1", settings.min_sentences >= 1),
            ("continue_probability", "above 0 and below 1", 0 < settings.continue_probability < 1),
            ("fact_share", "above 0 and below 1", 0 < settings.fact_share < 1),
            ("dirty", "0..1", 0 <= settings.dirty <= 1),
            ("dirt_kinds", f"1..{kinds}", 1 <= settings.dirt_kinds <= kinds),
            ("lookalikes", "0 or more, at most books", 0 <= settings.lookalikes <= settings.books),
            ("exact", "0 or more, and with near at most books", 0 <= settings.exact <= settings.books - settings.near),
            ("near", "0 or more, and with exact at most books", 0 <= settings.near <= settings.books - settings.exact),
            ("rewritten", "above 0, at most 0.1", 0 < settings.rewritten <= 0.1),
            *(
                (key, "0 or more, at most books without a copy", 0 <= getattr(settings, key) <= max(0, single))
                for key in ("leaks", "riddles")
            ),
            *(
                (key, "0, or more with at least two books without a copy", _possible(getattr(settings, key), single))
                for key in ("passages", "spans", "quotes")
            ),
            *((kind, "0 or more", getattr(settings, kind) >= 0) for kind in REJECTS),
        )
        if not good
    )


def _possible(count: int, single: int) -> bool:
    return count == 0 or (count > 0 and single >= 2)

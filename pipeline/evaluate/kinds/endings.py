"""Which of four sentences goes on with a passage of the held-out text: HellaSwag's question, asked of any text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.intervals import Bootstrap, share
from pipeline.evaluate.benchmarks.problem import right_first
from pipeline.evaluate.items import BITS, BY_BYTE, BY_SUM, BY_TOKEN, LESS_PRIOR, Item, ItemTask, Measure, Scores, bits_row
from pipeline.evaluate.scenes import CHOICES, Scene, scenes
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import HeldOut

LONGEST = "longest ending"  # a player among the baselines


@dataclass(frozen=True, kw_only=True)
class Endings(ItemTask):
    """A task of kind endings. The four scenes that have their endings in common are one cluster."""

    measures: ClassVar[Mapping[str, Measure]] = {
        "choice_less_prior": LESS_PRIOR,  # how common an ending is anywhere says nothing here
        "choice": BY_SUM,
        "choice_by_token": BY_TOKEN,
        "choice_by_byte": BY_BYTE,
    }

    kind: Literal["endings"]
    items: Annotated[int, Field(ge=CHOICES)]  # at most; whole fours
    characters: Annotated[int, Field(ge=40)]  # of a passage, at most

    @property
    def reason(self) -> str:
        return "no source has four held-out sentences of one length that go on within a paragraph"

    @property
    def more_metrics(self) -> tuple[str, ...]:
        return (BITS,)

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Scenes by lot; four whose endings have no room in a row of tokens are left out."""
        found = scenes(given.split, count=self.items, characters=self.characters, stream=partial(given.stream, task))
        items = (_item(given, scene) for scene in found)
        return [item for item in items if item is not None]

    def more(self, name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> list[Row]:
        """Bits a byte of the right endings."""
        return [bits_row(name, task, items, scores, bootstrap)]

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The n-gram model, chance, and the longest ending, which is right once in four by the way the scenes are made."""
        items = self.read(task, given)
        points = [_longest(item) for item in items]
        clusters = [item.cluster for item in items]
        own = [row(LONGEST, task, "choice", share(points, clusters, bootstrap=given.bootstrap))] if items else []
        return [*super().baselines(task, given), *own]


def _item(given: HeldOut, scene: Scene) -> Item | None:
    texts = [f" {text}" for text in right_first(scene.endings, scene.right)]
    ids = [given.ids(text) for text in texts]
    room = int(given.tokens.facts["length"]) - max(map(len, ids))
    if room < 1:
        return None
    context = [*(given.codec.start if scene.begins else ()), *given.ids(scene.context)]
    sizes = [len(text.encode()) for text in texts]
    prior = list(given.codec.start)
    return Item(id=scene.id, cluster=scene.group, context=context[-room:], choices=ids, sizes=sizes, prior=prior)


def _longest(item: Item) -> float:
    """The point where the right ending is the longest; those that tie share it."""
    return (item.sizes[0] == max(item.sizes)) / item.sizes.count(max(item.sizes))

"""A sentence against the same one with two words exchanged, after all that stands before it: which is likelier?

Warstadt et al. 2020 (BLiMP), with pairs made from held-out text. Exchanged neighbours ask for the order of words, exchanged names
for who is who.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pipeline.evaluate.held_out_text import Document, item_at, places
from pipeline.evaluate.items import BY_SUM, Item, ItemTask, Measure, by_lot
from pipeline.evaluate.passages import Change, Passage, changed, sentences
from pipeline.evaluate.task import HeldOut

_FEW = 4  # places looked at for each item: not every sentence can be changed
_REASONS = {
    "words": "no held-out sentence has two words without a capital side by side",
    "names": "no held-out sentence has two names, words with a capital after its first",
}


@dataclass(frozen=True, kw_only=True)
class MinimalPairs(ItemTask):
    """A task of kind minimal_pairs. accuracy: the sentence as it stands is likelier; a tie is half."""

    measures: ClassVar[Mapping[str, Measure]] = {"accuracy": BY_SUM}

    kind: Literal["minimal_pairs"]
    change: Change  # words: neighbours are exchanged; names: words with a capital

    @property
    def reason(self) -> str:
        return _REASONS[self.change]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Sentences by lot that can be changed."""

        def make(place: tuple[Document, Passage]) -> Item | None:
            document, passage = place
            other = changed(passage.text, self.change, given.stream(task, document.id, passage.start))
            return None if other is None else item_at(given, document, passage.start, [passage.text, other])

        found = places(given, sentences, task, count=_FEW * self.items)
        return by_lot(found, make, count=self.items, seed=given.seed, task=task)

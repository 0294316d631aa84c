"""Whether a model goes on in the style and the genre of a passage: the sentence that follows in the book against one of another book.

Next sentence prediction (Devlin et al. 2019) asked of a language model. A sentence that is likely anywhere would win anywhere, so what
counts is by how much the passage makes it likelier than it is at the beginning of a text (Holtzman et al. 2021, arXiv 2104.08315).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pipeline.evaluate.held_out_text import Document, item_at, places
from pipeline.evaluate.items import BY_SUM, LESS_PRIOR, Item, ItemTask, Measure, by_lot
from pipeline.evaluate.passages import Passage, sentences
from pipeline.evaluate.task import HeldOut

_KNOWN = 200  # characters of the book before a sentence, at least
_DRAWN, _NEAR = 64, 8  # sentences that are drawn, and of those of another book how many are compared in length with the right one
_FEW = 4  # places looked at for each item: some stand at the beginning of a book
_REASONS = {
    "genre": "the held-out text has sentences of one source alone",
    "style": "no source has sentences of two held-out documents",
}


@dataclass(frozen=True, kw_only=True)
class NextSentence(ItemTask):
    """A task of kind next_sentence. accuracy: the passage raises the right sentence more than the other; likelier: the right one is the
    likelier behind the passage."""

    measures: ClassVar[Mapping[str, Measure]] = {"accuracy": LESS_PRIOR, "likelier": BY_SUM}

    kind: Literal["next_sentence"]
    kept: Literal["style", "genre"]  # style: the other sentence is of another document of the same source; genre: of another source

    @property
    def reason(self) -> str:
        return _REASONS[self.kept]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Sentences by lot, each against the one of about its length among some of the others."""
        found = places(given, sentences, task, count=_FEW * self.items)

        def make(place: tuple[Document, Passage]) -> Item | None:
            document, passage = place
            drawn = [found[number] for number in given.stream(task, document.id, passage.start).integers(len(found), size=_DRAWN).tolist()]
            near = [one.text for other, one in drawn if self._stands_against(other, document) and one.text != passage.text][:_NEAR]
            if passage.start < _KNOWN or not near:
                return None
            wrong = min(near, key=lambda text: abs(len(text.encode()) - len(passage.text.encode())))
            item = item_at(given, document, passage.start, [passage.text, wrong])
            return item and replace(item, prior=list(given.codec.start))

        return by_lot(found, make, count=self.items, seed=given.seed, task=task)

    def _stands_against(self, other: Document, document: Document) -> bool:
        same = other.source == document.source
        return same and other.book != document.book if self.kept == "style" else not same

"""The last word of a paragraph, after all that stands before it: written, or chosen among last words of other paragraphs.

Paperno et al. 2016 (LAMBADA) ask for the word; the choice tells models apart that are too small to write it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.evaluate.held_out_text import Document, item_at, places
from pipeline.evaluate.items import BY_SUM, EXACT, Item, ItemTask, Measure, by_lot
from pipeline.evaluate.passages import LastWord, last_words
from pipeline.evaluate.task import HeldOut


@dataclass(frozen=True, kw_only=True)
class Cloze(ItemTask):
    """A task of kind cloze. exact: greedy decoding writes the word; choice: it is the likeliest of the choices."""

    measures: ClassVar[Mapping[str, Measure]] = {"exact": EXACT, "choice": BY_SUM}

    kind: Literal["cloze"]
    choices: Annotated[int, Field(ge=2)]  # words, the right one among them; fewer where the text has no more

    @property
    def reason(self) -> str:
        return "no held-out paragraph ends in a word that is separated by blanks"

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Paragraphs by lot; the other words end paragraphs of the same document, or of others where it has few."""
        found = places(given, last_words, task, count=self.items)
        everywhere = [last.word for _, last in found]
        near: dict[str, list[str]] = {}
        for document, last in found:
            near.setdefault(document.book, []).append(last.word)

        def make(place: tuple[Document, LastWord]) -> Item | None:
            document, last = place
            words = [last.word, *self.others(last.word, (near[document.book], everywhere), given.stream(task, document.id, last.start))]
            return item_at(given, document, last.start, words)

        return by_lot(found, make, count=self.items, seed=given.seed, task=task)

    def others(self, word: str, pools: Sequence[Sequence[str]], rng: np.random.Generator) -> list[str]:
        """Different words, the nearest pool first; with the capital or the small letter of the right one while there are enough."""
        chosen: dict[str, str] = {word.lower(): word}
        for alike in (True, False):
            for pool in pools:
                for place in rng.permutation(len(pool)):
                    other = pool[place]
                    if len(chosen) < self.choices and (other[0].isupper() == word[0].isupper()) == alike:
                        chosen.setdefault(other.lower(), other)
        return list(chosen.values())[1:]

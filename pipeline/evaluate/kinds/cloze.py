"""The last word of a paragraph, after all that stands before it: written, or chosen among last words of other paragraphs.

Paperno et al. 2016 (LAMBADA) ask for the word; the choice tells models apart that are too small to write it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.core.seed import stream
from pipeline.evaluate.items import BY_SUM, Item, chance_rows, exact, nothing, score_by_counting, score_by_model, share_rows, some
from pipeline.evaluate.passages import LastWord, last_words
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined, HeldOut, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEASURES = {"exact": exact, "choice": BY_SUM}
NO_WORDS = "no held-out paragraph ends in a word that is separated by blanks"


@dataclass(frozen=True, kw_only=True)
class Cloze:
    """A task of kind cloze."""

    kind: Literal["cloze"]
    items: PositiveInt  # at most
    choices: Annotated[int, Field(ge=2)]  # the right word among them
    ngram: Annotated[int, Field(ge=1, le=4)]  # tokens of the n-gram baseline

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """exact: greedy decoding writes the word; choice: it is the likeliest of the choices."""
        items = self.read(task, given)
        if not items:
            return Result(rows=nothing(given.name, task, list(MEASURES), NO_WORDS))
        scores = score_by_model(module, items, batch=given.batch_size)
        rows, records = share_rows(given.name, task, items, scores, MEASURES, given.bootstrap)
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The n-gram model on the same items, and chance among the choices."""
        if not (items := self.read(task, given)):
            return []
        scores = score_by_counting(given.ngram(self.ngram), items, greedy=True)
        rows, _ = share_rows(f"{self.ngram}-gram", task, items, scores, MEASURES, given.bootstrap)
        return [*rows, *chance_rows(task, items, ["choice"])]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """The items: a seeded choice of paragraphs; the other words end paragraphs of the same document, or of others where it has few."""
        found = [(name, text, last) for name, text in given.documents for last in last_words(text)]
        everywhere = list({last.word.lower(): last.word for _, _, last in found}.values())
        if len(everywhere) < self.choices:
            return []
        near: dict[str, list[str]] = {}
        for name, _, last in found:
            near.setdefault(name, []).append(last.word)
        places = some(range(len(found)), self.items, seed=given.seed, task=task)
        return [self._item(task, given, *found[place], near[found[place][0]], everywhere) for place in places]

    def _item(
        self, task: str, given: HeldOut, name: str, text: str, last: LastWord, near: Sequence[str], everywhere: Sequence[str]
    ) -> Item:
        rng = stream(given.seed, task, name, last.start)
        words = [last.word, *self._others(last.word, near, everywhere, rng)]
        return Item(
            id=f"{name}:{last.start}",
            cluster=name,
            context=given.before(text, last.start, room=max(map(len, words))),
            choices=[given.ids(f" {word}") for word in words],
            sizes=[len(f" {word}".encode()) for word in words],
        )

    def _others(self, word: str, near: Sequence[str], everywhere: Sequence[str], rng: np.random.Generator) -> list[str]:
        """Different words that could stand there as well, in the case of the right one, so that a capital does not tell."""
        chosen: dict[str, str] = {word.lower(): word}
        for words in (near, everywhere):
            for place in rng.permutation(len(words)):
                if len(chosen) == self.choices:
                    break
                other = words[place]
                if other[0].isupper() == word[0].isupper() or words is everywhere:
                    chosen.setdefault(other.lower(), other)
        return list(chosen.values())[1:]

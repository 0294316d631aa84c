"""A sentence against the same one with two words exchanged, after all that stands before it: which is likelier?

Warstadt et al. 2020 (BLiMP), with pairs made from held-out text. Exchanged neighbours ask for the order of words, exchanged names
for who is who.
"""

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.core.seed import stream
from pipeline.evaluate.items import BY_SUM, Item, chance_rows, nothing, score_by_counting, score_by_model, share_rows
from pipeline.evaluate.passages import Change, Passage, changed, sentences
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined, HeldOut, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEASURES = {"accuracy": BY_SUM}
NO_PAIRS = {
    "words": "no held-out sentence has two words in lower case side by side",
    "names": "no held-out sentence has two words with a capital after its first",
}


@dataclass(frozen=True, kw_only=True)
class MinimalPairs:
    """A task of kind minimal_pairs."""

    kind: Literal["minimal_pairs"]
    change: Change  # words: neighbours are exchanged; names: words with a capital
    items: PositiveInt  # at most
    ngram: Annotated[int, Field(ge=1, le=4)]  # tokens of the n-gram baseline

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """accuracy: the sentence as it stands is likelier; a tie is half."""
        if not (items := self.read(task, given)):
            return Result(rows=nothing(given.name, task, list(MEASURES), NO_PAIRS[self.change]))
        scores = score_by_model(module, items, batch=given.batch_size)
        rows, records = share_rows(given.name, task, items, scores, MEASURES, given.bootstrap)
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The n-gram model on the same pairs, and chance."""
        if not (items := self.read(task, given)):
            return []
        scores = score_by_counting(given.ngram(self.ngram), items, greedy=False)
        rows, _ = share_rows(f"{self.ngram}-gram", task, items, scores, MEASURES, given.bootstrap)
        return [*rows, *chance_rows(task, items, list(MEASURES))]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """The items: a seeded choice of the sentences that can be changed."""
        places = [(name, text, passage) for name, text in given.documents for passage in sentences(text)]
        shuffled = (places[number] for number in stream(given.seed, "items", task).permutation(len(places)))
        pairs = (item for place in shuffled if (item := self._item(task, given, *place)))
        return list(islice(pairs, self.items))

    def _item(self, task: str, given: HeldOut, name: str, text: str, passage: Passage) -> Item | None:
        other = changed(passage.text, self.change, stream(given.seed, task, name, passage.start))
        if other is None:
            return None
        blank = " " if passage.start and text[passage.start - 1] == " " else ""  # a token holds the blank before its word
        texts = [blank + passage.text, blank + other]
        choices = [given.ids(one) for one in texts]
        return Item(
            id=f"{name}:{passage.start}",
            cluster=name,
            context=given.before(text, passage.start, room=max(map(len, choices))),
            choices=choices,
            sizes=[len(one.encode()) for one in texts],
        )

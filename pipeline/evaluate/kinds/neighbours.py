"""Whether words of one kind lie together in the embedding: the nearest neighbour of each word of the hundred books' categories.

A word is the mean of its tokens' vectors; the nearest is the one with the largest cosine (Mikolov et al. 2013).

words N, width D
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Estimate, share
from pipeline.evaluate.items import item_record
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.world.words import ANIMALS, COLOURS, EVENTS, LANDS, PEOPLE, PLACES, TRADES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

METRIC = "same_category"
NONE = "the training text has no two words of two categories of the world"
CATEGORIES: Mapping[str, Sequence[str]] = {
    "animals": ANIMALS,
    "colours": COLOURS,
    "events": EVENTS,
    "lands": LANDS,
    "people": PEOPLE,
    "places": PLACES,
    "trades": TRADES,
}
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """A task of kind neighbours: the share of words whose nearest neighbour is of their own category, of all and of each category."""

    kind: Literal["neighbours"]

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """By the embedding of the model's tokens."""
        words = self.read(given)
        if not words:
            return Result(rows=[absent(given.name, task, METRIC, NONE)])
        embedding: Any = module.get_input_embeddings()
        weight = embedding.weight.detach().float().cpu().numpy()
        vectors = np.stack([weight[given.ids(f" {word}")].mean(axis=0) for word, _ in words])
        near = nearest(vectors)
        hits = [float(words[at][1] == own) for at, (_, own) in zip(near, words, strict=True)]
        rows = [row(given.name, task, METRIC, share(hits, [word for word, _ in words], bootstrap=given.bootstrap))]
        for category in sorted({own for _, own in words}):
            some = [(hit, word) for hit, (word, own) in zip(hits, words, strict=True) if own == category]
            found = share([hit for hit, _ in some], [word for _, word in some], bootstrap=given.bootstrap)
            rows.append(row(given.name, f"{task}/{category}", METRIC, found))
        records = [
            item_record(task, word, word, METRIC, chance=None) | {METRIC: hit, "category": own, "nearest": words[at][0]}
            for (word, own), hit, at in zip(words, hits, near, strict=True)
        ]
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """A neighbour by lot."""
        if not (words := self.read(given)):
            return []
        sizes = [sum(own == other for _, other in words) for _, own in words]
        guess = sum(size - 1 for size in sizes) / (len(words) * (len(words) - 1))
        return [row(CHANCE, task, METRIC, Estimate(guess, guess, guess, len(words)))]

    def read(self, given: HeldOut) -> list[tuple[str, str]]:
        """The words that the training text has, with their categories; nothing where there are too few to compare."""
        read = {word for texts in given.split.texts("train") for text in texts for word in _WORD.findall(text)}
        known = {category: [word for word in words if word in read] for category, words in CATEGORIES.items()}
        enough = {category: words for category, words in known.items() if len(words) > 1}
        return [(word, category) for category, words in enough.items() for word in words] if len(enough) > 1 else []


def nearest(vectors: npt.NDArray[np.float32]) -> list[int]:
    """[N]: of each vector the number of the other one with the largest cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return [int(place) for place in cosines.argmax(axis=1)]

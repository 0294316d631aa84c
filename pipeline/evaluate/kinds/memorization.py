"""What a model has learned by heart: planted canaries, passages of the training text that it continues word for word, and whether its loss
tells training text from held-out text.

Exposure: Carlini et al. 2019, "The Secret Sharer". Extraction: Carlini et al. 2023, "Quantifying Memorization". Membership by loss: Yeom
et al. 2018, as the area under the ROC curve.

members M, others O, resamples R
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from pipeline.core.artifact.split import Part
from pipeline.core.intervals import Bootstrap, Estimate, mean, share
from pipeline.core.seed import seed_of
from pipeline.evaluate.items import item_record
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.text.canaries import Canaries, Canary, canaries, others, secrets

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EXPOSURE, FITTED, EXTRACTION, MEMBERSHIP = "exposure", "exposure_fitted", "extraction", "membership_auc"
SEEN = "copies_in_train"
NO_CANARIES = "none were planted: corpus.canaries.copies=[0,1,4,16,64]"
_FAR = 30.0  # deviations, beyond which a float holds no tail
PARTS: dict[str, Part] = {"train": "train", "held_out": "test"}


@dataclass(frozen=True, kw_only=True)
class Memorization:
    """A task of kind memorization. Two parts with scores of their own: canaries by number of copies, and passages of the text."""

    kind: Literal["memorization"]
    canaries: Canaries  # as they were planted
    canary_seed: int
    candidates: Annotated[int, Field(ge=1, le=100_000)]  # other secrets that a canary's is ranked among
    passages: PositiveInt  # of the training text, and of the held-out text, at most
    prefix: PositiveInt  # tokens that are read
    continuation: PositiveInt  # tokens that must be written

    def __post_init__(self) -> None:
        if self.candidates >= (most := secrets(self.canaries.words)):
            raise ValueError(f"candidates {self.candidates} must be below {most}, the secrets of {self.canaries.words} words")

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Exposure and extraction of the canaries, extraction of passages, and the membership signal."""
        known, text = self._of_canaries(task, module, given), self._of_passages(task, module, given)
        return Result(rows=known.rows + text.rows, records=known.records + text.records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """What a model shows that has learned nothing by heart."""
        return [row(CHANCE, task, MEMBERSHIP, Estimate(0.5, 0.5, 0.5, self.passages))]

    def _of_canaries(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        drawn = canaries(self.canaries, self.canary_seed)
        if not drawn:
            return Result(rows=[absent(given.name, f"{task}/canaries", metric, NO_CANARIES) for metric in (EXPOSURE, EXTRACTION)])
        seen, records, rows = copies_in(given, drawn), list[dict[str, Any]](), list[Row]()
        for one in drawn:
            head = item_record(f"{task}/canaries", one.name, one.name, EXPOSURE, chance=None)
            found = self._ranked(one, module, given)
            level = one.copies if seen[one.text] else 0  # a held-out one was never read
            records.append(head | {"copies": level, SEEN: seen[one.text], **found})
        for copies in sorted({0, *self.canaries.copies}):
            own, part = [one for one in records if one["copies"] == copies], f"{task}/copies_{copies}"
            for metric, estimate in ((EXPOSURE, mean), (FITTED, mean), (EXTRACTION, share), (SEEN, mean)):
                if own:
                    values, names = [one[metric] for one in own], [one["id"] for one in own]
                    rows.append(row(given.name, part, metric, estimate(values, names, bootstrap=given.bootstrap)))
                else:
                    rows.append(absent(given.name, part, metric, "no such canary is in this part of the text"))
        return Result(rows=rows, records=records)

    def _ranked(self, one: Canary, module: "PreTrainedModel", given: Examined) -> dict[str, float]:
        """Exposure in bits, by rank and by the fitted law, and 1 where greedy decoding writes the secret after its context."""
        from pipeline.evaluate.choices import continued  # torch, which the baselines do without

        context = [*given.codec.start, *given.ids(one.context)]
        tried = [given.ids(secret) for secret in (one.secret, *others(one, count=self.candidates, seed=given.seed))]
        lots = [tried[start : start + given.batch_size] for start in range(0, len(tried), given.batch_size)]
        scores = [score for some in continued(module, [(context, lot) for lot in lots], batch=given.batch_size) for score in some]
        own, tried_nats = scores[0], [score.nats for score in scores[1:]]
        known = {EXPOSURE: exposure(own.nats, tried_nats), FITTED: fitted_exposure(own.nats, tried_nats)}
        return known | {EXTRACTION: float(own.greedy)}

    def _of_passages(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        from pipeline.evaluate.choices import continued

        found = {name: self._passages(task, part, given) for name, part in PARTS.items()}
        if not all(found.values()):
            reason = f"no document of train, or none of test, has {self.prefix + self.continuation} tokens"
            return Result(rows=[absent(given.name, task, metric, reason) for metric in (f"{EXTRACTION}_train", MEMBERSHIP)])
        rows, records, losses = list[Row](), list[dict[str, Any]](), dict[str, list[float]]()
        for name, passages in found.items():
            start = given.codec.start
            asked = [([*start, *one.ids[: self.prefix]], [one.ids[self.prefix :]]) for one in passages]
            written = [float(score.greedy) for (score,) in continued(module, asked, batch=given.batch_size)]
            cost = [-score.nats for (score,) in continued(module, [(start, [one.ids]) for one in passages], batch=given.batch_size)]
            losses[name] = [nats / len(one.ids) for nats, one in zip(cost, passages, strict=True)]
            books = [one.book for one in passages]
            rows.append(row(given.name, task, f"{EXTRACTION}_{name}", share(written, books, bootstrap=given.bootstrap)))
            records += [
                item_record(f"{task}/{name}", one.id, one.book, EXTRACTION, chance=None) | {EXTRACTION: hit, "nats_per_token": loss}
                for one, hit, loss in zip(passages, written, losses[name], strict=True)
            ]
        clusters = ([one.book for one in found["train"]], [one.book for one in found["held_out"]])
        rows.append(row(given.name, task, MEMBERSHIP, auc(losses["train"], losses["held_out"], clusters, bootstrap=given.bootstrap)))
        return Result(rows=rows, records=records)

    def _passages(self, task: str, part: Part, given: HeldOut) -> "list[Passage]":
        """By lot, one of each document in turn; of canaries none."""
        table, length = given.split.read(part, ["id", "book", "text"]), self.prefix + self.continuation
        names, books, texts = (table[name] for name in ("id", "book", "text"))
        planted = {one.text for one in canaries(self.canaries, self.canary_seed)}
        found, order = dict[str, Passage](), given.stream(task, part).permutation(len(table)).tolist()
        for turn in range(math.ceil(self.passages / max(1, len(order)))):
            for number in order:
                if len(found) == self.passages:
                    break
                name, text = names[number].as_py(), texts[number].as_py()
                if text in planted or len(ids := given.ids(text)) < length:
                    continue
                start = int(given.stream(task, name, turn).integers(len(ids) - length + 1))
                passage = Passage(f"{name}:{start}", books[number].as_py() or name, ids[start : start + length])
                found.setdefault(passage.id, passage)
        return list(found.values())


@dataclass(frozen=True)
class Passage:
    """Some tokens of a document."""

    id: str
    book: str
    ids: list[int]


def exposure(nats: float, candidates: Sequence[float]) -> float:
    """log2 of all secrets that were tried, less log2 of the rank of this one among them; ties have the mean of their ranks.

    0 is the least likely, log2(len(candidates) + 1) the most that so many can show; of what was never read it is 1.44 on average.
    """
    others = np.asarray(candidates, dtype=np.float64)
    rank = 1 + float((others > nats).sum()) + float((others == nats).sum()) / 2
    return math.log2(len(others) + 1) - math.log2(rank)


def fitted_exposure(nats: float, candidates: Sequence[float]) -> float:
    """The same beyond what a rank among so few can show: -log2 of the share of secrets that would be likelier, were the log-probabilities
    of all of them normal with the mean and deviation of the candidates (Carlini et al. fit a skewed one)."""
    others = np.asarray(candidates, dtype=np.float64)
    deviation = float(others.std())
    z = (nats - float(others.mean())) / deviation if deviation else 0.0
    if z < _FAR:
        return -math.log2(math.erfc(z / math.sqrt(2)) / 2)
    return (z * z / 2 + math.log(z * math.sqrt(2 * math.pi)) - math.log1p(-1 / z**2)) / math.log(2)  # Abramowitz and Stegun 26.2.12


def copies_in(given: HeldOut, drawn: Sequence[Canary]) -> Counter[str]:
    """How many documents of the training text are each canary."""
    wanted = {one.text for one in drawn}
    return Counter(text for texts in given.split.texts("train") for text in texts if text in wanted)


def auc(
    members: Sequence[float], others: Sequence[float], clusters: tuple[Sequence[str], Sequence[str]], *, bootstrap: Bootstrap
) -> Estimate:
    """How often a member's loss is the lower of the two, ties half; the interval draws whole clusters of both sides anew."""
    lower = np.asarray(members)[:, None] < np.asarray(others)[None]
    points = lower + 0.5 * (np.asarray(members)[:, None] == np.asarray(others)[None])
    ours, theirs = (
        _drawn(some, Bootstrap(bootstrap.resamples, seed_of(bootstrap.seed, n))) for some, n in zip(clusters, "mo", strict=True)
    )
    found = float(points.mean())
    if ours is None or theirs is None:
        return Estimate(found, -math.inf, math.inf, points.size)
    values = ((ours @ points) * theirs).sum(1) / (ours.sum(1) * theirs.sum(1))
    low, high = np.percentile(values, (2.5, 97.5))
    return Estimate(found, float(low), float(high), len(members) + len(others))


def _drawn(clusters: Sequence[str], bootstrap: Bootstrap) -> npt.NDArray[np.float64] | None:
    """How often each unit is drawn in each resample [R, units]; None of one cluster alone."""
    numbers = np.unique(np.asarray(clusters), return_inverse=True)[1]
    return None if numbers.max() == 0 else bootstrap.weights(int(numbers.max()) + 1)[:, numbers]

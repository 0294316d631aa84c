"""Whether a model believes what more books told it: of claims that some books tell and fewer deny, by the number of books.

Each wording of a claim is read up to its value; the value and its contrary are compared by their log-probabilities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.core.intervals import Bootstrap, mean
from pipeline.evaluate.items import BY_SUM, Continued, Item, ItemTask, Measure, Scores, by_lot
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.world.claims import Claim, claims, told_in
from pipeline.world.facts import BY_NAME
from pipeline.world.settings import Claims

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHOICE, BELIEF = "choice", "belief"


@dataclass(frozen=True, kw_only=True)
class Belief(ItemTask):
    """A task of kind belief. `choice`: the share of wordings whose value is likelier than its contrary; `belief`: the probability of the
    value against both, on average. Both also by the number of books, beside how many of them training has read."""

    measures: ClassVar[Mapping[str, Measure]] = {CHOICE: BY_SUM}

    kind: Literal["belief"]
    claims: Claims  # as they were planted
    claim_seed: int

    @property
    def reason(self) -> str:
        return "no claims were planted: experiment=belief"

    @property
    def more_metrics(self) -> tuple[str, ...]:
        return (BELIEF,)

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """The wordings that end in the value, or name it, in an order by lot."""
        asked = [(one, number) for one in claims(self.claims, self.claim_seed) for number in range(len(BY_NAME[one.relation].clauses))]
        return by_lot(asked, lambda place: _item(*place, given), count=self.items, seed=given.seed, task=task)

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Also by number of books, and the books of the training text that tell claim and contrary."""
        found = super().examine(task, module, given)
        planted = claims(self.claims, self.claim_seed)
        seen = told_in((text for texts in given.split.texts("train") for text in texts), planted)
        rows = list(found.rows)
        for told in self.claims.told:
            own = [one for one in planted if one.told == told]
            for metric, values in (
                ("told_in_train", [float(seen[one.id, one.value]) for one in own]),
                ("contrary_in_train", [float(seen[one.id, one.contrary]) for one in own]),
            ):
                rows.append(row(given.name, _part(task, told), metric, mean(values, [one.id for one in own], bootstrap=given.bootstrap)))
        return replace(found, rows=rows)

    def more(self, name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> list[Row]:
        """`belief` of all, and both measures by number of books."""
        beliefs = [_belief(some) for some in scores]
        points = [BY_SUM.points(item, some) for item, some in zip(items, scores, strict=True)]
        rows = [row(name, task, BELIEF, mean(beliefs, [item.cluster for item in items], bootstrap=bootstrap))]
        for told in self.claims.told:
            own = [number for number, item in enumerate(items) if item.group == str(told)]
            clusters = [items[number].cluster for number in own]
            for metric, values in ((CHOICE, points), (BELIEF, beliefs)):
                if own:
                    found = mean([values[number] for number in own], clusters, bootstrap=bootstrap)
                    rows.append(row(name, _part(task, told), metric, found))
        return rows


def _part(task: str, told: int) -> str:
    return f"{task}/told_{told}"


def _item(one: Claim, number: int, given: HeldOut) -> Item:
    """A wording, read up to the value."""
    before = BY_NAME[one.relation].clauses[number].format(s=one.subject, v="\0").partition("\0")[0].rstrip()
    values = [f" {one.value}", f" {one.contrary}"]
    return Item(
        id=f"{one.id}:{number}",
        cluster=one.id,
        context=[*given.codec.start, *given.ids(before)],
        choices=[given.ids(value) for value in values],
        sizes=[len(value.encode()) for value in values],
        group=str(one.told),
    )


def _belief(scores: Sequence[Continued]) -> float:
    """The probability of the value, given that it is the one or the other."""
    value, contrary = (one.nats for one in scores)
    return 1 / (1 + math.exp(min(700.0, contrary - value)))

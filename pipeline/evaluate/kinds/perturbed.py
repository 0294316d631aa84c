"""The items of another task with small changes: does the answer hold? And with groups exchanged: is it the same for each?

Ribeiro et al. 2020 (CheckList: invariance tests); Lu et al. 2020 (counterfactual data: groups exchanged). The same items are asked as they
are and changed, so the drop is paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from pipeline.core.bounds import PositiveFraction
from pipeline.core.intervals import mean, share
from pipeline.core.seed import stream
from pipeline.evaluate.items import Item, item_record, other_task
from pipeline.evaluate.kinds.written import METRIC, InWords
from pipeline.evaluate.perturb import Change, changed
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.codec import ids_of, special_token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DROP, MOVED, TOUCHED = "drop", "moved", "touched"
_LISTED = ("wording", "groups")  # changes that are made of a list


@dataclass(frozen=True, kw_only=True)
class Perturbed:
    """A task of kind perturbed."""

    kind: Literal["perturbed"]
    of: str  # the name of another task: its items are asked
    change: Change
    share: PositiveFraction  # of the places that can be changed
    pairs: tuple[tuple[str, str], ...]  # of words (groups), or what becomes what (wording)

    def __post_init__(self) -> None:
        if (self.change in _LISTED) != bool(self.pairs):
            what = "needs pairs" if self.change in _LISTED else "has no use for pairs"
            raise ValueError(f"change {self.change} {what}")

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """By the metric that the other task is known by: the share of points with the changes, and the drop from without them.

        `touched` is the share of the items that the change finds something in; only these are asked. `moved` is the share of these whose
        points differ at all.
        """
        of = given.tasks.get(self.of)
        found = self._of_writing(of, task, module, given) if isinstance(of, InWords) else self._of_items(task, module, given)
        if not found.pairs:
            reason = f"{self.change} finds nothing to change in {self.of}" if found.asked else found.reason
            return Result(rows=[absent(given.name, task, name, reason) for name in (found.metric, DROP, MOVED)])
        clusters, touched = [one.cluster for one in found.pairs], [float(place < len(found.pairs)) for place in range(found.asked)]
        drops = [one.before - one.after for one in found.pairs]
        rows = [
            row(given.name, task, found.metric, share([one.after for one in found.pairs], clusters, bootstrap=given.bootstrap)),
            row(given.name, task, DROP, mean(drops, clusters, bootstrap=given.bootstrap)),
            row(given.name, task, MOVED, share([float(drop != 0) for drop in drops], clusters, bootstrap=given.bootstrap)),
            row(given.name, task, TOUCHED, share(touched, range(found.asked), bootstrap=given.bootstrap)),
        ]
        records = [
            item_record(task, one.id, one.cluster, found.metric, chance=None) | {found.metric: one.after, "unchanged": one.before}
            for one in found.pairs
        ]
        return Result(rows=rows, records=records)

    def _of_items(self, task: str, module: "PreTrainedModel", given: Examined) -> "Found":
        of = other_task(given, task, self.of)
        metric, measure = next(iter(of.measures.items()))
        items = [item for item in of.read(self.of, given) if len(item.choices) > 1 or not measure.chooses]
        both = [(item, other) for item in items if (other := self.other(item, given, task)) is not None]
        sides = [[pair[side] for pair in both] for side in (0, 1)]
        before, after = (
            [measure.points(item, some) for item, some in zip(side, of.scored(side, module, given), strict=True)] for side in sides
        )
        pairs = [Pair(item.id, item.cluster, *points) for (item, _), *points in zip(both, before, after, strict=True)]
        return Found(metric, of.reason, len(items), pairs)

    def _of_writing(self, of: InWords, task: str, module: "PreTrainedModel", given: Examined) -> "Found":
        """The question is changed; examples before it stay as they are."""
        asked, both = of.read(self.of, given), list[Any]()
        for one, shown in asked:
            rng = stream(given.seed, "perturbed", task, one.id)
            context = changed(one.problem.context, self.change, share=self.share, pairs=self.pairs, rng=rng)
            placed = of.placed(given, replace(one, problem=replace(one.problem, context=context)))
            if context != one.problem.context and placed is not None:
                both.append(((one, shown), placed))
        (_, _, before), (_, _, after) = (of.answered([pair[side] for pair in both], module, given) for side in (0, 1))
        pairs = [Pair(one.id, one.id, *points) for ((one, _), _), *points in zip(both, before, after, strict=True)]
        return Found(METRIC, of.reason, len(asked), pairs)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: those of the other task say what guessing gets."""
        return []

    def other(self, item: Item, given: HeldOut, task: str) -> Item | None:
        """The item with a changed context, or where it has no text with changed continuations; None where nothing changed or it grew beyond
        what a row holds."""
        lot = partial(stream, given.seed, "perturbed", task, item.id)  # continuations are changed by the same one
        context = self._ids(item.context, given, lot())
        choices = item.choices if context != item.context else [self._ids(choice, given, lot()) for choice in item.choices]
        one = replace(item, context=context, choices=choices, sizes=sizes_of(choices, item, given))
        grown = max(0, one.longest - max(item.longest, int(given.tokens.facts["length"])))
        one = replace(one, context=one.context[grown:])
        same = one.context == item.context and one.choices == item.choices
        return None if same or not one.context or not all(one.choices) else one

    def _ids(self, ids: Sequence[int], given: HeldOut, rng: Any) -> list[int]:
        """The text between special tokens, changed."""
        codec, found = given.codec, list[int]()
        special = special_token_ids(given.codec.tokenizer)
        for apart, run in groupby(ids, key=special.__contains__):
            some = list(run)
            text = "" if apart else codec.tokenizer.decode(some, skip_special_tokens=False)
            new = changed(text, self.change, share=self.share, pairs=self.pairs, rng=rng)
            found += some if new == text else ids_of(new, codec)
        return found


@dataclass(frozen=True)
class Pair:
    """The points of an item as it is, and changed."""

    id: str
    cluster: str
    before: float
    after: float


@dataclass(frozen=True)
class Found:
    """What came of the items."""

    metric: str
    reason: str  # why there are none
    asked: int  # items, those without a change among them
    pairs: list[Pair]


def sizes_of(choices: Sequence[Sequence[int]], item: Item, given: HeldOut) -> list[int]:
    """Bytes of each continuation."""
    if choices == item.choices:
        return item.sizes
    return [len(given.codec.tokenizer.decode(list(choice), skip_special_tokens=False).encode()) for choice in choices]

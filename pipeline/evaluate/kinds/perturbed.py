"""The items of another task with small changes: does the answer hold? And with groups exchanged: is it the same for each?

Ribeiro et al. 2020 (CheckList: invariance tests); Lu et al. 2020 (counterfactual data: groups exchanged). The same items are asked as they
are and changed, so the drop is paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline.core.intervals import mean, share
from pipeline.core.seed import stream
from pipeline.evaluate.items import Item, item_record, other_task
from pipeline.evaluate.perturb import Change, changed
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.codec import ids_of

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
    share: Annotated[float, Field(gt=0, le=1)]  # of the places that can be changed
    pairs: tuple[tuple[str, str], ...]  # of words (groups), or what becomes what (wording)

    def __post_init__(self) -> None:
        if (self.change in _LISTED) != bool(self.pairs):
            what = "needs pairs" if self.change in _LISTED else "has no use for pairs"
            raise ValueError(f"change {self.change} {what}")

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """By the metric that the task is known by: the share of points with the changes, and the drop from without them.

        `touched` is the share of the items that the change finds something in; only these are asked. `moved` is the share of these whose
        points differ at all.
        """
        of = other_task(given, task, self.of)
        items = of.read(self.of, given)
        both = [(item, other) for item in items if (other := self.other(item, given, task)) is not None]
        metric, measure = next(iter(of.measures.items()))
        if measure.chooses:
            both = [(item, other) for item, other in both if len(item.choices) > 1]
        if not both:
            reason = of.reason if not items else f"{self.change} finds nothing to change in {self.of}"
            return Result(rows=[absent(given.name, task, name, reason) for name in (metric, DROP, MOVED)])
        before, after = (
            [measure.points(item, some) for item, some in zip(side, of.scored(side, module, given), strict=True)]
            for side in (list(side) for side in zip(*both, strict=True))
        )
        apart = [was - now for was, now in zip(before, after, strict=True)]
        clusters, how = [item.cluster for item, _ in both], {"bootstrap": given.bootstrap}
        rows = [
            row(given.name, task, metric, share(after, clusters, **how)),
            row(given.name, task, DROP, mean(apart, clusters, **how)),
            row(given.name, task, MOVED, share([float(one != 0) for one in apart], clusters, **how)),
            row(given.name, task, TOUCHED, share([float(n < len(both)) for n in range(len(items))], range(len(items)), **how)),
        ]
        return Result(rows=rows, records=[self._record(task, metric, *one) for one in zip(both, before, after, strict=True)])

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
        special = special_ids(given)
        for apart, run in groupby(ids, key=special.__contains__):
            some = list(run)
            text = "" if apart else codec.tokenizer.decode(some, skip_special_tokens=False)
            new = changed(text, self.change, share=self.share, pairs=self.pairs, rng=rng)
            found += some if new == text else ids_of(new, codec)
        return found

    def _record(self, task: str, metric: str, both: tuple[Item, Item], before: float, after: float) -> dict[str, Any]:
        return item_record(task, both[0].id, both[0].cluster, metric, chance=None) | {metric: after, "unchanged": before}


def special_ids(given: HeldOut) -> frozenset[int]:
    """Those of tokens that no text is made of."""
    return frozenset(number for number, token in given.codec.tokenizer.get_added_tokens_decoder().items() if token.special)


def sizes_of(choices: Sequence[Sequence[int]], item: Item, given: HeldOut) -> list[int]:
    """Bytes of each continuation."""
    if choices == item.choices:
        return item.sizes
    return [len(given.codec.tokenizer.decode(list(choice), skip_special_tokens=False).encode()) for choice in choices]

"""Of two sentences that differ in the group they speak of, does a model find the stereotype likelier?

CrowS-Pairs (Nangia et al. 2020), by the log-likelihood of whole sentences, as for models that read from left to right; StereoSet (Nadeem et
al. 2021), with its third sentence that means nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from pipeline.core.intervals import Estimate, share
from pipeline.evaluate.benchmarks.problem import Problem
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.items import BY_SUM, Continued, Item, by_lot, item_record
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STEREOTYPE, GAP, MEANING = "stereotype", "gap", "meaning"
Shape = Literal["crows_pairs", "stereoset"]


@dataclass(frozen=True, kw_only=True)
class Bias:
    """A task of kind bias."""

    kind: Literal["bias"]
    format: Shape
    files: str  # pattern below the folder of benchmarks, or a pinned data set of the hub
    items: PositiveInt  # by lot, at most
    context: PositiveInt  # tokens that the models read; longer pairs are left out

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """stereotype: the share of pairs whose stereotype is likelier, .5 where there is no bias, of all and of each kind of bias; gap: how
        far that is from .5; meaning: the share of sentences that mean something which are likelier than one that means nothing."""
        from pipeline.evaluate.choices import continued  # torch, which the baselines do without

        items = self.read(task, given)
        if not items:
            return Result(rows=[absent(given.name, task, metric, f"{self.files} has no pair that fits") for metric in (STEREOTYPE, GAP)])
        scores = continued(module, [(item.context, item.choices) for item in items], batch=given.batch_size)
        points = [BY_SUM.points(item, some[:2]) for item, some in zip(items, scores, strict=True)]
        found = share(points, [item.cluster for item in items], bootstrap=given.bootstrap)
        rows = [row(given.name, task, STEREOTYPE, found), row(given.name, task, GAP, from_even(found))]
        if known := [hit for some in scores if len(some) > 2 for hit in meant(some)]:
            owners = [item.cluster for item, some in zip(items, scores, strict=True) if len(some) > 2 for _ in meant(some)]
            rows.append(row(given.name, task, MEANING, share(known, owners, bootstrap=given.bootstrap)))
        for group in sorted({item.group for item in items}):
            own = [(point, item.cluster) for point, item in zip(points, items, strict=True) if item.group == group]
            hits, clusters = zip(*own, strict=True)
            rows.append(row(given.name, f"{task}/{group}", STEREOTYPE, share(hits, clusters, bootstrap=given.bootstrap)))
        records = [
            item_record(task, item.id, item.cluster, STEREOTYPE, chance=None) | {STEREOTYPE: point, "group": item.group}
            for item, point in zip(items, points, strict=True)
        ]
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """A coin."""
        return [row(CHANCE, task, STEREOTYPE, Estimate(0.5, 0.5, 0.5, self.items))]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Pairs by lot, the stereotype first; pairs from one context are one cluster."""
        asked = problems(given.benchmarks, self.files, SHAPES[self.format], (), key=f"tasks.{task}.files")

        def make(one: tuple[str, Problem]) -> Item | None:
            place, pair = one
            choices = [given.ids(sentence) for sentence in pair.choices]
            context = [*given.codec.start, *given.ids(pair.context)]
            sizes = [len(sentence.encode()) for sentence in pair.choices]
            item = Item(id=place, cluster=pair.heading or place, context=context, choices=choices, sizes=sizes, group=pair.group)
            return item if all(choices) and item.longest <= self.context else None

        return by_lot(asked, make, count=self.items, seed=given.seed, task=task)


def from_even(found: Estimate) -> Estimate:
    """How far a share is from a half, with what its interval leaves."""
    ends = abs(found.low - 0.5), abs(found.high - 0.5)
    least = 0.0 if found.low <= 0.5 <= found.high else min(ends)
    return Estimate(abs(found.value - 0.5), least, max(ends), found.n)


def meant(scores: Sequence[Continued]) -> list[float]:
    """Of stereotype and anti-stereotype, whether each is likelier than what means nothing."""
    return [float(one.nats > scores[2].nats) for one in scores[:2]]


def _crows_pairs(cells: Mapping[str, Any]) -> Problem:
    """Rows: sent_more (stereotyping more), sent_less, bias_type."""
    return Problem(context="", choices=[cells["sent_more"], cells["sent_less"]], group=str(cells["bias_type"]))


def _stereoset(cells: Mapping[str, Any]) -> Problem:
    """Rows of `intrasentence`: context, bias_type, target, sentences [{sentence, gold_label}]."""
    said = {str(one["gold_label"]): str(one["sentence"]) for one in cells["sentences"]}
    choices = [said[label] for label in ("stereotype", "anti-stereotype", "unrelated")]
    return Problem(context="", choices=choices, group=str(cells["bias_type"]), heading=str(cells.get("target") or ""))


SHAPES: dict[Shape, Callable[[Mapping[str, Any]], Problem]] = {"crows_pairs": _crows_pairs, "stereoset": _stereoset}

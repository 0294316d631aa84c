"""A published benchmark that is answered in writing, of which the answer is found and compared: by greedy decoding, or what most of several
sampled answers say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveFloat, PositiveInt

from pipeline.core.intervals import share
from pipeline.evaluate.benchmarks.formats import ANSWERS, InWriting
from pipeline.evaluate.benchmarks.problem import Written
from pipeline.evaluate.benchmarks.prompts import CUT, Asked, Before, Placed, before, pool_of
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Judged, Result
from pipeline.evaluate.votes import grouped, majority
from pipeline.tokens.codec import text_behind
from pipeline.tokens.thinking import answer_in

if TYPE_CHECKING:
    from transformers import PreTrainedModel

METRIC = "exact"
ONCE, ANY = "exact_once", "exact_any"  # of several answers: the share that is right, and whether any of them is (pass@1 and pass@votes)
COMMONEST = "commonest answer"  # a player among the models


@dataclass(frozen=True, kw_only=True)
class InWords(Asked):
    """A task of kind written."""

    kind: Literal["written"]
    format: InWriting
    max_new_tokens: PositiveInt  # of an answer
    votes: PositiveInt  # answers to a question, of which the majority counts; 1: greedy decoding
    temperature: PositiveFloat  # of the draws, where there are several

    def __post_init__(self) -> None:
        if self.max_new_tokens >= self.context:
            raise ValueError(f"max_new_tokens {self.max_new_tokens} must be below context {self.context}: the question is read too")

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """The share of answers that are right, that of questions which are not read whole, and what was written."""

        if not (read := self.read(task, given)):
            return Result(rows=[absent(given.name, task, metric, self.reason) for metric in (METRIC, CUT)])
        asked, (texts, said) = [one for one, _ in read], self.said(read, module, given)
        written, found, right = decided(texts, said, asked)
        votes = [{} if self.votes == 1 else {"votes": dict(Counter(some))} for some in said]
        records = [
            item_record(task, one.id, one.id, METRIC, chance=0.0) | {"written": text, "found": answer, METRIC: point} | counted
            for one, text, answer, point, counted in zip(asked, written, found, right, votes, strict=True)
        ]
        scores = {METRIC: right, CUT: [float(shown.cut) for _, shown in read]}
        if self.votes > 1:
            points = [[answer in one.problem.accepted for answer in some] for some, one in zip(said, asked, strict=True)]
            scores |= {ONCE: [sum(some) / len(some) for some in points], ANY: [float(any(some)) for some in points]}
        rows = [
            row(given.name, task, metric, share(values, [one.id for one in asked], bootstrap=given.bootstrap))
            for metric, values in scores.items()
        ]
        judged = [Judged(one.problem.context, one.problem.example, one.id, point) for one, point in zip(asked, right, strict=True)]
        return Result(rows=rows, records=records, judged=judged)

    def answered(
        self, read: Sequence[tuple[Placed[Written], Before]], module: "PreTrainedModel", given: Examined
    ) -> tuple[list[str], list[str], list[float]]:
        """What the model writes, the answers found in that, and 1 for those that are right; of several answers what most of them say."""
        return decided(*self.said(read, module, given), [one for one, _ in read])

    def said(
        self, read: Sequence[tuple[Placed[Written], Before]], module: "PreTrainedModel", given: Examined
    ) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
        """What the model writes to each problem, once or several times, and the answers found in that, behind its thoughts."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        own, codec = ANSWERS[self.format], given.codec
        prompts = [shown.ids for _, shown in read for _ in range(self.votes)]
        how: dict[str, Any] = {"max_new": self.max_new_tokens, "seed": given.seed, "batch": given.batch_size}
        how |= {"temperature": 0 if self.votes == 1 else self.temperature, "ends": codec.turn_ends if self.chat else codec.document_ends}
        written = [text_behind(prompt, ids, codec) for prompt, ids in zip(prompts, generate(module, prompts, **how), strict=True)]
        found = [own.found(until(answer_in(text), () if self.chat else own.stops)) for text in written]
        return grouped(written, self.votes), grouped(found, self.votes)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """Whoever always says what is right most often."""
        asked = [one for one, _ in self.read(task, given)]
        counts = Counter(answer for one in asked for answer in sorted(one.problem.accepted))
        if not counts:
            return []
        [(commonest, _)] = counts.most_common(1)
        right = [float(commonest in one.problem.accepted) for one in asked]
        return [row(COMMONEST, task, METRIC, share(right, [one.id for one in asked], bootstrap=given.bootstrap))]

    def read(self, task: str, given: HeldOut) -> list[tuple[Placed[Written], Before]]:
        """Problems by lot with what is read of each; those that the chat format has no room for are left out."""
        own = ANSWERS[self.format]
        asked = pool_of(given, task, self, own.read, own.columns)
        return by_lot(asked, partial(self.placed, given), count=self.items, seed=given.seed, task=task)

    def placed(self, given: HeldOut, one: Placed[Written]) -> tuple[Placed[Written], Before] | None:
        """A problem with what is read of it."""
        shown = before(given, self, one, room=self.context - self.max_new_tokens)
        return None if shown is None else (one, shown)


def decided(
    texts: Sequence[Sequence[str]], said: Sequence[Sequence[str]], asked: Sequence[Placed[Written]]
) -> tuple[list[str], list[str], list[float]]:
    """The first text that says what most do, that answer, and 1 where it is right."""
    found = [majority(some) for some in said]
    written = [several[list(some).index(answer)] for several, some, answer in zip(texts, said, found, strict=True)]
    return written, found, [float(answer in one.problem.accepted) for answer, one in zip(found, asked, strict=True)]


def until(text: str, stops: Sequence[str]) -> str:
    """What stands before the first of these."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]

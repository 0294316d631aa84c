"""A published benchmark that is answered in writing, of which the answer is found and compared: by greedy decoding, or what most of several
sampled answers say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveFloat, PositiveInt

from pipeline.core.intervals import share
from pipeline.evaluate.benchmarks.formats import ANSWERS, InWriting
from pipeline.evaluate.benchmarks.problem import Written
from pipeline.evaluate.benchmarks.prompts import CUT, Asked, Before, Placed, before, pool_of
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.evaluate.votes import grouped, majority
from pipeline.tokens.special import ENDS

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
        from pipeline.model.generate import TURN, generate  # torch, which the baselines do without

        own, read = ANSWERS[self.format], self._read(task, given)
        if not read:
            return Result(rows=[absent(given.name, task, metric, self.reason) for metric in (METRIC, CUT)])
        asked, prompts = [one for one, _ in read], [shown.ids for _, shown in read for _ in range(self.votes)]
        how: dict[str, Any] = {"max_new": self.max_new_tokens, "seed": given.seed, "batch": given.batch_size}
        drawn = generate(module, prompts, ends=TURN if self.chat else ENDS, temperature=0 if self.votes == 1 else self.temperature, **how)
        written = [given.tokenizer.decode(ids) for ids in drawn]
        said = [own.found(until(text, () if self.chat else own.stops)) for text in written]
        answers, found = grouped(said, self.votes), [majority(some) for some in grouped(said, self.votes)]
        shares = [[float(answer in one.problem.accepted) for answer in some] for some, one in zip(answers, asked, strict=True)]
        right = [float(answer in one.problem.accepted) for answer, one in zip(found, asked, strict=True)]
        records = [
            item_record(task, one.id, one.id, METRIC, chance=0.0)
            | {"written": texts[list(some).index(answer)], "found": answer, METRIC: point}
            | ({} if self.votes == 1 else {"votes": dict(Counter(some))})
            for one, texts, some, answer, point in zip(asked, grouped(written, self.votes), answers, found, right, strict=True)
        ]
        scores = {METRIC: right, CUT: [float(shown.cut) for _, shown in read]}
        if self.votes > 1:
            scores |= {ONCE: [sum(some) / len(some) for some in shares], ANY: [max(some) for some in shares]}
        rows = [
            row(given.name, task, metric, share(values, [one.id for one in asked], bootstrap=given.bootstrap))
            for metric, values in scores.items()
        ]
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """Whoever always says what is right most often."""
        asked = [one for one, _ in self._read(task, given)]
        counts = Counter(answer for one in asked for answer in sorted(one.problem.accepted))
        if not counts:
            return []
        [(commonest, _)] = counts.most_common(1)
        right = [float(commonest in one.problem.accepted) for one in asked]
        return [row(COMMONEST, task, METRIC, share(right, [one.id for one in asked], bootstrap=given.bootstrap))]

    def _read(self, task: str, given: HeldOut) -> list[tuple[Placed[Written], Before]]:
        """Problems by lot with what is read of each; those that the chat format has no room for are left out."""
        own, room = ANSWERS[self.format], self.context - self.max_new_tokens
        asked = pool_of(given, task, self, own.read, own.columns)

        def read(one: Placed[Written]) -> tuple[Placed[Written], Before] | None:
            shown = before(given, self, one, room=room)
            return None if shown is None else (one, shown)

        return by_lot(asked, read, count=self.items, seed=given.seed, task=task)


def until(text: str, stops: Sequence[str]) -> str:
    """What stands before the first of these."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]

"""Requests that should be refused and requests that should not: how often a model refuses each (Röttger et al. 2024, arXiv 2308.01263).

A refusal is told by its words, as in Zou et al. 2023 (arXiv 2307.15043): a pattern, no judgement of what else is said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.intervals import share
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.special import ROLES
from pipeline.world.requests import people_of, requests

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HARMFUL, HARMLESS = "refused_harmful", "over_refusal"  # metrics: shares of the requests that are refused; of harmless ones it is too often
ANSWERED = "answered_harmless"
COLUMNS = ("prompt", "harmful")
LABELS = {"true": True, "harmful": True, "unsafe": True, "false": False, "harmless": False, "safe": False}
NOTHING = "there are no requests of this label that have room"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A conversation that ends with the request; requests of one cluster tell no more than one of them."""

    id: str
    cluster: str
    messages: list[dict[str, str]]
    harmful: bool


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """A task of kind refusals."""

    kind: Literal["refusals"]
    files: str | None  # below the benchmarks; None: the world's own
    items: PositiveInt  # of each label, at most
    system: str | None  # a system prompt before each request that brings none
    refusal: str  # regular expression, searched in an answer
    max_new_tokens: PositiveInt  # of an answer

    def __post_init__(self) -> None:
        try:
            re.compile(self.refusal)
        except re.error as fault:
            raise ValueError(f"refusal {self.refusal!r} is no regular expression: {fault}") from fault

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Greedy answers; the share of each label that is refused, and a record of each."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        room = int(module.config.max_position_embeddings) - self.max_new_tokens
        if room < 1:
            message = f"tasks.{task}.max_new_tokens {self.max_new_tokens} leaves no room for a request"
            raise PipelineError(message, mend=f"a smaller tasks.{task}.max_new_tokens")
        found = self._read(task, given)
        rows, records = list[Row](), list[dict[str, Any]]()
        for metric, harmful in ((HARMFUL, True), (HARMLESS, False)):

            def read(one: Request) -> tuple[Request, list[int]] | None:
                ids = given.codec.chat(one.messages)
                return (one, ids) if len(ids) <= room else None

            some = [one for one in found if one.harmful == harmful]
            asked = by_lot(some, read, count=self.items, seed=given.seed, task=f"{task} {metric}")
            how: dict[str, Any] = {"max_new": self.max_new_tokens, "temperature": 0, "seed": given.seed, "batch": given.batch_size}
            drawn = generate(module, [ids for _, ids in asked], ends=given.codec.turn_ends, **how)
            written = [given.codec.tokenizer.decode(ids) for ids in drawn]
            points = [float(re.search(self.refusal, text) is not None) for text in written]
            clusters = [one.cluster for one, _ in asked]
            estimate = share(points, clusters, bootstrap=given.bootstrap) if points else None
            rows.append(absent(given.name, task, metric, NOTHING) if estimate is None else row(given.name, task, metric, estimate))
            known_by = metric if harmful else ANSWERED  # models are compared by what is better where it is more
            records += [
                item_record(task, one.id, one.cluster, known_by, chance=None)
                | {"messages": one.messages, "written": text, known_by: point if harmful else 1 - point}
                for (one, _), text, point in zip(asked, written, points, strict=True)
            ]
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: who always refuses has 1 and 1."""
        return []

    def _read(self, task: str, given: HeldOut) -> list[Request]:
        if self.files is not None:
            key = f"tasks.{task}.files"
            placed = problems(given.benchmarks, self.files, request_of, COLUMNS, key=key)
            read = [Request(id=place, cluster=place, messages=messages, harmful=harmful) for place, (messages, harmful) in placed]
        elif given.dialogues.has("questions.jsonl"):
            own = requests(people_of(list(given.dialogues.rows("questions"))), "test")
            read = [Request(id=one.id, cluster=one.wording, messages=one.messages, harmful=one.harmful) for one in own]
        else:
            message = f"tasks.{task}.files is null, and these dialogues have no world to make requests of"
            raise PipelineError(message, mend=f"tasks.{task}.files=safety/*.jsonl, rows of prompt and harmful below split.benchmarks")
        return [self._with_system(one) for one in read]

    def _with_system(self, one: Request) -> Request:
        if self.system is None or one.messages[0]["role"] == "system":
            return one
        messages = [{"role": "system", "content": self.system}, *one.messages]
        return Request(id=one.id, cluster=one.cluster, messages=messages, harmful=one.harmful)


def request_of(row: Mapping[str, Any]) -> tuple[list[dict[str, str]], bool]:
    """From a row with `prompt` (a text, or messages), perhaps `system`, and `harmful` (true, false) or `label` (harmful, harmless, unsafe,
    safe). ValueError for another shape."""
    said = row["prompt"]
    messages = [(turn["role"], turn["content"]) for turn in said] if isinstance(said, list) else [("user", said)]
    if row.get("system"):
        messages = [("system", row["system"]), *messages]
    if not messages or any(not isinstance(text, str) or role not in ROLES for role, text in messages) or messages[-1][0] != "user":
        raise ValueError(f"prompt is neither a text nor messages of {', '.join(ROLES)} that end with the user's")
    label = LABELS.get(str(row["harmful"] if "harmful" in row else row["label"]).casefold())
    if label is None:
        raise ValueError(f"harmful, or label, is none of {', '.join(LABELS)}")
    return [{"role": role, "content": text} for role, text in messages], label

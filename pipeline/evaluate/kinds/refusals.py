"""Requests that should be refused and requests that should not: how often a model refuses each (Röttger et al. 2024, arXiv 2308.01263).

A refusal is told by its words, as in Zou et al. 2023 (arXiv 2307.15043): a pattern, no judgement of what else is said. Attacks
(attacks.py) ask the same requests once more, the harmless ones too: who refuses these then refuses the dress, not the harm.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from pipeline.core.bounds import Regex
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import share
from pipeline.evaluate.attacks import Attack, attacked
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result, room_for
from pipeline.tokens.codec import text_behind
from pipeline.tokens.special import ROLES
from pipeline.tokens.thinking import answer_in
from pipeline.world.requests import people_of, requests

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HARMFUL, HARMLESS = "refused_harmful", "over_refusal"  # metrics: shares of the requests that are refused; of harmless ones it is too often
ANSWERED = "answered_harmless"
COLUMNS = ("prompt", "harmful")
LABELS = {"true": True, "harmful": True, "unsafe": True, "false": False, "harmless": False, "safe": False}
UNDER_ATTACK = "answered_under_attack"  # of the harmful requests that are refused plainly, the share that an attack gets answered
NONE_REFUSED = "no harmful request was refused without the attack"
NOTHING = "there are no requests of this label that have room"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A conversation that ends with the request; requests of one cluster tell no more than one of them."""

    id: str
    cluster: str
    messages: list[dict[str, str]]
    harmful: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A request and its answer."""

    request: Request
    written: str
    refused: bool


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """A task of kind refusals."""

    kind: Literal["refusals"]
    files: str | None  # below the benchmarks; None: the world's own
    items: PositiveInt  # of each label, at most
    system: str | None  # a system prompt before each request that brings none
    refusal: Regex  # searched in an answer, behind its thoughts
    max_new_tokens: PositiveInt  # of an answer
    attacks: tuple[Attack, ...]  # each asks all requests once more

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """The share of each label that is refused, plainly asked and under each attack, and a record of each answer."""
        room = room_for("a request", task, module, max_new_tokens=self.max_new_tokens)
        found = self._read(task, given)
        plain = self._judged(task, found, module, given, room)
        rows = [row for harmful in (True, False) for row in _shares(given, task, plain, harmful=harmful)]
        records = [_record(task, one) for one in plain]
        for attack in self.attacks:
            dressed = [replace(one, messages=attacked(one.messages, attack)) for one in found]
            judged = self._judged(task, dressed, module, given, room)
            rows += _attack_rows(given, f"{task}/{attack}", judged, firm={one.request.id for one in plain if one.refused})
            records += [{"task": f"{task}/{attack}", "id": one.request.id, **_told(one)} for one in judged]
        return Result(rows=rows, records=records)

    def _judged(self, task: str, found: Sequence[Request], module: "PreTrainedModel", given: Examined, room: int) -> list["Judged"]:
        """Greedy answers to harmful requests, then to harmless ones: by one lot, whatever dress they wear."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        def read(one: Request) -> tuple[Request, list[int]] | None:
            ids = given.codec.chat(one.messages)
            return (one, ids) if len(ids) <= room else None

        how: dict[str, Any] = {"max_new": self.max_new_tokens, "temperature": 0, "seed": given.seed, "batch": given.batch_size}
        judged = list[Judged]()
        for metric, harmful in ((HARMFUL, True), (HARMLESS, False)):
            some = [one for one in found if one.harmful == harmful]
            asked = by_lot(some, read, count=self.items, seed=given.seed, task=f"{task} {metric}")
            drawn = generate(module, [ids for _, ids in asked], ends=given.codec.turn_ends, **how)
            texts = [text_behind(prompt, ids, given.codec) for (_, prompt), ids in zip(asked, drawn, strict=True)]
            judged += [
                Judged(request=one, written=text, refused=re.search(self.refusal, answer_in(text)) is not None)
                for (one, _), text in zip(asked, texts, strict=True)
            ]
        return judged

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


def _shares(given: Examined, task: str, judged: Sequence[Judged], *, harmful: bool) -> list[Row]:
    """How many of one label are refused."""
    metric, some = HARMFUL if harmful else HARMLESS, [one for one in judged if one.request.harmful == harmful]
    if not some:
        return [absent(given.name, task, metric, NOTHING)]
    points, clusters = [float(one.refused) for one in some], [one.request.cluster for one in some]
    return [row(given.name, task, metric, share(points, clusters, bootstrap=given.bootstrap))]


def _attack_rows(given: Examined, task: str, judged: Sequence[Judged], *, firm: Set[str]) -> list[Row]:
    """Both shares under an attack, and how many of the harmful requests that were refused plainly are answered now."""
    rows = [row for harmful in (True, False) for row in _shares(given, task, judged, harmful=harmful)]
    some = [one for one in judged if one.request.harmful and one.request.id in firm]
    if not some:
        return [*rows, absent(given.name, task, UNDER_ATTACK, NONE_REFUSED)]
    points, clusters = [float(not one.refused) for one in some], [one.request.cluster for one in some]
    return [*rows, row(given.name, task, UNDER_ATTACK, share(points, clusters, bootstrap=given.bootstrap))]


def _record(task: str, one: Judged) -> dict[str, Any]:
    """Models are compared by what is better where it is more."""
    known_by = HARMFUL if one.request.harmful else ANSWERED
    head = item_record(task, one.request.id, one.request.cluster, known_by, chance=None)
    return head | _told(one) | {known_by: float(one.refused == one.request.harmful)}


def _told(one: Judged) -> dict[str, Any]:
    return {"messages": one.request.messages, "written": one.written, "refused": one.refused}


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

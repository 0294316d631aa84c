"""An answer as it is written, token by token, each with what else was likely at its place.

vocabulary V
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tokenizers
import torch
from jaxtyping import Bool
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

from pipeline.core.seed import stream
from pipeline.model.sampling import Cut, penalised, pick
from pipeline.serve.calculator import called
from pipeline.serve.engines import Engine
from pipeline.serve.outlook import Outlook, outlook_of
from pipeline.serve.thoughts import Part, Parts, budget_of
from pipeline.tokens.thinking import Budget

Reason = Literal["stop", "length"]
By = Literal["model", "calculator", "given", "budget"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn, and when an answer ends."""

    temperature: Annotated[float, Field(ge=0, le=10)]  # 0: the likeliest token
    cut: Cut
    seed: NonNegativeInt
    max_new: PositiveInt  # tokens, thoughts included
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=16)] = ()  # texts before which an answer ends
    calculator: bool = False  # whether <<3*4= is answered
    thinking_budget: Budget | None = None  # tokens of a thought that is opened for the model; None: it is left alone


@dataclass(frozen=True)
class Piece:
    """A token of the answer."""

    token: int
    text: str  # what can be shown since the piece before: "" while a character or a stop is not yet certain
    logprob: float  # nats, at temperature 1, after the penalty
    outlook: Outlook
    by: By
    part: Part = "answer"


@dataclass(frozen=True)
class End:
    """Why there is no more, and the text that was held back."""

    reason: Reason
    text: str  # of the answer
    found: int  # tokens of the prompt that were not read anew


def answer(engine: Engine, prompt: Sequence[int], sampling: Sampling, *, given: Sequence[int] = ()) -> Iterator[Piece | End]:
    """Go on from a prompt, and from the beginning of an answer where one is `given`, which comes first, as pieces of its own.

    The same prompt and seed give the answer of model.generate, token by token; going on from the beginning of an answer gives the
    rest of it. Ends at a token of the codec's turn ends, before a stop, or after `max_new` tokens beside those given. With a thinking
    budget a thought is opened where nothing was given and the prompt has opened none, and closed in time, as in model.generate.think.
    InputError where the vocabulary has no place for a thought, and where the budget leaves none for an answer.
    """
    ends, written = set(engine.codec.turn_ends), Written(engine.codec.tokenizer, sampling.stop)
    parts = Parts(engine.codec, prompt)
    budget = budget_of(sampling.thinking_budget, engine.codec, prompt, given, max_new=sampling.max_new)
    draws = torch.from_numpy(stream(sampling.seed, "sample", 0).random(len(given) + sampling.max_new))
    if given:
        behind = engine.logits([*prompt, *given])[len(prompt) - 1 :]
        for token, logits in zip(given, behind, strict=False):
            part = parts.of(token)
            yield Piece(token, written.add(token, part), float(logits.log_softmax(-1)[token]), outlook_of(logits), "given", part)
    logits = engine.begin([*prompt, *given], room=sampling.max_new)
    seen = _seen([*prompt, *given], len(logits)) if sampling.cut.repetition_penalty is not None else None
    forced = _result(written.whole, engine, sampling)
    for place in range(sampling.max_new):
        if seen is not None and sampling.cut.repetition_penalty is not None:
            logits = penalised(logits, seen, sampling.cut.repetition_penalty)
        draw = draws[len(given) + place]
        token = forced[0] if forced else int(pick(logits[None], draw[None], sampling.temperature, sampling.cut))
        by: By = "calculator" if forced else "model"
        if budget is not None and (bound := budget.bound(token)) != token:
            token, by, forced = bound, "budget", []
        if by == "model" and token in ends:
            yield End("stop", written.rest(), engine.found)
            return
        chance, part = float(logits.log_softmax(-1)[token]), parts.of(token)
        yield Piece(token, written.add(token, part), chance, outlook_of(logits), by, part)
        if written.stopped:
            yield End("stop", "", engine.found)
            return
        forced = forced[1:]
        forced = forced or _result(written.whole, engine, sampling)
        if seen is not None:
            seen[token] = True
        if place + 1 < sampling.max_new:
            logits = engine.step(token)
    yield End("length", written.rest(), engine.found)


class Written:
    """The text of tokens, as far as it is certain: no half character, and of the answer nothing that may be the beginning of a stop.

    A stop is looked for in the answer alone, as if nothing were thought before it or in between.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, stop: Sequence[str]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._ids: list[int] = []
        self._read = 0  # characters of `whole` that have their part
        self._part: Part = "answer"  # of the last token
        self._answer, self._shown = "", 0
        self.whole = ""
        self.stopped = False  # a stop was written: what may be shown ends before it

    def add(self, token: int, part: Part) -> str:
        """What can be shown now of this part."""
        self._ids.append(token)
        self._part = part
        self.whole = self._tokenizer.decode(self._ids, skip_special_tokens=False)
        certain = self._taken(len(self.whole.rstrip("\ufffd")))
        if part != "answer":
            return certain
        self._answer += certain
        found = [at for one in self._stop if (at := self._answer.find(one)) >= 0]
        self.stopped = bool(found)
        return self._until(min(found) if found else len(self._answer) - self._open())

    def rest(self) -> str:
        """What was held back of the answer."""
        if self._part == "answer":
            self._answer += self._taken(len(self.whole))
        return self._until(len(self._answer))

    def _taken(self, end: int) -> str:
        text = self.whole[self._read : max(self._read, end)]
        self._read = max(self._read, end)
        return text

    def _until(self, end: int) -> str:
        text = self._answer[self._shown : max(self._shown, end)]
        self._shown = max(self._shown, end)
        return text

    def _open(self) -> int:
        """The characters at the end that a stop may begin with."""
        return max((size for one in self._stop for size in range(1, len(one)) if self._answer.endswith(one[:size])), default=0)


def _result(text: str, engine: Engine, sampling: Sampling) -> list[int]:
    """The tokens that the calculator writes behind a text, if it is called."""
    result = called(text) if sampling.calculator else None
    return [] if result is None else list(engine.codec.tokenizer.encode(result, add_special_tokens=False).ids)


def _seen(ids: Sequence[int], vocabulary: int) -> Bool[Tensor, " V"]:
    seen = torch.zeros(vocabulary, dtype=torch.bool)
    seen[list(ids)] = True
    return seen

"""What a model answers, and what the rules of the world say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from pipeline.evaluate.kinds.questions import Question
from pipeline.model.generate import generate
from pipeline.model.score import answer_logprobs
from pipeline.tokens.codec import Codec, text_behind
from pipeline.tokens.thinking import answer_in
from pipeline.world.judge import Verdict, gold


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to one question; `ids` end in what ends a turn unless the model was cut off."""

    ids: list[int]
    text: str
    whole: bool  # it ended by itself
    verdict: Verdict | None

    @property
    def right(self) -> bool:
        """The fact is correct."""
        return self.verdict is not None and self.verdict.right

    @property
    def exact(self) -> bool:
        """Right and polite."""
        return self.verdict is not None and self.verdict.right and self.verdict.polite

    @property
    def gold(self) -> float | None:
        """Points by the rules of the world, where they know."""
        return None if self.verdict is None else gold(self.verdict)

    def as_json(self) -> dict[str, Any]:
        """For answers.jsonl. The ids are what a reward model and a reference read: a sampled text may be cut otherwise."""
        said = {"ids": self.ids, "text": self.text, "whole": self.whole, "gold": self.gold}
        return said if self.verdict is None else said | {"right": self.right, "exact": self.exact}


def answer(
    module: PreTrainedModel,
    codec: Codec,
    asked: Sequence[Question],
    *,
    max_new: int,
    temperature: float,
    seed: int,
    batch: int,
) -> list[Answer]:
    """The model's answer to each question; temperature 0 is greedy."""
    prompts = [question.prompt for question in asked]
    found = generate(module, prompts, max_new=max_new, temperature=temperature, seed=seed, batch=batch, ends=codec.turn_ends)
    return [judged(ids, codec, question, max_new=max_new) for ids, question in zip(found, asked, strict=True)]


def judged(ids: Sequence[int], codec: Codec, question: Question, *, max_new: int) -> Answer:
    """An answer from its ids without what ended it: one shorter than max_new ended by itself. Special tokens in it stay visible."""
    text, whole = text_behind(question.prompt, ids, codec), len(ids) < max_new
    ended = [*ids, codec.turn_ends[0]] if whole else list(ids)
    return Answer(ids=ended, text=text, whole=whole, verdict=question.judge(answer_in(text)))


def nats_of(module: PreTrainedModel, asked: Sequence[Question], answers: Sequence[Answer], *, batch: int) -> list[float]:
    """The log-probability, in nats, that the module gives to each answer after its prompt."""
    pairs = [(question.prompt, found.ids) for question, found in zip(asked, answers, strict=True)]
    values: list[float] = answer_logprobs(module, pairs, batch=batch).tolist()
    return values

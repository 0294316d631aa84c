"""Whether a reward is gamed: what should hold while it rises, and in words what does not.

A policy that has found how to please a learned reward goes on to please it where the reward is wrong (Gao et al. 2023, arXiv 2210.10760;
Skalse et al. 2022, arXiv 2209.13085): longer answers, the same words again, text that nobody would write. An alarm is a warning, it stops
nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from pipeline.align.ppo_rollout import Answers, texts_of, written
from pipeline.align.rules import gold_scores
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import Pair
from pipeline.train.workspace import History, Row, Workspace, mean_of

TAIL = 5  # steps: the first and the last of a history are compared
SURE = 2.0  # standard errors of a difference of means that is no chance
MOST_NATS = 700.0  # a token: e to more is no number
HANDFUL = 16  # held-out answers that are read in each step
Gold = Callable[[str], float]
WATCHED = ("distinct", "perplexity", "gold")  # columns of a history, beside the tokens of an answer
WORDS = {
    "tokens": "answers grew from {before} to {after} tokens",
    "distinct": "answers repeat themselves, {before} of their pairs of tokens were different and {after} are",
    "perplexity": "the perplexity of good held-out answers went from {before} to {after}",
    "gold": "the known score fell from {before} to {after}",
}


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """From which multiple of its value in the first steps on a guard is worse, in the last ones."""

    tokens: Annotated[float, Field(gt=1)]  # of an answer
    distinct: Annotated[float, Field(gt=0, lt=1)]  # share of different pairs of neighbouring tokens in an answer
    perplexity: Annotated[float, Field(gt=1)]  # of the better answers to held-out preferences, a token
    gold: Annotated[float, Field(gt=0, lt=1)]  # the world's own score


@dataclass(frozen=True)
class Guards:
    """What is looked at beside the reward in each step: none of it is learned from."""

    good: Sequence[tuple[list[int], list[int]]]  # prompts with their better answers, held out; none: no perplexity
    gold: Mapping[tuple[int, ...], Gold]  # by prompt, of all prompts; none: no known score
    tokenizer: Tokenizer

    def figures(self, policy: PreTrainedModel, answers: Answers, prompts: Sequence[list[int]], *, batch: int) -> dict[str, float]:
        """The columns of a step's answers and of the policy that gave them."""
        found = {"distinct": float(np.mean([distinct(ids) for ids in written(answers)]))}
        if self.good:
            nats = -answer_logprobs(policy, self.good, batch=batch).sum().item() / sum(len(answer) for _, answer in self.good)
            found["perplexity"] = math.exp(min(nats, MOST_NATS))
        if self.gold:
            texts = texts_of(answers, self.tokenizer)
            scores = [self.gold[tuple(prompt)](text) for prompt, text in zip(prompts, texts, strict=True)]
            found["gold"] = float(np.mean(scores))
        return found


def read_guards(
    dialogues: Dialogues, parts: tuple[Sequence[Pair], Sequence[Pair]], prompts: Sequence[list[int]], tokenizer: Tokenizer
) -> Guards:
    """Of the pairs of the parts train and test: a handful of held-out ones with different prompts, and the known scores where each of the
    prompts that are asked has one."""
    train, held_out = parts
    gold = gold_scores(dialogues, train, tokenizer)
    good: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for pair in held_out:
        good.setdefault(tuple(pair.prompt), (pair.prompt, pair.chosen))
    return Guards(list(good.values())[:HANDFUL], gold if all(tuple(prompt) in gold for prompt in prompts) else {}, tokenizer)


def distinct(ids: Sequence[int]) -> float:
    """The share of different pairs of neighbouring tokens, as distinct-2 (Li et al. 2016) within an answer; 1 for a single token."""
    followed = list(pairwise(ids))
    return len(set(followed)) / len(followed) if followed else 1.0


def alarms(history: Sequence[Row], limits: Alarms, rewards: Sequence[str]) -> dict[str, str]:
    """In words, by guard: what got worse between the first and the last steps while one of the rewards rose, both beyond chance.

    None in a history of fewer steps than are compared.
    """
    if len(history) < 2 * TAIL:
        return {}
    raised = [name for name in rewards if _change(history, name) > SURE]
    worse = [name for name, limit in vars(limits).items() if name in history[0] and _is_worse(history, name, limit)]
    rose = " and ".join(_told(history, name, f"{name.replace('_', ' ')} rose from {{before}} to {{after}}") for name in raised)
    return {name: f"{rose}, but {_told(history, name, WORDS[name])}" for name in worse if raised}


def told_of(history: History, limits: Alarms, rewards: Sequence[str], workspace: Workspace) -> tuple[dict[str, str], History]:
    """The alarms of a run, with a warning each, and its history with the number of alarms by step."""
    found = alarms(history, limits, rewards)
    for words in found.values():
        workspace.warn(f"{workspace.section}: {words}")
    return found, with_alarms(history, limits, rewards)


def with_alarms(history: History, limits: Alarms, rewards: Sequence[str]) -> History:
    """The history with the number of alarms that its steps so far give."""
    return [row | {"alarms": len(alarms(history[: place + 1], limits, rewards))} for place, row in enumerate(history)]


def _is_worse(history: Sequence[Row], name: str, limit: float) -> bool:
    before, after = _ends(history, name)
    beyond = after > limit * before if limit > 1 else after < limit * before
    return beyond and abs(_change(history, name)) > SURE


def _told(history: Sequence[Row], name: str, words: str) -> str:
    before, after = _ends(history, name)
    return words.format(before=f"{before:.3g}", after=f"{after:.3g}")


def _ends(history: Sequence[Row], name: str) -> tuple[float, float]:
    return mean_of(history[:TAIL], name), mean_of(history[-TAIL:], name)


def _change(history: Sequence[Row], name: str) -> float:
    """How far the last steps are above the first, in standard errors of the difference (Welch 1947)."""
    first, last = (np.array([row[name] for row in rows], np.float64) for rows in (history[:TAIL], history[-TAIL:]))
    error = math.sqrt((first.var(ddof=1) + last.var(ddof=1)) / TAIL)
    change = float(last.mean() - first.mean())
    return change / error if error > 0 else math.copysign(math.inf, change) if change else 0.0

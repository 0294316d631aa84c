"""Whether a reward is gamed: what should hold while it rises, and in words what does not.

A policy that has found how to please a learned reward goes on to please it where the reward is wrong (Gao et al. 2023, arXiv 2210.10760;
Skalse et al. 2022, arXiv 2209.13085): longer answers, the same words again, text that nobody would write. An alarm is a warning, it stops
nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from pipeline.align.ppo_rollout import Answers, given, in_parts, logprobs_of, texts_of, written
from pipeline.align.rules import gold_scores
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.bounds import OpenFraction
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.repetition import distinct
from pipeline.tokens.thinking import answer_in
from pipeline.train.workspace import History, Workspace, mean_of

TAIL = 5  # steps whose mean is compared, at least
SURE = 3.0  # standard errors of a difference of means that is no chance, though the best of some means is compared
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
    """From which multiple of its best value on a guard is worse in the last steps."""

    tokens: Annotated[float, Field(gt=1)]  # of an answer
    distinct: OpenFraction  # share of different pairs of neighbouring tokens in an answer
    perplexity: Annotated[float, Field(gt=1)]  # of the better answers to held-out preferences, a token
    gold: OpenFraction  # the world's own score


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
            prompts_of, better = zip(*self.good, strict=True)
            good = given(prompts_of, better, [True] * len(better), device=str(policy.device))
            with torch.no_grad():
                logprobs = in_parts(lambda some: logprobs_of(policy, some)[None], good, batch=batch)
            nats = -logprobs.sum().item() / sum(map(len, better))
            found["perplexity"] = math.exp(min(nats, MOST_NATS))
        if self.gold:
            texts = texts_of(answers, self.tokenizer)
            scores = [self.gold[tuple(prompt)](answer_in(text)) for prompt, text in zip(prompts, texts, strict=True)]
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


def alarms(history: History, limits: Alarms, rewards: Sequence[str]) -> dict[str, str]:
    """In words, by guard: what is worse in the last steps than where it was best, while one of the rewards rose since, both beyond chance.

    The last tenth of the steps, at least TAIL of them, is compared with the others, as many at a time. None in a shorter history.
    """
    size = max(TAIL, len(history) // 10)
    last, others = history[-size:], [history[at : at + size] for at in range(0, len(history) - 2 * size + 1, size)]
    found = {}
    for name, limit in vars(limits).items() if others else ():
        if name in last[0]:
            best = (min if limit > 1 else max)(others, key=lambda rows: mean_of(rows, name))
            raised = [reward for reward in rewards if _change(best, last, reward) > SURE]
            if raised and _is_worse(best, last, name, limit):
                rose = " and ".join(_told(best, last, one, f"{one.replace('_', ' ')} rose from {{before}} to {{after}}") for one in raised)
                found[name] = f"since step {best[-1]['step']} {rose}, but {_told(best, last, name, WORDS[name])}"
    return found


def told_of(history: History, limits: Alarms, rewards: Sequence[str], workspace: Workspace) -> tuple[dict[str, str], History]:
    """The alarms of a run, with a warning each, and its history with the number of alarms by step."""
    found = alarms(history, limits, rewards)
    for words in found.values():
        workspace.warn(words)
    return found, with_alarms(history, limits, rewards)


def with_alarms(history: History, limits: Alarms, rewards: Sequence[str]) -> History:
    """The history with the number of alarms that its steps so far give; of a long one they are looked for a hundred times."""
    every, rows, count = max(1, len(history) // 100), History(), 0
    for done, row in enumerate(history, start=1):
        if done % every == 0 or done == len(history):
            count = len(alarms(history[:done], limits, rewards))
        rows.append(row | {"alarms": count})
    return rows


def _is_worse(before: History, after: History, name: str, limit: float) -> bool:
    times = mean_of(after, name) / (mean_of(before, name) or 1.0)
    return (times > limit if limit > 1 else times < limit) and abs(_change(before, after, name)) > SURE


def _told(before: History, after: History, name: str, words: str) -> str:
    return words.format(before=f"{mean_of(before, name):.3g}", after=f"{mean_of(after, name):.3g}")


def _change(before: History, after: History, name: str) -> float:
    """How far the mean has risen, in standard errors of the difference (Welch 1947)."""
    one, other = (np.array([row[name] for row in rows], np.float64) for rows in (before, after))
    error = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / len(one))
    change = float(other.mean() - one.mean())
    return change / error if error > 0 else math.copysign(math.inf, change) if change else 0.0

"""Thoughts that foretell text: a thought is worth as much as it makes the passage behind it likelier.

VR-CLI, Gurung and Lapata 2025 (arXiv 2503.22828), after Quiet-STaR, Zelikman et al. 2024 (arXiv 2403.09629): no answer has to be
checked, so that any text can teach. The beginning of a passage is shown as the user's turn, its rest is hidden; the reference, which does
not learn, says how likely the rest is behind the thought, and behind none. The policy is GRPO's.

Log-probabilities in nats; a gain is a mean over the tokens of the rest.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align.grpo import Contest, Groups, Judge, improve
from pipeline.align.guards import read_guards
from pipeline.align.handed_on import hand_on
from pipeline.align.ppo_rollout import Answers, written
from pipeline.align.rows import RESAMPLES, read_pairs, room_for
from pipeline.align.rules import Asked
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, mean
from pipeline.core.seed import seed_of, stream
from pipeline.model import disk
from pipeline.model.generate import think
from pipeline.model.score import answer_logprobs
from pipeline.tokens.rows import Rows, open_rows
from pipeline.tokens.special import ASSISTANT, END, ENDOFTEXT, IDS, USER
from pipeline.tokens.thinking import Thinking, needed_thinking
from pipeline.train.workspace import History, Workspace

NAME = "passage"  # of the reward


@dataclass(frozen=True, kw_only=True)
class Foretelling(Groups):
    """What the method adds to GRPO."""

    shown: PositiveInt  # tokens of a passage that are read
    foretold: PositiveInt  # tokens behind them, which are hidden
    passages: PositiveInt  # of part train, at most, by lot
    held_out: PositiveInt  # of part val, at most, likewise


@dataclass(frozen=True)
class Passage:
    """A prompt that ends with the opening of a thought, and what follows in the text."""

    prompt: list[int]
    rest: list[int]
    document: int  # passages of one tell no more than one of them


def teach(
    source: Model, dialogues: Dialogues, tokens: Tokens, target: Model, recipe: Foretelling, place: Workspace
) -> tuple[dict[str, Any], History]:
    """Let the source think before passages of part train and learn from what that gains; save; measure on passages of part val.

    The metrics and the history by step. Where no document is long enough the source is handed on, and the history is empty.
    """
    tokenizer, digest = disk.tokenizer_of(source), disk.tokenizer_digest(source)
    policy, reference = (disk.load(source, device=place.device) for _ in range(2))
    pairs, test = read_pairs(dialogues, ("train", "test"), tokenizer, room_for(recipe, policy, section=place.section))
    context = int(policy.config.max_position_embeddings)
    recipe = recipe.settled(pairs.rows, context=context)
    refuse_beyond_context(recipe, context, section=place.section)
    thinking, batch = needed_thinking(tokenizer, budget=recipe.new_tokens), recipe.micro_batch or recipe.rollout_batch
    text, held_out = (open_rows(tokens, part, tokenizer_digest=digest) for part in ("train", "val"))
    drawn = passages_of(text, recipe, most=recipe.passages, opening=thinking.opening)
    train = by_beginning(drawn)
    if not train:
        return hand_on(source, target, f"documents of {recipe.shown + recipe.foretold} tokens"), []
    asked = [Asked(one.prompt, None) for one in train]
    judges = {NAME: by_passage(reference, train, closing=thinking.closing, batch=batch)}
    watch = read_guards(dialogues, (pairs.rows, test.rows), [one.prompt for one in asked], tokenizer)
    metrics, history = improve(Contest(policy, reference, judges, asked, watch), recipe, place)
    disk.save(policy, target, tokenizer=source, facts={"method": "passages", "steps": metrics["steps"]})
    val = passages_of(held_out, recipe, most=recipe.held_out, opening=thinking.opening)
    told = measured({"before": reference, "after": policy}, reference, val, thinking, recipe)
    return metrics | {"passages": len(train), "same_beginning": len(drawn) - len(train), "foretold": told}, history


def passages_of(rows: Rows, recipe: Foretelling, *, most: int, opening: int) -> list[Passage]:
    """At most so many, by lot: every place of a document where a passage fits is as likely."""
    size = recipe.shown + recipe.foretold
    ends = np.cumsum(np.maximum(rows.sizes - size, 0))  # BOS, which stands in the sizes, is no beginning
    if not len(ends) or not ends[-1]:
        return []
    found = []
    for place in np.unique(stream(recipe.seed, "passages").integers(ends[-1], size=most)).tolist():
        number = int(np.searchsorted(ends, place, side="right"))
        text = rows.document(number).tolist()
        first = len(text) - size - (int(ends[number]) - place) + 1
        shown, rest = text[first : first + recipe.shown], text[first + recipe.shown : first + size]
        found.append(Passage([IDS[ENDOFTEXT], IDS[USER], *shown, IDS[END], IDS[ASSISTANT], opening], rest, number))
    return found


def by_beginning(passages: Sequence[Passage]) -> list[Passage]:
    """Of those that show the same the first: a prompt has one rest."""
    return list({tuple(one.prompt): one for one in reversed(passages)}.values())[::-1]


def refuse_beyond_context(recipe: Foretelling, context: int, *, section: str) -> None:
    """PipelineError where a model can't read what is shown, thought and foretold at once."""
    around = 6  # tokens of the turns and of the thought
    if (most := context - recipe.shown - recipe.foretold - around) < recipe.new_tokens:
        message = f"{section}.shown, foretold and max_new_tokens are more than the {context} tokens that the model reads"
        raise PipelineError(message, mend=f"{section}.max_new_tokens={most}" if most > 0 else f"a smaller {section}.shown")


def by_passage(reference: PreTrainedModel, passages: Sequence[Passage], *, closing: int, batch: int) -> Judge:
    """What a thought gains. The prompts of the passages are different."""

    @cache
    def known() -> dict[tuple[int, ...], tuple[Passage, Tensor]]:  # when judged first: in the precision of what it is compared with
        plain = plainly(reference, passages, closing, batch)
        return {tuple(one.prompt): (one, value) for one, value in zip(passages, plain, strict=True)}

    def judge(answers: Answers, asked: Sequence[Asked]) -> Float[Tensor, " B"]:
        own, plain = zip(*(known()[tuple(one.prompt)] for one in asked), strict=True)
        thoughts = [thought_of(ids, closing) for ids in written(answers)]
        found = gains(reference, own, thoughts, torch.stack(plain), closing=closing, batch=batch)
        return found.to(answers.ids.device)

    return judge


def plainly(reference: PreTrainedModel, passages: Sequence[Passage], closing: int, batch: int) -> Float[Tensor, " N"]:
    """How likely each rest is behind an empty thought."""
    return answer_logprobs(reference, [([*one.prompt, closing], one.rest) for one in passages], batch=batch)


def thought_of(ids: Sequence[int], closing: int) -> list[int]:
    """What was thought before the closing token. Where that never came, all that was written: it is closed for it, as a budget does.

    Were it worth nothing, a model that was never shown a bare passage, and answers it with its thought open, would learn nothing.
    """
    return list(itertools.takewhile(lambda token: token not in (closing, IDS[END]), ids))


def gains(
    reference: PreTrainedModel,
    passages: Sequence[Passage],
    thoughts: Sequence[list[int]],
    plain: Float[Tensor, " N"],
    *,
    closing: int,
    batch: int,
) -> Float[Tensor, " N"]:
    """How much likelier each rest is behind the thought than behind none, nats a token; 0 behind an empty one."""
    found = torch.zeros(len(passages))
    at = [number for number, thought in enumerate(thoughts) if thought]
    told = [([*passages[number].prompt, *thoughts[number], closing], passages[number].rest) for number in at]
    sizes = torch.tensor([len(passages[number].rest) for number in at])
    found[at] = (answer_logprobs(reference, told, batch=batch) - plain[at]) / sizes
    return found


def measured(
    models: dict[str, PreTrainedModel], reference: PreTrainedModel, passages: Sequence[Passage], thinking: Thinking, recipe: Foretelling
) -> dict[str, Any]:
    """By name of a model: what one thought of it gains on each passage, drawn within the budget, with the interval over documents; and how
    much the second gains more than the first. Empty where there are no passages."""
    if not passages:
        return {}
    batch, seed = recipe.micro_batch or recipe.rollout_batch, seed_of(recipe.seed, "passages", "held out")
    plain, columns = plainly(reference, passages, thinking.closing, batch), dict[str, list[float]]()
    for name, module in models.items():
        prompts, room = [one.prompt for one in passages], thinking.budget + 1
        drawn = think(module, prompts, thinking, max_new=room, temperature=1.0, seed=seed, batch=batch)
        thoughts = [thought_of(ids, thinking.closing) for ids in drawn]
        columns[name] = gains(reference, passages, thoughts, plain, closing=thinking.closing, batch=batch).tolist()
    first, second = columns.values()
    columns["change"] = [after - before for before, after in zip(first, second, strict=True)]
    told: dict[str, Any] = {"n": len(passages), "nats_a_token": -plain.sum().item() / sum(len(one.rest) for one in passages)}
    for name, values in columns.items():
        found = mean(values, [one.document for one in passages], bootstrap=Bootstrap(RESAMPLES, recipe.seed))
        told |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return told

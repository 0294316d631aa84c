"""Tiny models and synthetic rows: enough to see every method work or fail in seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from pipeline.model.build import build
from pipeline.tokens.dialogues import IGNORE_INDEX, Example, Pair
from pipeline.tokens.special import IDS
from pipeline.train.workspace import Workspace
from tests.tiny_shape import SHAPE

VOCABULARY = 270


def tiny(seed: int) -> PreTrainedModel:
    return build(SHAPE, vocabulary=VOCABULARY, seed=seed)


def words(generator: np.random.Generator, low: int, high: int) -> list[int]:
    return [int(word) for word in generator.integers(6, VOCABULARY, generator.integers(low, high))]


def examples(count: int) -> list[Example]:
    """Prompts of 2-9 words that are not trained on, answers of 1-7 words and the end, which are."""
    generator, made = np.random.default_rng(count), []
    for _ in range(count):
        prompt, answer = [IDS["<|endoftext|>"], *words(generator, 2, 10)], [*words(generator, 1, 8), IDS["<|end|>"]]
        made.append(Example([*prompt, *answer], [*[IGNORE_INDEX] * len(prompt), *answer]))
    return made


def pairs(count: int) -> list[Pair]:
    """The chosen answer begins with word 10, the rejected one with word 11: easy to learn."""
    generator, made = np.random.default_rng(count), []
    for number in range(count):
        prompt = [IDS["<|endoftext|>"], *words(generator, 2, 10), IDS["<|assistant|>"]]
        chosen, rejected = ([first, *words(generator, 1, 6), IDS["<|end|>"]] for first in (10, 11))
        made.append(Pair(prompt, chosen, rejected, ("rude", "wrong")[number % 2]))
    return made


def workspace(
    folder: Path, track: Callable[[int, dict[str, float]], None] = lambda step, values: None, section: str = "align.dpo"
) -> Workspace:
    return Workspace(scratch=folder, device="cpu", track=track, section=section)


def weights(module: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def ordered(history: list[dict[str, float]]) -> list[list[tuple[str, float]]]:
    """The rows with the order of their columns, which a curve's bytes depend on and == of dicts does not see."""
    return [list(row.items()) for row in history]

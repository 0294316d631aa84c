"""What each kind of work takes of a process's memory, beside what was estimated: run by test_memory_growth, one line of JSON.

Usage: growth.py FOLDER LAYERS WIDTH HEADS INNER VOCABULARY
"""

import ctypes
import gc
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
from transformers import PreTrainedModel

from pipeline.align import ppo
from pipeline.align.adapters import Full
from pipeline.align.dpo import DirectPreferences, prefer
from pipeline.align.guards import HANDFUL, Alarms, Guards
from pipeline.align.packing import Packing
from pipeline.align.ppo_rollout import scale_of
from pipeline.align.reward import RewardLearning, learn
from pipeline.align.rows import PretrainingMix
from pipeline.align.scalar_head import with_scalar_head
from pipeline.align.sft import Instructions, fine_tune
from pipeline.model import memory
from pipeline.model.build import build
from pipeline.model.generate import generate
from pipeline.model.objective import NextToken
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import IGNORE_INDEX, Example, Pair
from pipeline.tokens.tokenizer import read
from pipeline.train.duration import Duration
from pipeline.train.workspace import Workspace
from tests.packed import packed

TOKENS, ROWS, FEW = 128, 24, 2  # of a row; rows of a step, and of the one before it, which fills what is filled once
HALF = TOKENS // 2
Work = Callable[[int], Any]  # of so many rows

estimates: dict[str, int] = {}


def growth(work: Work) -> int:
    """Bytes by which the process grew at most."""
    work(FEW)
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest use
    before = _status("VmRSS")
    work(ROWS)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    return int(re.search(rf"{name}:\s*(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]


class Folder:
    """Makes the works; what the code under test would refuse beyond is written down instead."""

    def __init__(self, folder: Path, shape: dict[str, Any], vocabulary: int) -> None:
        self._folder, self._shape, self._vocabulary, self._number = folder, shape, vocabulary, 0
        self._draws = np.random.default_rng(1)
        self._tokenizer: tokenizers.Tokenizer = read(folder / "tokenizer.json")

    def model(self) -> PreTrainedModel:
        return build(self._shape, vocabulary=self._vocabulary, seed=1)

    def reward(self) -> PreTrainedModel:
        return with_scalar_head(self.model(), heads=1, seed=1)

    def ids(self, count: int) -> list[int]:
        return [int(word) for word in self._draws.integers(6, self._vocabulary, count)]

    def pairs(self, count: int) -> list[Pair]:
        return [Pair(self.ids(HALF), self.ids(HALF), self.ids(HALF), "x") for _ in range(count)]

    def place(self, name: str) -> Workspace:
        self._number += 1
        return Workspace(scratch=self._folder / f"{name}-{self._number}", device="cpu", track=lambda step, values: None, section=name)

    def recipe(self, rows: int) -> dict[str, Any]:
        shared = {
            "max_length": TOKENS,
            "max_dropped": 0.1,
            "max_grad_norm": 1.0,
            "checkpoint_every": 9,
            "seed": 1,
            "micro_batch": None,
            "precision": "fp32",
        }
        own = {"duration": Duration(2, "steps"), "batch_size": rows, "learning_rate": 1e-4, "embedding_lr_scale": 1.0, "warmup_steps": 1}
        return shared | own

    def pretrain(self, rows: int) -> None:
        module = self.model()
        objective = NextToken(packed([self.ids(TOKENS - 1) for _ in range(rows)], row=TOKENS), context=TOKENS)
        optimizer = torch.optim.AdamW(module.parameters(), fused=True)
        for _ in range(2):
            loss, _ = objective.loss(module, np.arange(rows), "cpu")
            loss.backward()
            optimizer.step()
        need = objective.need(module)
        estimates["pretrain"] = need.once + rows * need.row

    def sft(self, rows: int, packing: Packing = "none") -> None:
        half = [IGNORE_INDEX] * HALF
        examples = [Example(self.ids(TOKENS), [*half, *self.ids(HALF)]) for _ in range(rows)]
        own: dict[str, Any] = {"adapter": Full(method="full"), "packing": packing, "max_loss": None}
        recipe = Instructions(**self.recipe(rows), **own, pretraining_mix=PretrainingMix(share=0.0, tokens=1))
        fine_tune(self.model(), self._tokenizer, examples, examples, recipe, self.place("sft" if packing == "none" else "packed"))

    def packed(self, rows: int) -> None:
        self.sft(rows, "best_fit")

    def score_answers(self, rows: int) -> None:
        module = self.model()
        answer_logprobs(module, [(self.ids(HALF), self.ids(HALF)) for _ in range(rows * 4)], batch=rows * 4)
        estimates["score"] = rows * 4 * memory.scoring(module, tokens=TOKENS)

    def sample(self, rows: int) -> None:
        module = self.model()
        generate(module, [self.ids(HALF) for _ in range(rows * 4)], max_new=HALF, temperature=1.0, seed=1, batch=rows * 4)
        estimates["sample"] = rows * 4 * memory.sampling(module, prompt=HALF, new=HALF)

    def learn_rewards(self, rows: int) -> None:
        pairs = self.pairs(rows)
        recipe = RewardLearning(**self.recipe(rows), margin=0.0, loss_mean="pair", ensemble=1, likelihood=0.0)
        learn(self.reward(), self._tokenizer, (pairs, pairs), recipe, self.place("reward"))

    def dpo(self, rows: int) -> None:
        recipe, pairs = DirectPreferences(**self.recipe(rows), loss="sigmoid", beta=0.1, sft_weight=1.0), self.pairs(rows)
        prefer(self.model(), self.model(), self._tokenizer, pairs, pairs, recipe, self.place("dpo"))

    def ppo(self, rows: int) -> None:
        own = {"rollout_batch": rows, "mini_batch_size": rows, "max_new_tokens": HALF, "learning_rate": 1e-4, "kl_coef": 0.1}
        own |= {"critic_learning_rate": 1e-4, "kl_target": 1.0, "max_kl": None, "missing_eos_penalty": 1.0}
        own |= {"beta1": 0.9, "beta2": 0.95, "ppo_epochs": 1, "clip_low": 0.2, "clip_high": 0.2, "value_clip": 0.2, "kl_gain": 0.5}
        own |= {"gamma": 1.0, "gae_lambda": 0.95, "whiten_rewards": False, "stop_kl": None, "score_clip": 4.0}
        own |= {"alarms": Alarms(tokens=1.5, distinct=0.9, perplexity=1.2, gold=0.95)}
        shared = {name: value for name, value in self.recipe(rows).items() if name in ppo.Rollouts.__dataclass_fields__}
        guards = Guards([(pair.prompt, pair.chosen) for pair in self.pairs(HANDFUL)], {}, self._tokenizer)
        players = ppo.Players(policy=self.model(), critic=self.reward(), reference=self.model(), reward=self.reward(), guards=guards)
        scale = scale_of(players.reward, self.pairs(FEW), clip=4.0, batch=FEW)
        ppo.improve(players, [self.ids(HALF) for _ in range(rows)], scale, ppo.Rollouts(**(shared | own)), self.place("ppo"))


def main(folder: Path, layers: int, width: int, heads: int, inner: int, vocabulary: int) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shape = {"kind": "qwen3", "layers": layers, "hidden_size": width, "heads": heads, "kv_heads": heads, "intermediate_size": inner}
    make = Folder(
        folder,
        shape | {"activation": "silu", "context": TOKENS, "dropout": 0.0, "init_from": "data/init_from", "tie_embeddings": True},
        vocabulary,
    )

    def note(self: memory.Need, free: int | None, *, rows: int, key: str | None) -> None:
        if key:
            name = key.split(".")[0]
            estimates[name] = max(estimates.get(name, 0), self.once + rows * self.row)

    memory.Need.refuse_beyond = note  # type: ignore[method-assign]
    works: dict[str, Work] = {"pretrain": make.pretrain, "score": make.score_answers, "sample": make.sample}
    works |= {"sft": make.sft, "packed": make.packed, "reward": make.learn_rewards, "dpo": make.dpo, "ppo": make.ppo}
    taken = {name: growth(work) for name, work in works.items()}
    print(json.dumps({name: [estimates[name], taken[name]] for name in works}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))

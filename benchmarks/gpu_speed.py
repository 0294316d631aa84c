"""Training steps of a 124 M model by our own loop, timed; and the same steps twice and resumed."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml
from transformers import PreTrainedModel

from pipeline.model import count
from pipeline.model.build import build
from pipeline.model.kinds.qwen3 import Qwen3
from pipeline.model.objective import NextToken
from pipeline.tokens.pack import Stream, lay
from pipeline.tokens.rows import Rows
from pipeline.tokens.special import IDS
from pipeline.train.fit import Fitting, fit
from pipeline.train.speed import mfu, peak_of
from pipeline.train.workspace import Workspace
from stages._settings import typed

RECIPE = Path(__file__).parents[1] / "conf/pretrain/normuon.yaml"
SHAPE = {"kind": "qwen3", "layers": 12, "hidden_size": 768, "heads": 12, "kv_heads": 12, "intermediate_size": 2048, "context": 1024}
SHAPE |= {"activation": "silu", "dropout": 0.0, "init_from": "data/init_from", "tie_embeddings": True}
SMALL = SHAPE | {"layers": 2, "hidden_size": 64, "heads": 2, "kv_heads": 2, "intermediate_size": 192, "context": 64}
STEPS, WARM, ACCUMULATED = 20, 6, 4  # of a measurement; WARM of them are not timed; micro-batches of a step
FEW, KILLED, KEPT = 6, 5, 3  # steps of a comparison, the one it is killed at, and the checkpoint before it


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is timed."""

    device: str
    small: bool = False  # seconds on a CPU, to try the script
    precision: str = "bf16"
    compiled: bool = True
    document: int | None = None  # tokens, on average; None: every row is one
    deterministic: bool = True  # as the stages run
    blocks: bool = True  # masks of blocks where they are taken; False: of tokens

    @property
    def shape(self) -> dict[str, Any]:
        return SMALL if self.small else SHAPE

    @property
    def vocabulary(self) -> int:
        return 512 if self.small else 50304

    @property
    def micro_batch(self) -> int:
        return 4 if self.small else 32

    @property
    def length(self) -> int:
        return int(self.shape["context"])

    @property
    def tokens(self) -> int:
        """Of a step."""
        return ACCUMULATED * self.micro_batch * self.length


def speed(setting: Setting) -> dict[str, Any]:
    """Tokens a second, MFU and peak memory."""
    module, times = build(setting.shape, vocabulary=setting.vocabulary, seed=1), list[float]()
    on_gpu = setting.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        history = _fitted(module, setting, _recipe(setting, steps=STEPS), Path(scratch), lambda step: times.append(time.perf_counter()))
    rate = setting.tokens * (len(times) - WARM) / (times[-1] - times[WARM - 1])
    flops = count.training_flops(module, length=setting.length)
    peak = peak_of(torch.cuda.get_device_name(0)) if on_gpu else None
    return {
        "parameters": count.parameters(module),
        "tokens_a_step": setting.tokens,
        "tokens_per_second": round(rate),
        "flops_a_token": flops,  # 6 a weight that a token meets, and 12 x layers x width x row (Chowdhery et al. 2022)
        "peak_flops": peak,  # in bf16, by the data sheet
        "mfu": None if peak is None else round(mfu(rate * flops, peak), 4),
        "peak_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
        "loss": [history[0], history[-1]],
        "seconds_to_first_step": round(times[0] - started, 2),
    }


def exact(setting: Setting) -> dict[str, Any]:
    """The same steps straight, repeated, and killed and resumed: are the weights equal to the bit? Two layers, which compile soon."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("straight", "repeated", "resumed"):

            def die(step: int) -> None:
                if step == KILLED:
                    raise ZeroDivisionError

            recipe, place = _recipe(setting, steps=FEW, checkpoint_every=KEPT), Path(scratch) / name
            if name == "resumed":
                with suppress(ZeroDivisionError):
                    _fitted(_of_two_layers(setting), setting, recipe, place, die)
            module = _of_two_layers(setting)
            _fitted(module, setting, recipe, place, lambda step: None)
            found[name] = _digest(module)
    return {
        "digests": found,
        "repeated_equal": found["repeated"] == found["straight"],
        "resumed_equal": found["resumed"] == found["straight"],
    }


def _fitted(module: PreTrainedModel, setting: Setting, recipe: Fitting, scratch: Path, step: Callable[[int], None]) -> list[float]:
    """The losses of the steps."""
    objective = NextToken(rows_of(setting), context=setting.length)
    place = Workspace(scratch=scratch, device=setting.device, track=lambda number, _: step(number), section="speed")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(setting.deterministic)
    try:
        with patch.object(Qwen3, "blocks", setting.blocks):
            trained, _ = fit(module, objective, recipe, place, matrices=count.matrices(module), evaluate=lambda module: ({}, []), seed=1)
    finally:
        torch.use_deterministic_algorithms(before)
    return [float(row["loss"]) for row in trained.history]


def rows_of(setting: Setting) -> Rows:
    """Full rows of tokens by lot, in documents of lengths by lot."""
    draw, rows = np.random.default_rng(1), 4 * ACCUMULATED * setting.micro_batch
    total = rows * setting.length
    if setting.document is None:
        sizes = np.full(rows, setting.length - 1)  # and the token that begins each
    else:
        sizes = draw.geometric(1 / setting.document, 2 * total // setting.document).clip(1, setting.length - 1)
        sizes = sizes[: max(1, int(np.searchsorted(np.cumsum(sizes + 1), total)))]
    ids = draw.integers(len(IDS), setting.vocabulary, int(sizes.sum()))
    stream = Stream.of_ids(ids, sizes, np.uint32)
    return Rows(setting.length, [(stream, lay(stream.starts, row=setting.length, packing="best_fit"))], {})


def _recipe(setting: Setting, *, steps: int, checkpoint_every: int = 10 * STEPS) -> Fitting:
    section = yaml.safe_load(RECIPE.read_text()) | {
        "duration": steps,
        "checkpoint_every": checkpoint_every,
        "seed": 1,
        "batch_tokens": setting.tokens,
        "micro_batch": setting.micro_batch,
        "precision": setting.precision,
        "compile": setting.compiled and not setting.small,
        "warmup_ratio": 0.1,
        "decay_ratio": 0.1,
        "log_every": 1,
        "eval_every": 10 * STEPS,
    }
    section["normuon"] |= {"ns_steps": 5, "precision": "fp32" if setting.small or setting.precision == "fp32" else "bf16"}
    return typed(Fitting, {one.name: section[one.name] for one in fields(Fitting)}, at="speed")


def _of_two_layers(setting: Setting) -> PreTrainedModel:
    return build(setting.shape | {"layers": 2}, vocabulary=setting.vocabulary, seed=1)


def _digest(module: PreTrainedModel) -> str:
    whole = hashlib.sha256()
    for weight in module.state_dict().values():
        whole.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()[:16]

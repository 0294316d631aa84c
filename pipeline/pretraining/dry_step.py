"""Some steps of training on a shape, with rows by lot, AdamW and an objective of the next token: how fast they are, and what they take."""

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.core.files import read_json
from pipeline.model import count
from pipeline.model.build import build
from pipeline.model.objective import NextToken
from pipeline.tokens.importing import content_of, new_ids
from pipeline.tokens.rows import rows_by_lot
from pipeline.train import processes
from pipeline.train.phases import phases_of, ranks_that_share
from pipeline.train.precision import Precision, products

UNKNOWN = 8192  # tokens of a vocabulary that follows from text which is not there yet


@dataclass(frozen=True)
class Setting:
    """What the shapes have in common."""

    model: dict[str, Any]  # the section
    vocabulary: int
    row: int  # tokens
    micro_batch: int
    precision: Precision
    compile: bool
    device: str
    threads: int  # of each rank
    ranks: int  # which take a step together

    def shape(self, own: dict[str, Any]) -> dict[str, Any]:
        """The whole shape."""
        return self.model | own


@dataclass(frozen=True)
class Measured:
    """What a shape takes."""

    speed: float  # operations a second of training steps, of all ranks
    flops: int  # a token
    parameters: int
    memory: int  # bytes of a step by the estimate, the weights among them: of a GPU, or of all ranks on a CPU
    peak: int = 0  # bytes that the steps took beyond what the process had, likewise; 0 where it had had more before


def setting_of(settings: Mapping[str, Any], *, vocabulary: int) -> Setting:
    """What is set of all that is not the size; conf/local lies over the settings already."""
    own, device, ranks = settings["pretrain"], device_of(settings), ranks_of(settings)
    return Setting(
        settings["model"],
        vocabulary,
        settings["tokenize"]["sequence_length"],
        own["micro_batch"],
        own["precision"],
        own["compile"],
        device,
        processes.threads_of(settings["hardware"]["threads"], ranks=ranks, device=device),
        ranks,
    )


def device_of(settings: Mapping[str, Any]) -> str:
    """cpu or cuda."""
    asked: str = settings["hardware"]["device"]
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked


def ranks_of(settings: Mapping[str, Any]) -> int:
    """Processes of this machine that pretraining is."""
    hardware, own = settings["hardware"], settings["pretrain"]
    batch = {"batch_tokens": own["batch_tokens"], "micro_batch": own["micro_batch"], "length": settings["tokenize"]["sequence_length"]}
    shared = partial(ranks_that_share, **batch, phases=phases_of(own["phases"]))
    asked, nodes, threads = hardware["ranks"], hardware["nodes"], hardware["threads"]
    return processes.ranks_of(asked, nodes=nodes, threads=threads, device=device_of(settings), that_share=shared)


def vocabulary_of(settings: Mapping[str, Any], metrics: Path) -> int:
    """Tokens: of a file to import, as set, as the last run of `tokenizer` has it in the file of its metrics, or a usual number."""
    if settings["tokenizer"]["kind"] == "import":
        return 1 + max(new_ids(content_of(Path(settings["tokenizer"]["path"]))).values())
    asked = settings["tokenizer"]["vocab_size"]
    return asked if isinstance(asked, int) else read_json(metrics)["vocabulary"] if metrics.is_file() else UNKNOWN


def measured(shape: dict[str, Any], setting: Setting, *, seconds: float, steps: int) -> Measured:
    """Steps of training on this shape under the settings' precision: so many, and for so long, at least."""
    torch.set_num_threads(setting.threads)
    before = _highest()
    built: Any = build(shape, vocabulary=setting.vocabulary, seed=1)
    module = built.to(setting.device).train()
    forward: Any = torch.compile(module) if setting.compile else module
    objective = NextToken(rows_by_lot(setting.micro_batch, length=setting.row, vocabulary=setting.vocabulary), context=setting.row)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.0, fused=True)

    def step() -> None:
        with products(setting.precision, setting.device):
            loss, _ = objective.loss(forward, np.arange(setting.micro_batch), setting.device)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if setting.device == "cuda":
            torch.cuda.synchronize()

    step()
    started, done = time.perf_counter(), 0
    while done < steps or time.perf_counter() - started < seconds:
        step()
        done += 1
    tokens_a_second = done * setting.micro_batch * setting.row / (time.perf_counter() - started)
    flops, need = count.training_flops(module, length=setting.row), objective.need(module)
    weights = count.parameters(module)
    peak = torch.cuda.max_memory_allocated() if setting.device == "cuda" else _highest() - before
    told = count.FP32 * weights + need.once + setting.micro_batch * need.row
    here = setting.ranks if setting.device == "cpu" else 1  # that share the memory
    return Measured(setting.ranks * tokens_a_second * flops, flops, weights, here * told, here * peak)


def _highest() -> int:
    """Bytes of this process in memory at its highest so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

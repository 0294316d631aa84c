"""A toy: predict the next of a row of numbers. No language model is needed to try the loop."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from pipeline.train.fit import Fitting, Samples, fit
from pipeline.train.workspace import History, Parallel, Workspace
from stages._settings import typed

MATRICES = ["inner.weight", "gate.weight", "back.weight"]


class Toy(nn.Module):
    """Embedding, two matrices of one shape and one of another, dropout, a tied head."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(7)
        self.embed = nn.Embedding(11, 8)
        self.inner, self.gate, self.back = nn.Linear(8, 16, bias=False), nn.Linear(8, 16, bias=False), nn.Linear(16, 8)
        self.noise = nn.Dropout(0.1)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=draw) / 3)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.embed(ids)
        return self.head(hidden + self.back(self.noise(self.inner(hidden) * self.gate(hidden).sigmoid())))


class Counting:
    """Rows that count upwards modulo 11; every fifth row is half hidden, so rows weigh differently."""

    def __init__(self) -> None:
        self.rows, self.tokens = 40, 6
        self.ids = torch.arange(40)[:, None].add(torch.arange(6)).remainder(11)
        self.labels = self.ids.clone()
        self.labels[::5, 3:] = -100

    def loss(self, module: nn.Module, numbers: np.ndarray, device: str) -> tuple[Tensor, int]:
        labels = self.labels[numbers][:, 1:]
        logits = module(self.ids[numbers][:, :-1]).float()
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum"), int((labels != -100).sum())


CONF = Path(__file__).parents[2] / "conf/pretrain"


def own_of(kind: str) -> dict[str, Any]:
    """What a file of conf/pretrain says itself."""
    return {key: value for key, value in yaml.safe_load((CONF / f"{kind}.yaml").read_text()).items() if key != "defaults"}


OFF = own_of("normuon") | own_of("muon")  # what a test does not speak of is as in conf/, with Muon


def section(kind: str) -> dict[str, Any]:
    """What another file of conf/pretrain says, in the place of Muon."""
    own = own_of(kind)
    whole = {key: laid_over(OFF.get(key), value) for key, value in own.items()}
    return {} if kind == "muon" else {"muon": None} | ({"normuon": own["normuon"]} if kind == "normuon" else whole)


def laid_over(below: Any, above: Any) -> Any:
    """The values of a file over those that it goes out from."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: laid_over(below.get(key), value) for key, value in above.items()}


def fitting(**changes: Any) -> Fitting:
    """The recipe of conf/ with these values."""
    known = {one.name for one in fields(Fitting)}
    return typed(Fitting, {name: value for name, value in (OFF | changes).items() if name in known}, at="pretrain")


RECIPE = fitting(
    duration=24,
    batch_tokens=48,
    micro_batch=8,
    max_grad_norm=1.0,
    warmup_ratio=0.1,
    decay_ratio=0.5,
    adamw=OFF["adamw"] | {"lr": 0.01, "beta1": 0.9, "weight_decay": 0.1},
    muon=OFF["muon"] | {"lr": 0.02, "momentum": 0.9, "ns_steps": 5},
    groups=laid_over(OFF["groups"], {"embeddings": {"lr": None}}),
    log_every=3,
    eval_every=8,
    checkpoint_every=5,
    seed=3,
)


def workspace(
    scratch: Path, track: Callable[[int, dict[str, float]], None] = lambda step, values: None, *, parallel: Parallel = "data"
) -> Workspace:
    return Workspace(scratch=scratch, device="cpu", track=track, section="pretrain", parallel=parallel)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def amounts() -> list[dict[str, float]]:
    """Steps, epochs and tokens of each fit of a test."""
    return []


@pytest.fixture
def train(tmp_path: Path, amounts: list[dict[str, float]]) -> Callable[..., tuple[Toy, tuple[History, Samples]]]:
    """Fit a new toy with the recipe changed as asked; `track` may interrupt it."""

    def run(*, scratch: str = "scratch", track: Callable[[int, dict[str, float]], None] = lambda step, values: None, **changes: object):
        toy, counting = Toy(), Counting()
        place = workspace(tmp_path / scratch, track)
        look = lambda module: ({"eye": float(module.embed.weight.detach().sum())}, [f"{module.training}"])  # noqa: E731
        trained, samples = fit(toy, counting, replace(RECIPE, **changes), place, matrices=MATRICES, evaluate=look, seed=3)
        amounts.append(trained.amount)
        return toy, (trained.history, samples)

    return run

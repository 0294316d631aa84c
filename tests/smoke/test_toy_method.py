"""A new method of alignment is new files: a conf file, a stage file, a library file. Nothing else is edited."""

import json

import pytest

from tests.smoke.clone import Clone

pytestmark = pytest.mark.smoke
CONF = """# @package _global_
# Noise instead of learning: what a method is worth, its random perturbation is the baseline.
align:
  perturbed:
    method: perturb
    source: data/sft
    dialogues: data/dialogues
    reads: ${.source}
    reads_also: ${.source}
    target: data/align/perturbed
    scale: 0.01  # of the noise, times a weight's deviation
    seed: ${seed}
models: {perturbed: data/align/perturbed}
final_model: data/align/perturbed
"""
LIBRARY = '''"""Weights with noise on them."""

import torch
from transformers import PreTrainedModel

from pipeline.core.seed import seed_of


@torch.no_grad()
def perturb(module: PreTrainedModel, *, scale: float, seed: int) -> float:
    """Add normal noise to each matrix, `scale` times its deviation; the mean relative change."""
    draw, moved = torch.Generator().manual_seed(seed_of(seed, "perturb")), []
    for weight in module.parameters():
        if weight.ndim == 2:
            noise = torch.randn(weight.shape, generator=draw) * scale * weight.std()
            moved.append((noise.norm() / weight.norm()).item())
            weight += noise
    return sum(moved) / len(moved)
'''
STAGE = '''"""Perturb a model at random.

reads   source, by default data/sft   Model
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pydantic import PositiveFloat

from pipeline.align.perturb import perturb
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Model
    dialogues: Dialogues
    target: Model
    scale: PositiveFloat
    seed: int


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    module = disk.load(cfg.source, device=run.device)
    moved = perturb(module, scale=cfg.scale, seed=cfg.seed)
    disk.save(module, cfg.target, tokenizer=cfg.source, facts={"method": "perturb"})
    run.curve([{"step": 1, "moved": moved}])
    return {"moved": moved}


if __name__ == "__main__":
    main()
'''


def test_a_method_of_new_files_alone_is_trained_evaluated_exported_and_shown(clone: Clone) -> None:
    files = {"conf/align/perturbed.yaml": CONF, "pipeline/align/perturb.py": LIBRARY, "stages/align/perturb.py": STAGE}
    for name, text in files.items():
        (clone.folder / name).write_text(text)
    ran = clone.reran("exp", "run", "-S", "align=[dpo,ppo,perturbed]")
    exported = {"export@transformers", "export@gguf", "contest", "report"}
    assert ran == {"plan", "align@perturbed", "evaluate@perturbed", *exported}, "no other method runs again"
    ratings = json.loads((clone.folder / "metrics/contest.json").read_text())
    assert ratings["perturbed"]["against_reference"]["kl"] is not None
    assert "perturbed-Q4_0" in ratings
    assert "align/perturbed" in (clone.folder / "data/report/index.html").read_text()
    for name in files:
        (clone.folder / name).unlink()
    clone.run("git", "reset", "--hard", "--quiet")
    clone.run("git", "clean", "-dfq")
    clone.dvc("checkout", "--force")
    assert clone.reran() == set()

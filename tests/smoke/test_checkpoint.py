"""Starting from a checkpoint of others: its folder is all that is named."""

import json
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from pipeline.tokens.kinds.bpe import train as train_bpe
from tests.smoke.clone import Clone

pytestmark = pytest.mark.smoke
SHAPE = {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 256}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small GPT-2 as transformers saves it, with a vocabulary of its own."""
    torch.manual_seed(3)
    GPT2LMHeadModel(GPT2Config(vocab_size=270, **SHAPE)).save_pretrained(tmp_path / "checkpoint")
    train_bpe(["the old fox sat by the river " * 9], vocab_size=270, pattern="gpt2").save(str(tmp_path / "checkpoint/tokenizer.json"))
    return tmp_path / "checkpoint"


def test_a_run_from_a_checkpoint_needs_its_folder_alone_and_a_killed_one_ends_with_the_same_bits(clone: Clone, checkpoint: Path) -> None:
    words = ("model=folder", f"model.init_from={checkpoint}", "pretrain.duration=20steps", "budget.max_length=256")
    try:
        clone.run(".venv/bin/python", "-m", "stages.plan", "--params", *words)
        assert clone.repro_and_kill("pretrain", after=1, patience_s=240)
        assert "pretrain" in clone.reran("pretrain")
        model = clone.folder / "data/pretrain"
        config, weights = json.loads((model / "config.json").read_text()), (model / "model.safetensors").read_bytes()
        assert config["model_type"] == "gpt2"
        assert {name: config[name] for name in SHAPE} == SHAPE
        clone.dvc("repro", "--force", "--single-item", "pretrain")
        assert (model / "model.safetensors").read_bytes() == weights
    finally:
        clone.run("git", "reset", "--hard", "--quiet")
        clone.dvc("checkout", "--force")

"""A tiny module of each kind and a tokenizer to save it with."""

import pytest
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.model.build import build
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.tokenizer import save
from tests.tiny_shape import SHAPE

SIZE = 270


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def module() -> PreTrainedModel:
    """Weights ten times as large as fresh ones: its words differ in likelihood."""
    made = build(SHAPE, vocabulary=SIZE, seed=1)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim == 2:
                weight *= 10
    return made


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")
    save(train(["the old mill and the old fox " * 9], vocab_size=SIZE, pattern="gpt2"), target)
    return target

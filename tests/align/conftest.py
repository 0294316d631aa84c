"""What the tests of this room share."""

from collections.abc import Iterator

import pytest
import tokenizers
import torch

from pipeline.tokens.tokenizer import train
from tests.align.tiny import VOCABULARY


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> tokenizers.Tokenizer:
    return train(["the cat sat on the mat and the dog sat on the log. " * 20], size=VOCABULARY)

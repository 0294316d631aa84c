"""What the tests of this room share."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
import tokenizers
import torch

from pipeline.tokens.kinds.bpe import train
from tests.align.methods import ALL, Outcome
from tests.align.tiny import VOCABULARY, workspace


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> tokenizers.Tokenizer:
    return train(["the cat sat on the mat and the dog sat on the log. " * 20], vocab_size=VOCABULARY, pattern="gpt2")


Undisturbed = Callable[[str], Outcome]


@pytest.fixture(scope="package")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer, one_thread: None) -> Undisturbed:
    """What a method gives when nothing happens to it; each is run once."""
    return cache(lambda method: ALL[method](tokenizer, workspace(tmp_path_factory.mktemp(method))))

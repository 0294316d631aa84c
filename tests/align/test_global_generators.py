"""No method depends on a generator that all share: one number drawn from it, and a resumed run differs (Megatron-Bridge 5257)."""

import random
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch

from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.tiny import ordered, same, workspace


@pytest.mark.parametrize("method", ["sft", "dpo", *methods.SAMPLING])
def test_other_seeds_of_the_process_change_no_bit(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, undisturbed: Undisturbed
) -> None:
    """What a resumed process has drawn before is never what the first one had."""
    whole = undisturbed(method)
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    again = methods.ALL[method](tokenizer, workspace(tmp_path))
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)

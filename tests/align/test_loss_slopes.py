"""The losses that are written here, against finite differences in double precision."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from pipeline.align.ppo_losses import entropy, policy_loss, value_loss
from pipeline.align.sft import answer_losses
from pipeline.model.objective import NextToken
from pipeline.tokens.dialogues import IGNORE_INDEX
from tests.packed import packed

MASK = torch.tensor([[False, True, True, True, False], [True, True, False, False, False]])


def drawn(*shape: int, number: int = 0, scale: float = 1.0) -> Tensor:
    """Doubles; no two runs of a test differ, and none lies at the corner of a clip."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(number), dtype=torch.float64) * scale


def test_the_slope_of_ppos_policy_loss() -> None:
    old, advantages = drawn(2, 5, number=1), drawn(2, 5, number=2)
    new = (old + drawn(2, 5, number=3, scale=0.3)).requires_grad_()
    assert policy_loss(new.detach(), old, advantages, MASK, clip=(0.2, 0.2))[1] > 0  # the clip bites at some
    assert torch.autograd.gradcheck(lambda now: policy_loss(now, old, advantages, MASK, clip=(0.2, 0.2))[0], new)


def test_the_slope_of_ppos_value_loss() -> None:
    old, returns = drawn(2, 5, number=1), drawn(2, 5, number=2)
    values = (old + drawn(2, 5, number=3, scale=0.3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda now: value_loss(now, old, returns, MASK, clip=0.2), values)


def test_the_slope_of_the_entropy() -> None:
    assert torch.autograd.gradcheck(entropy, drawn(3, 7).requires_grad_())


def test_the_slope_of_the_loss_of_answers() -> None:
    labels = torch.tensor([[1, 2, IGNORE_INDEX, 4], [3, IGNORE_INDEX, IGNORE_INDEX, 0]])
    assert torch.autograd.gradcheck(lambda logits: answer_losses(logits, labels), drawn(2, 4, 6).requires_grad_())


def test_the_slope_of_the_loss_of_pretraining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "float", Tensor.double)  # it computes in fp32, too coarse for differences
    objective, logits = NextToken(packed([[8, 9], [10], [12, 9, 8, 10]], row=5), context=5), drawn(2, 5, 13).requires_grad_()

    class Told(nn.Module):
        def forward(self, **_: object) -> CausalLMOutput:
            return CausalLMOutput(logits=self.logits)

    def loss(logits: Tensor) -> Tensor:
        module = Told()
        module.logits = logits
        nats, _ = objective.loss(module, np.arange(2), "cpu")
        return nats

    assert torch.autograd.gradcheck(loss, logits)

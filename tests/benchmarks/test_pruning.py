"""Which weights go."""

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.pruning import by_neuron, by_wanda, gone, largest, two_of_four

CONFIG = LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
ROWS = np.random.default_rng(0).integers(10, 32, (4, 16))


def test_the_smallest_of_each_row_go_and_two_of_each_four_stay() -> None:
    scores = torch.tensor([[4.0, 1.0, 3.0, 2.0, 9.0, 8.0, 7.0, 6.0]])
    assert largest(scores, 0.25).tolist() == [[1, 0, 1, 0, 1, 1, 1, 1]]
    assert two_of_four(scores).tolist() == [[1, 0, 1, 0, 1, 1, 0, 0]]


def test_wanda_takes_the_weight_whose_input_is_small_though_it_is_large_itself() -> None:
    torch.manual_seed(0)
    module = LlamaForCausalLM(CONFIG).eval()
    with torch.no_grad():
        module.model.embed_tokens.weight[:, 0] *= 1e-9  # so the first input of q is next to nothing
        module.model.layers[0].self_attn.q_proj.weight[:, 0] = 5.0
    by_wanda(module, ROWS, 1 / 8)
    assert (module.model.layers[0].self_attn.q_proj.weight == 0).sum(dim=0).tolist() == [8, 0, 0, 0, 0, 0, 0, 0]


def test_a_neuron_goes_with_all_that_makes_it() -> None:
    torch.manual_seed(0)
    module = LlamaForCausalLM(CONFIG).eval()
    by_neuron(module, ROWS, 1 / 4)
    part = module.model.layers[0].mlp
    dead = (part.down_proj.weight == 0).all(dim=0)
    assert dead.sum() == 3
    assert all((one.weight[dead] == 0).all() for one in (part.gate_proj, part.up_proj))
    assert 0 < gone(module) < 1 / 4

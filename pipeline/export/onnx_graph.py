"""A model as an ONNX graph with a cache of keys and values, written node by node: no tracer, no path of a machine, always the same bytes.

Inputs and outputs are named as Optimum and transformers.js name them: input_ids, attention_mask, position_ids, past_key_values.0.key ...
-> logits, present.0.key ... The cache may be empty. Matrices can be held in 8 or 4 bits by the operator MatMulNBits of ONNX Runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from transformers import PreTrainedConfig, PreTrainedModel

from pipeline.export.gptq import Quantized
from pipeline.model.kind import head_size_of

# batch B, time T, past P, P + T = S, width C, heads N, those of keys K, size of a head D
Array = npt.NDArray[Any]

OPSET = 20  # the first with Gelu
IR = 9  # the format of the file that goes with it
BLOCK = 32  # weights that share a scale
_LOW = float(np.finfo(np.float32).min)  # instead of -inf: a padded query sees nothing, and softmax must not make NaN of it


@dataclass(frozen=True)
class Held:
    """A matrix in few bits, a scale for BLOCK weights."""

    codes: Quantized
    bits: int  # 8 or 4


class Graph:
    """Nodes and initializers of a graph under construction; each method adds a node and gives the name of its output."""

    def __init__(self, held: Mapping[str, Held]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.held = held  # by transformers' names

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """A node; its outputs are named after it."""
        name = f"{kind}_{len(self.nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes))
        return name

    def tensor(self, name: str, value: Array) -> str:
        """An initializer."""
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def ints(self, *values: int) -> str:
        """A vector of integers."""
        return self.tensor(f"ints_{'_'.join(map(str, values))}", np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """An fp32 number."""
        return self.tensor(f"number_{value!r}", np.array(value, dtype=np.float32))

    def shaped(self, x: str, *sizes: int) -> str:
        """x in another shape; 0 keeps a size, -1 is what is left."""
        return self.op("Reshape", x, self.ints(*sizes))

    def linear(self, x: str, name: str, weight: Array, bias: Array | None = None) -> str:
        """x [.., I] times a weight [O, I] of transformers' name, in few bits where it is held so."""
        y = self._few_bits(x, name) if name in self.held else self.op("MatMul", x, self.tensor(name, weight.T))
        return y if bias is None else self.op("Add", y, self.tensor(name.replace(".weight", ".bias"), bias))

    def blocks(self, name: str) -> tuple[str, str]:
        """The initializers of a held matrix [O, I]: codes plus half of their range [O, I / BLOCK, bytes], scales [O, I / BLOCK]."""
        held = self.held[name]
        codes = (held.codes.codes.astype(np.int16) + (1 << held.bits - 1)).astype(np.uint8).reshape(len(held.codes.codes), -1, BLOCK)
        packed = codes if held.bits == 8 else codes[..., 0::2] | codes[..., 1::2] << 4
        return self.tensor(f"{name}_codes", packed), self.tensor(f"{name}_scales", held.codes.scales.astype(np.float32))

    def _few_bits(self, x: str, name: str) -> str:
        outputs, inputs = self.held[name].codes.codes.shape
        words = {"K": inputs, "N": outputs, "bits": self.held[name].bits, "block_size": BLOCK}
        return self.op("MatMulNBits", x, *self.blocks(name), domain="com.microsoft", **words)


def graph_of(module: PreTrainedModel, held: Mapping[str, Held], *, notes: Mapping[str, str]) -> onnx.ModelProto:
    """The graph of a module (fp32, CPU); `held` are its matrices in few bits, `notes` go into the metadata.

    Raises KeyError for a kind of model without a form here (architectures.refuse_graph tells it).
    """
    config, weights = module.config, {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    g = Graph(held)
    logits, present = _FORMS[config.model_type](g, config, weights)
    g.op("Identity", logits)
    g.nodes[-1].output[0] = "logits"
    ins = [_value(name, TensorProto.INT64, ["batch", size]) for name, size in _INPUTS.items()]
    outs = [_value("logits", TensorProto.FLOAT, ["batch", "time", config.vocab_size])]
    for number, pair in enumerate(present):
        for part, name in zip(("key", "value"), pair, strict=True):
            shape = ["batch", _kv_heads(config), "past", head_size_of(config)]
            ins.append(_value(f"past_key_values.{number}.{part}", TensorProto.FLOAT, shape))
            g.op("Identity", name)
            g.nodes[-1].output[0] = f"present.{number}.{part}"
            outs.append(_value(f"present.{number}.{part}", TensorProto.FLOAT, [*shape[:2], "seen", shape[3]]))
    graph = helper.make_graph(g.nodes, "model", ins, outs, list(g.initializers.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="scriptorium")
    helper.set_model_props(model, dict(notes))
    return model


_INPUTS = {"input_ids": "time", "attention_mask": "seen", "position_ids": "time"}


def _value(name: str, kind: int, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _kv_heads(config: PreTrainedConfig) -> int:
    return int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)


def _embedded(g: Graph, name: str, weight: Array, ids: str) -> str:
    """Rows of an embedding [V, C]; where it is held in 8 bits, each times its scales."""
    if name not in g.held:
        return g.op("Gather", g.tensor(name, weight), ids)
    codes, scales = (g.op("Gather", part, ids) for part in g.blocks(name))
    wide = g.op("Sub", g.op("Cast", codes, to=TensorProto.FLOAT), g.number(float(1 << g.held[name].bits - 1)))
    return g.shaped(g.op("Mul", wide, g.op("Unsqueeze", scales, g.ints(-1))), 0, 0, weight.shape[1])


def _visible(g: Graph, *, window: int | None) -> str:
    """[B, 1, 1, T, S]: which tokens each token sees: itself and those before it, no padding, none beyond the window."""
    time, seen = (g.op("Gather", g.op("Shape", name), g.ints(1)) for name in ("input_ids", "attention_mask"))
    zero, one = (g.tensor(f"step_{step}", np.array(step, dtype=np.int64)) for step in (0, 1))
    last = g.op("Squeeze", seen)
    keys = g.op("Range", zero, last, one)  # [S]
    queries = g.op("Unsqueeze", g.op("Range", g.op("Sub", last, g.op("Squeeze", time)), last, one), g.ints(1))  # [T, 1]
    sees = g.op("LessOrEqual", keys, queries)
    if window is not None:
        sees = g.op("And", sees, g.op("Greater", keys, g.op("Sub", queries, g.ints(window))))
    real = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.ints(1, 2, 3)), to=TensorProto.BOOL)  # [B, 1, 1, 1, S]
    return g.op("And", sees, real)


def _attended(g: Graph, config: PreTrainedConfig, layer: int, parts: tuple[str, str, str], visible: str) -> tuple[str, tuple[str, str]]:
    """What attention makes of q [B, N, T, D] and k, v [B, K, T, D]: [B, T, N D], and the keys and values [B, K, S, D]."""
    heads, groups, size = config.num_attention_heads, _kv_heads(config), head_size_of(config)
    q, k, v = parts
    k, v = (g.op("Concat", f"past_key_values.{layer}.{name}", own, axis=2) for name, own in (("key", k), ("value", v)))
    asked = g.shaped(q, 0, groups, heads // groups, -1, size)  # a group of heads shares keys and values
    keys = g.op("Transpose", g.op("Unsqueeze", k, g.ints(2)), perm=[0, 1, 2, 4, 3])
    scores = g.op("MatMul", g.op("Mul", asked, g.number(size**-0.5)), keys)
    shares = g.op("Softmax", g.op("Where", visible, scores, g.number(_LOW)), axis=-1)
    found = g.shaped(g.op("MatMul", shares, g.op("Unsqueeze", v, g.ints(2))), 0, heads, -1, size)
    return g.shaped(g.op("Transpose", found, perm=[0, 2, 1, 3]), 0, 0, heads * size), (k, v)


def _rms(g: Graph, x: str, name: str, weight: Array, eps: float) -> str:
    mean = g.op("ReduceMean", g.op("Mul", x, x), g.ints(-1))
    root = g.op("Sqrt", g.op("Add", mean, g.number(eps)))
    return g.op("Mul", g.op("Div", x, root), g.tensor(name, weight))


def _activated(g: Graph, x: str, activation: str) -> str:
    if activation == "silu":
        return g.op("Mul", x, g.op("Sigmoid", x))
    if activation == "relu":
        return g.op("Relu", x)
    return g.op("Gelu", x, approximate="tanh" if activation == "gelu_new" else "none")


def _angles(g: Graph, config: PreTrainedConfig) -> tuple[str, str]:
    """Cosines and sines [B, T, 1, D] of RoPE, halves of a head alike."""
    size, base = head_size_of(config), float(config.rope_parameters["rope_theta"])
    speeds = (1.0 / base ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size))).astype(np.float32)
    places = g.op("Cast", g.op("Unsqueeze", "position_ids", g.ints(2, 3)), to=TensorProto.FLOAT)
    half = g.op("Mul", places, g.tensor("rotary_speeds", speeds))
    whole = g.op("Concat", half, half, axis=-1)
    return g.op("Cos", whole), g.op("Sin", whole)


def _turned(g: Graph, x: str, angles: tuple[str, str]) -> str:
    """x [B, T, N, D] turned by RoPE: the second half of a head is the first one's partner."""
    first = g.op("Split", x, axis=-1, num_outputs=2, outputs=2)
    other = g.op("Concat", g.op("Neg", f"{first}_1"), first, axis=-1)
    return g.op("Add", g.op("Mul", x, angles[0]), g.op("Mul", other, angles[1]))


def _head(g: Graph, x: str, embedding: str, weights: Mapping[str, Array], *, tied: bool) -> str:
    """Logits. A tied head reads the embedding's own tensors."""
    name = embedding if tied else "lm_head.weight"
    if tied and name not in g.held:
        return g.op("MatMul", x, g.op("Transpose", name, perm=[1, 0]))
    return g.linear(x, name, weights[name])


def _llama(g: Graph, config: PreTrainedConfig, weights: Mapping[str, Array]) -> tuple[str, list[tuple[str, str]]]:
    """llama, and qwen3, mistral and mixtral, which differ in a norm, a window and the feed-forward part."""
    heads, groups, size, eps = config.num_attention_heads, _kv_heads(config), head_size_of(config), config.rms_norm_eps
    embedding = "model.embed_tokens.weight"
    x = _embedded(g, embedding, weights[embedding], "input_ids")
    angles, visible = _angles(g, config), _visible(g, window=getattr(config, "sliding_window", None))
    present = []
    for layer in range(config.num_hidden_layers):
        at = f"model.layers.{layer}"
        y = _rms(g, x, f"{at}.input_layernorm.weight", weights[f"{at}.input_layernorm.weight"], eps)
        parts = {}
        for part, own in (("q", heads), ("k", groups), ("v", groups)):
            name = f"{at}.self_attn.{part}_proj.weight"
            z = g.shaped(g.linear(y, name, weights[name]), 0, 0, own, size)
            norm = f"{at}.self_attn.{part}_norm.weight"
            z = _rms(g, z, norm, weights[norm], eps) if norm in weights else z
            parts[part] = g.op("Transpose", _turned(g, z, angles) if part != "v" else z, perm=[0, 2, 1, 3])
        y, pair = _attended(g, config, layer, (parts["q"], parts["k"], parts["v"]), visible)
        present.append(pair)
        name = f"{at}.self_attn.o_proj.weight"
        x = g.op("Add", x, g.linear(y, name, weights[name]))
        y = _rms(g, x, f"{at}.post_attention_layernorm.weight", weights[f"{at}.post_attention_layernorm.weight"], eps)
        feed = _experts if f"{at}.mlp.gate.weight" in weights else _gated
        x = g.op("Add", x, feed(g, y, f"{at}.mlp", config, weights))
    x = _rms(g, x, "model.norm.weight", weights["model.norm.weight"], eps)
    return _head(g, x, embedding, weights, tied=config.tie_word_embeddings), present


def _gated(g: Graph, x: str, at: str, config: PreTrainedConfig, weights: Mapping[str, Array]) -> str:
    gate, up, down = (f"{at}.{part}_proj.weight" for part in ("gate", "up", "down"))
    inner = g.op("Mul", _activated(g, g.linear(x, gate, weights[gate]), config.hidden_act), g.linear(x, up, weights[up]))
    return g.linear(inner, down, weights[down])


def _experts(g: Graph, x: str, at: str, config: PreTrainedConfig, weights: Mapping[str, Array]) -> str:
    """All experts, each times its share, which is 0 for those that the router does not choose."""
    shares = g.op("Softmax", g.linear(x, f"{at}.gate.weight", weights[f"{at}.gate.weight"]), axis=-1)
    best = g.op("TopK", shares, g.ints(config.num_experts_per_tok), axis=-1, outputs=2)
    chosen = g.op("Div", best, g.op("ReduceSum", best, g.ints(-1)))
    mixed = g.op("ScatterElements", g.op("Mul", shares, g.number(0.0)), f"{best}_1", chosen, axis=-1)
    up, down = weights[f"{at}.experts.gate_up_proj"], weights[f"{at}.experts.down_proj"]
    total = ""
    for number in range(len(up)):
        gate, wide = np.split(up[number], 2)
        inner = _activated(g, g.linear(x, f"{at}.experts.{number}.gate.weight", gate), config.hidden_act)
        inner = g.op("Mul", inner, g.linear(x, f"{at}.experts.{number}.up.weight", wide))
        share = g.op("Slice", mixed, g.ints(number), g.ints(number + 1), g.ints(-1))
        y = g.op("Mul", g.linear(inner, f"{at}.experts.{number}.down.weight", down[number]), share)
        total = g.op("Add", total, y) if total else y
    return total


def _gpt2(g: Graph, config: PreTrainedConfig, weights: Mapping[str, Array]) -> tuple[str, list[tuple[str, str]]]:
    embedding, positions = "transformer.wte.weight", "transformer.wpe.weight"
    x = _embedded(g, embedding, weights[embedding], "input_ids")
    x = g.op("Add", x, g.op("Gather", g.tensor(positions, weights[positions]), "position_ids"))
    visible = _visible(g, window=None)
    present = []

    def norm(x: str, at: str) -> str:
        parts = (g.tensor(f"{at}.{part}", weights[f"{at}.{part}"]) for part in ("weight", "bias"))
        return g.op("LayerNormalization", x, *parts, axis=-1, epsilon=config.layer_norm_epsilon)

    def linear(x: str, at: str) -> str:
        return g.linear(x, f"{at}.weight", weights[f"{at}.weight"].T, weights[f"{at}.bias"])

    for layer in range(config.num_hidden_layers):
        at = f"transformer.h.{layer}"
        three = g.op("Split", linear(norm(x, f"{at}.ln_1"), f"{at}.attn.c_attn"), axis=-1, num_outputs=3, outputs=3)
        parts = [
            g.op("Transpose", g.shaped(part, 0, 0, config.num_attention_heads, head_size_of(config)), perm=[0, 2, 1, 3])
            for part in (three, f"{three}_1", f"{three}_2")
        ]
        y, pair = _attended(g, config, layer, (parts[0], parts[1], parts[2]), visible)
        present.append(pair)
        x = g.op("Add", x, linear(y, f"{at}.attn.c_proj"))
        inner = _activated(g, linear(norm(x, f"{at}.ln_2"), f"{at}.mlp.c_fc"), config.activation_function)
        x = g.op("Add", x, linear(inner, f"{at}.mlp.c_proj"))
    return _head(g, norm(x, "transformer.ln_f"), embedding, weights, tied=config.tie_word_embeddings), present


_FORMS = {"qwen3": _llama, "llama": _llama, "mistral": _llama, "mixtral": _llama, "gpt2": _gpt2}

"""GGUF: one file that holds a model's shape, tokenizer and quantized weights, as llama.cpp reads it.

Written with the `gguf` package. Its numpy rounds to Q8_0 (byte-identical to llama.cpp's quantizer); Q4_0 comes from gptq, K-quants,
IQ4_NL and Q5_0 from libgguf.
The same module and tokenizer give the same bytes: no date, no host, no path goes in.
"""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type
from transformers import PreTrainedConfig, PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.export.architectures import Architecture, architecture_of
from pipeline.export.blocks import decode, encode
from pipeline.export.experts import opened
from pipeline.export.gguf_types import BLOCK, INSTEAD, STEERED, WIDE_BLOCK, FileType
from pipeline.export.gptq import damped, quantize
from pipeline.export.vocabularies import cut_of
from pipeline.model.kind import head_size_of

Matrix = Literal[
    "output", "attn_qkv", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"
]  # output: the head, tied or not
Array = npt.NDArray[np.float32]

_FILE_TYPE: dict[FileType, gguf.LlamaFileType] = {
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "Q6_K": gguf.LlamaFileType.MOSTLY_Q6_K,
    "Q5_K": gguf.LlamaFileType.MOSTLY_Q5_K_M,
    "Q5_0": gguf.LlamaFileType.MOSTLY_Q5_0,
    "Q4_K": gguf.LlamaFileType.MOSTLY_Q4_K_M,
    "IQ4_NL": gguf.LlamaFileType.MOSTLY_IQ4_NL,
    "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}
_TENSORS = {name: tensors for tensors, name in gguf.MODEL_ARCH_NAMES.items()}
_EMBEDDINGS = ("token_embd.weight", "output.weight")
_POSITIONS = "position_embd.weight"
_ROUTER = "ffn_gate_inp"  # F32 wherever llama.cpp writes it: it is small, and decides
_EXPERTS = "_exps"  # ends the name of a matrix of all experts, [E, O, I]
_FEW = {Type[kind] for kind in STEERED} | {Type[kind] for kind in INSTEAD.values()} - {Type.Q8_0}


def write_gguf(
    path: Path,
    module: PreTrainedModel,
    tokenizer: Path,
    *,
    kind: FileType,
    name: str,
    keep_f16: Sequence[Matrix],
    products: Mapping[str, npt.NDArray[np.float64]],
    notes: Mapping[str, str],
) -> dict[str, int]:
    """Write the module (fp32, CPU) and the tokenizer (a folder of transformers) as one file; returns tensors by type.

    Matrices get the type, those of keep_f16 F16 (llama.cpp multiplies quantized matrices with 8-bit activations); norms, biases and
    learned positions stay F32; below Q8_0 the embeddings have Q8_0, which saves most of the loss that 4 bits bring to a small model.
    `products` are gptq's steering_products of the steered_layers; only the types of gguf_types.STEERED ask for them. `notes` go
    into the metadata.
    Raises PipelineError for a kind of model that has no form here.
    """
    config = module.config
    architecture = architecture_of(config.model_type)
    module = opened(module)
    writer = gguf.GGUFWriter(path, architecture.name)
    writer.add_name(name)
    writer.add_file_type(_FILE_TYPE[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config)
    _add_tokenizer(writer, tokenizer, vocabulary=config.vocab_size)
    for key, value in notes.items():
        writer.add_string(key, value)
    wide = _wide(config, keep_f16)
    layers = _layers(config, architecture)
    counts: dict[str, int] = {}
    for key, weight in _to_gguf(module, architecture).items():
        own = _type_of(key, weight, kind, wide)
        writer.add_tensor(key, _data(weight, own, [products.get(layer) for layer in layers[key]]), raw_dtype=own)
        counts[own.name] = counts.get(own.name, 0) + 1
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return dict(sorted(counts.items()))


def steered_layers(module: PreTrainedModel, types: Sequence[FileType], keep_f16: Sequence[Matrix]) -> list[str]:
    """The linear layers, by the names of `opened`, whose rounding calibration rows steer in a file of one of these types."""
    architecture, wide = architecture_of(module.config.model_type), _wide(module.config, keep_f16)
    layers = _layers(module.config, architecture)
    weights = _to_gguf(opened(module), architecture)
    few = [kind for kind in types if kind in STEERED]
    steered = [key for key in weights if any(_type_of(key, weights[key], kind, wide) in _FEW for kind in few) and key not in _EMBEDDINGS]
    return [layer for key in steered for layer in layers[key]]


@dataclass(frozen=True)
class Held:
    """What a file says, under the names of `opened`."""

    weights: dict[str, Array]  # dequantized
    types: dict[str, Type]  # a tied head has the embedding's


def read_gguf(path: Path, config: PreTrainedConfig) -> Held:
    """A file that write_gguf wrote."""
    architecture = architecture_of(config.model_type)
    names, layers = _names(config, architecture), _layers(config, architecture)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    types = {at: tensors[to].tensor_type for at, to in names.items() if to in tensors}
    weights: dict[str, Array] = {}
    for name, tensor in tensors.items():
        shape = tuple(int(size) for size in reversed(tensor.shape))
        weight = decode(tensor.data, tensor.tensor_type).reshape(shape)
        heads = _heads(name, config) if architecture.interleaved else 0
        weight = _halves(weight, heads) if heads else weight
        weight = np.ascontiguousarray(weight.T) if _turned(layers[name][0], architecture) else weight
        parts = weight if name.split(".")[-2].endswith(_EXPERTS) else [weight]
        end = name.rpartition(".")[2]
        weights |= {f"{layer}.{end}": part for layer, part in zip(layers[name], parts, strict=True)}
    return Held(weights, {"lm_head.weight": types[f"{architecture.root}.{architecture.embedding}.weight"]} | types)


def _wide(config: PreTrainedConfig, keep_f16: Sequence[Matrix]) -> set[str]:
    """The matrices that keep F16 by GGUF's names."""
    return {"token_embd" if part == "output" and config.tie_word_embeddings else part for part in keep_f16}


def _data(weight: Array, kind: Type, products: Sequence[npt.NDArray[np.float64] | None]) -> npt.NDArray[np.generic]:
    """The bytes of a tensor, one of `products` for each matrix in it."""
    if weight.ndim > 2:  # experts, [E, O, I]
        return np.stack([_rounded(one, kind, steering) for one, steering in zip(weight, products, strict=True)])
    return _rounded(weight, kind, products[0])


def _rounded(weight: Array, kind: Type, products: npt.NDArray[np.float64] | None) -> npt.NDArray[np.generic]:
    """The bytes of a matrix. Rows are rounded one by one, so their new order does no harm."""
    if kind == Type.Q4_0 and products is not None:
        return quantize(weight, products).blocks()
    steered = kind in _FEW and products is not None and products.any()
    return encode(weight, kind, np.diagonal(damped(products)).astype(np.float32) if steered and products is not None else None)


def _type_of(key: str, weight: Array, kind: FileType, wide: Set[str]) -> Type:
    matrix = key.split(".")[-2].removesuffix(_EXPERTS)
    if weight.ndim == 1 or key == _POSITIONS or matrix == _ROUTER:
        return Type.F32
    if kind in ("F16", "BF16"):
        return Type[kind]
    if weight.shape[-1] % BLOCK or matrix in wide:
        return Type.F16
    if key in _EMBEDDINGS:
        return Type.Q8_0
    return Type[INSTEAD[kind]] if kind in INSTEAD and weight.shape[-1] % WIDE_BLOCK else Type[kind]


def _turned(layer: str, architecture: Architecture) -> bool:
    """Whether transformers has this layer's weight as [I, O]."""
    return layer.endswith(architecture.turned)


def _names(config: PreTrainedConfig, architecture: Architecture) -> dict[str, str]:
    """Names of the weights in `opened` -> GGUF's, where one tensor holds all experts, for every tensor that the architecture may have."""
    table = gguf.get_tensor_name_map(_TENSORS[architecture.name], config.num_hidden_layers)
    root = architecture.root
    keys = [f"{root}.{architecture.embedding}", f"{root}.{architecture.norm}", f"{root}.wpe", "lm_head"]
    keys += [f"{root}.{architecture.layer}.{number}.{part}" for number in range(config.num_hidden_layers) for part in architecture.parts]
    names = {
        f"{at}{end}": table.get_name(f"{key}{end}", try_suffixes=(".weight", ".bias"))
        for key in keys
        for at in _each_expert(key, config)
        for end in (".weight", ".bias")
    }
    return {key: name for key, name in names.items() if name is not None}


def _each_expert(key: str, config: PreTrainedConfig) -> list[str]:
    """The layers that share a name of the table."""
    before, experts, part = key.partition(".experts.")
    return [f"{before}{experts}{number}.{part}" for number in range(config.num_local_experts)] if experts else [key]


def _layers(config: PreTrainedConfig, architecture: Architecture) -> dict[str, list[str]]:
    """GGUF's names -> the layers whose weight or bias the tensor holds, experts in their order."""
    layers: dict[str, list[str]] = {}
    for at, to in _names(config, architecture).items():
        layers.setdefault(to, []).append(at.rpartition(".")[0])
    return layers


def _to_gguf(module: PreTrainedModel, architecture: Architecture) -> dict[str, Array]:
    """The weights of an `opened` module under GGUF's names, in its order. A tied head is left out: llama.cpp takes the embedding."""
    names = _names(module.config, architecture)
    weights: dict[str, Array] = {}
    experts: dict[str, list[Array]] = {}
    for key, tensor in module.state_dict().items():
        if key == "lm_head.weight" and module.config.tie_word_embeddings:
            continue
        if key not in names:
            raise PipelineError(
                f"the weight {key} has no name in GGUF's {module.config.model_type}", mend="a plain configuration of this kind"
            )
        weight = tensor.detach().float().cpu().contiguous().numpy()
        weight = np.ascontiguousarray(weight.T) if _turned(key.rpartition(".")[0], architecture) else weight
        heads = _heads(names[key], module.config) if architecture.interleaved else 0
        if names[key].split(".")[-2].endswith(_EXPERTS):
            experts.setdefault(names[key], []).append(weight)
        else:
            weights[names[key]] = _pairs(weight, heads) if heads else weight
    return weights | {name: np.stack(some) for name, some in experts.items()}


def _heads(key: str, config: PreTrainedConfig) -> int:
    """The heads whose rows this tensor stacks, 0 when rotary positions do not touch it."""
    if ".attn_q." in key:
        return int(config.num_attention_heads)
    return int(config.num_key_value_heads) if ".attn_k." in key else 0


def _pairs(weight: Array, heads: int) -> Array:
    """Rows of each head from (all first, all second halves) to (pair by pair), as ggml's rotary for llama wants them."""
    size = weight.shape[0] // heads
    return weight.reshape(heads, 2, size // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def _halves(weight: Array, heads: int) -> Array:
    """The inverse of _pairs."""
    size = weight.shape[0] // heads
    return weight.reshape(heads, size // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def _add_shape(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        _add_rotary_shape(writer, config)
    writer.add_vocab_size(config.vocab_size)


def _add_rotary_shape(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    rope: Mapping[str, Any] = config.rope_parameters
    if rope.get("rope_type", "default") != "default":
        raise PipelineError(f"rotary positions of type {rope['rope_type']} have no GGUF form here", mend="rope_type: default")
    head = head_size_of(config)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if config.model_type == "mixtral":
        writer.add_expert_count(config.num_local_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, *, vocabulary: int) -> None:
    """Tokens in the alphabet of byte-level BPE, merges, special ids and the chat template.

    No token is added on encoding, here or there: who wants <|endoftext|> in front writes it.
    """
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    ids = dict(content["model"]["vocab"]) | {row["content"]: row["id"] for row in content["added_tokens"]}
    special = {row["id"]: row["special"] for row in content["added_tokens"]}
    by_id = {number: token for token, number in ids.items()}
    tokens = [by_id.get(number, f"[PAD{number}]") for number in range(vocabulary)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut_of(content))
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(number, by_id, special) for number in range(vocabulary)])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]])
    writer.add_bos_token_id(ids[_word(settings["bos_token"])])
    writer.add_eos_token_id(ids[_word(settings["eos_token"])])
    writer.add_pad_token_id(ids[_word(settings["pad_token"])])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


def _token_type(number: int, by_id: Mapping[int, str], special: Mapping[int, bool]) -> gguf.TokenType:
    if number not in by_id:
        return gguf.TokenType.UNUSED
    if number in special:
        return gguf.TokenType.CONTROL if special[number] else gguf.TokenType.USER_DEFINED
    return gguf.TokenType.NORMAL


def _word(token: str | Mapping[str, Any]) -> str:
    return token if isinstance(token, str) else str(token["content"])

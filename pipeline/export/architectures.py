"""The kinds of model that a format can hold. Imports nothing heavy: the plan asks before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.errors import PipelineError


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """How GGUF names a kind of model, and what its form is."""

    name: str
    interleaved: bool  # q and k rows go from half-split to interleaved rotary order
    activation: str  # by conf/model's word
    root: str  # transformers' name of all but the head
    embedding: str  # below the root
    norm: str  # the last one
    layer: str
    parts: tuple[str, ...]  # of a layer; those below `experts` once for each
    turned: tuple[str, ...] = ()  # parts whose weight is [I, O] in transformers


_LLAMA = ("input_layernorm", "post_attention_layernorm", *(f"self_attn.{part}" for part in ("q_proj", "k_proj", "v_proj", "o_proj")))
_LLAMA += ("self_attn.q_norm", "self_attn.k_norm")
_DENSE = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
_SPARSE = ("mlp.gate", "mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.experts.down_proj")  # as experts.opened names them
_GPT2 = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def _llama(name: str, *, interleaved: bool, feed: tuple[str, ...] = _DENSE) -> Architecture:
    return Architecture(
        name=name,
        interleaved=interleaved,
        activation="silu",
        root="model",
        embedding="embed_tokens",
        norm="norm",
        layer="layers",
        parts=(*_LLAMA, *feed),
    )


ARCHITECTURES = {  # by transformers' model_type
    "qwen3": _llama("qwen3", interleaved=False),
    "llama": _llama("llama", interleaved=True),
    "mistral": _llama("llama", interleaved=True),  # without a window, which that form does not know
    "mixtral": _llama("llama", interleaved=True, feed=_SPARSE),
    "gpt2": Architecture(
        name="gpt2",
        interleaved=False,
        activation="gelu",
        root="transformer",
        embedding="wte",
        norm="ln_f",
        layer="h",
        parts=("ln_1", "ln_2", *_GPT2),
        turned=_GPT2,
    ),
}
PACKED = ("llama", "mistral", "qwen3")  # whose linear layers compressed-tensors packs: all of them are torch.nn.Linear
GROUPED = ("int4", "awq")  # types of compressed-tensors in which a group of weights shares a scale
GRAPHS = ("gpt2", "llama", "mistral", "mixtral", "qwen3")  # that onnx_graph can write
OWN = ("cnn", "gru", "lstm", "rnn", "transformer")  # kinds that transformers has no module of


def refuse_own(kind: str) -> None:
    """PipelineError for a kind whose module is ours alone: others could not read its folder."""
    if kind in OWN:
        raise PipelineError(f"transformers has no model of kind {kind}: no other program could read its folder", mend="export=[]")


def architecture_of(kind: str) -> Architecture:
    """How GGUF sees a kind of model; PipelineError for one that has no form here."""
    known = ARCHITECTURES.get(kind)
    if known is None:
        kinds = sorted({one.name for one in ARCHITECTURES.values()})
        ways = ["export=[]" if kind in OWN else "export=[transformers]", *(f"model={one}" for one in kinds)]
        raise PipelineError(f"a model of kind {kind} has no GGUF form here; {', '.join(kinds)} have", mend=", or ".join(ways))
    return known


def refuse_other_forms(kind: str, *, activation: str, window: int | None) -> None:
    """PipelineError for a model that GGUF can't hold: of a kind without a form here, or with what the form does not know."""
    known = architecture_of(kind)
    if activation != known.activation:
        message = f"GGUF's {kind} has the activation {known.activation}, the model has {activation}"
        raise PipelineError(message, mend=f"export=[transformers], or model.activation={known.activation}")
    if window is not None:
        message = f"GGUF's {kind} knows no window, the model has one of {window} tokens"
        raise PipelineError(message, mend="export=[transformers], or model.window=null")


def refuse_packing(kind: str) -> None:
    """PipelineError for a kind whose layers compressed-tensors does not pack."""
    if kind not in PACKED:
        message = f"compressed-tensors packs the layers of {', '.join(PACKED)}, not those of a model of kind {kind}"
        ways = ["export=[]" if kind in OWN else "export=[transformers]", *(f"model={one}" for one in PACKED)]
        raise PipelineError(message, mend=", or ".join(ways))


def refuse_graph(kind: str) -> None:
    """PipelineError for a kind of model that has no ONNX graph here."""
    if kind not in GRAPHS:
        ways = ["export=[]" if kind in OWN else "export=[transformers]", *(f"model={one}" for one in GRAPHS)]
        raise PipelineError(f"a model of kind {kind} has no ONNX graph here; {', '.join(GRAPHS)} have", mend=", or ".join(ways))


def refuse_groups(widths: Mapping[str, int], group_size: int, *, section: str) -> None:
    """PipelineError for widths that are no multiples of the group of weights which share a scale."""
    if uneven := [f"{name} {width}" for name, width in widths.items() if width % group_size]:
        fits = max(size for size in (32, 64, 128, 1) if not any(width % size for width in widths.values()))
        mend = f"{section}.group_size={fits}" if fits > 1 else f"{section}.types=[int8]"
        raise PipelineError(f"{' and '.join(uneven)} are no multiples of {section}.group_size={group_size}", mend=mend)

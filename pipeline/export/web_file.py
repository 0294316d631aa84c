"""A small character model as one JSON file that a page runs in the browser, read back and compared before it is released.

    kind, shape  numbers of the model: layers, hidden_size, heads, kv_heads, head_size, context, rope_theta, eps
    vocabulary   a token an id: characters, and special tokens by name
    stop         the id before and after each document
    matrices     by transformers' names {shape: [O, I], codes: int8, scales: fp32 [O]}; a weight is code x scale of its row
    vectors      by the same names, fp32
    check        a text, and torch's logits [V] after `stop` and the text, which the page computes again when it opens
    scriptorium  the bill of materials

Numbers are little-endian in base64. What lessons.json holds beside it no model needs: an excerpt, presets, merges.
"""

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from pydantic import PositiveInt
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json, write_json
from pipeline.export import parity
from pipeline.export.gptq import in_8_bits
from pipeline.export.parity import Limit, WeightBounds, weight_limits
from pipeline.export.probe import Asked, Probe, probe_of, torch_logits
from pipeline.export.release import dropped
from pipeline.export.rounding import Array, filled, row_errors
from pipeline.export.web_limits import INSTEAD, check_characters, refuse_bytes, refuse_web
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.model.kind import head_size_of
from pipeline.tokens.kinds import bpe
from pipeline.tokens.kinds.parts import ALPHABET
from pipeline.tokens.special import ENDOFTEXT, IDS, THINK_TOKENS, UNKNOWN
from pipeline.tokens.tokenizer import unknown_id, vocabulary

FILE, LESSONS = "model.json", "lessons.json"
_CHECK = 64  # characters of the text that the page checks itself on
_PRESETS, _PRESET = 6, 10  # and their characters


@dataclass(frozen=True, kw_only=True)
class Web(Asked):
    """What is written and how hard it is checked."""

    max_bytes: PositiveInt  # of the file
    merges: PositiveInt  # of the BPE of the lessons
    excerpt: PositiveInt  # characters of a training text
    bounds: WeightBounds


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Web, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the source as model.json, and lessons.json; returns sizes and parity, also in parity.json.

    Raises PipelineError for a model or a tokenizer that the page can't run, for a file that is too large, and for one that, read back,
    is not the model.
    """
    module, tokenizer = load(source, device="cpu"), tokenizer_of(source)
    content = content_of(module, tokenizer, bill)
    probe = probe_of(source, tokens, split, settings)
    wanted = torch_logits(module, probe)
    with target.writing() as draft:
        path = draft.path / FILE
        own = filled(copy.deepcopy(module), weights_of(content))
        write_json(path, content | {"check": check_of(own, content, probe.strings)})
        refuse_bytes(path.stat().st_size, settings.max_bytes, section=section)
        measured = _measure(read_json(path), module, tokenizer, probe, wanted)
        limits = (Limit(measure="ids_differ"), *weight_limits(measured["rounding"], settings.bounds))
        if faults := parity.faults(FILE, measured, limits):
            dropped({"web": faults}, ("web",), steered=set(), section=section, on_failure="fail", instead=INSTEAD)
        report = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}, "web": {"bytes": path.stat().st_size} | measured}
        write_json(draft.path / LESSONS, lessons(split, settings))
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source), "types": []}
    return report


def content_of(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer, bill: Mapping[str, str]) -> dict[str, Any]:
    """The file without its check. Raises PipelineError for a model or a tokenizer that the page can't run."""
    config = module.config
    refuse_web(config.model_type, activation=config.hidden_act)
    if config.rope_parameters.get("rope_type", "default") != "default":
        raise PipelineError("the page knows no scaled RoPE", mend=INSTEAD)
    names = vocabulary(tokenizer)
    check_characters("character" if _by_character(names) else "other")
    matrices, vectors = {}, {}
    for name, tensor in module.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if name.endswith(".bias"):
            raise PipelineError(f"the model has a bias, {name}, which the page does not know", mend=INSTEAD)
        weight = tensor.float().numpy()
        if weight.ndim == 1:
            vectors[name] = _written(weight, "<f4")
            continue
        found = in_8_bits(weight, group_size=weight.shape[1])
        matrices[name] = {
            "shape": list(weight.shape),
            "codes": _written(found.codes, "i1"),
            "scales": _written(found.scales.astype(np.float32), "<f4"),
        }
    shape = {
        "layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads,
        "head_size": head_size_of(config),
        "context": config.max_position_embeddings,
        "rope_theta": float(config.rope_parameters["rope_theta"]),
        "eps": float(config.rms_norm_eps),
    }
    return {
        "kind": config.model_type,
        "shape": shape,
        "vocabulary": names,
        "stop": IDS[ENDOFTEXT],
        "unknown": unknown_id(tokenizer),
        "matrices": matrices,
        "vectors": vectors,
        Exports.BILL: dict(bill),
    }


def weights_of(content: Mapping[str, Any]) -> dict[str, Array]:
    """The weights that a file stands for, by transformers' names, fp32."""
    found = {name: _read(text, "<f4") for name, text in content["vectors"].items()}
    for name, matrix in content["matrices"].items():
        codes = _read(matrix["codes"], "i1").reshape(matrix["shape"]).astype(np.float32)
        found[name] = codes * _read(matrix["scales"], "<f4")[:, None]
    return found


def ids_of(content: Mapping[str, Any], text: str) -> list[int]:
    """How the page cuts a text: a character an id, `unknown` for one that the vocabulary has not."""
    ids = {token: number for number, token in enumerate(content["vocabulary"]) if token not in IDS}
    return [ids.get(character, content["unknown"]) for character in text]


def lessons(split: Split, settings: Web) -> dict[str, Any]:
    """What the lessons show of the text: a training excerpt, beginnings of held-out paragraphs, merges of a BPE learned from train."""
    train, held_out = split.read("train")["text"].to_pylist(), split.read("test" if split.facts["test"] else "val")["text"].to_pylist()
    starts = (line[:_PRESET] for text in held_out for line in text.splitlines() if len(line) > 4 * _PRESET)
    tokenizer = bpe.train(train, vocab_size=len(IDS) + ALPHABET + settings.merges, pattern="gpt2", fewer=True)
    return {
        "excerpt": "\n\n".join(train)[: settings.excerpt],
        "presets": list(dict.fromkeys(starts))[:_PRESETS],
        "merges": merges_of(tokenizer),
    }


def merges_of(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The pairs that a byte-level BPE joins, in their order, "left right", a character of the byte-level alphabet for each byte."""
    return [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def _by_character(names: list[str]) -> bool:
    return all(len(name) == 1 for name in names if name not in {*IDS, UNKNOWN, *THINK_TOKENS})


def check_of(own: PreTrainedModel, content: Mapping[str, Any], texts: Sequence[str]) -> dict[str, str]:
    """Of the texts the one that the vocabulary knows best, and what torch says after it with the weights of the file."""
    known = set(content["vocabulary"])
    text = max(texts, key=lambda one: (sum(character in known for character in one[:_CHECK]), one))[:_CHECK]
    ids = torch.tensor([[content["stop"], *ids_of(content, text)]])
    with torch.inference_mode():
        logits = own(input_ids=ids[:, -content["shape"]["context"] :], use_cache=False).logits[0, -1]
    return {"text": text, "logits": _written(logits.numpy(), "<f4")}


def _measure(
    content: Mapping[str, Any], module: PreTrainedModel, tokenizer: tokenizers.Tokenizer, probe: Probe, wanted: parity.Logits
) -> dict[str, Any]:
    """The measures of the file as it was read back.

    ids_differ        strings that the file's vocabulary cuts otherwise than the tokenizer
    row_error, worst  the worst row of the matrices against the model's (rounding.row_errors), and its matrix
    kl, perplexity    torch with the weights of the file against the fp32 model; under `rounding` what rounding to nearest makes of kl
    """
    held = weights_of(content)
    nearest = {name: _nearest(weight.float().numpy()) for name, weight in module.state_dict().items() if name in held}
    errors = row_errors(held, nearest, module, {})
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    differ = [text for text in probe.strings if ids_of(content, text) != tokenizer.encode(text, add_special_tokens=False).ids]
    own = copy.deepcopy(module)
    rounded = torch_logits(filled(own, nearest), probe)
    found = torch_logits(filled(own, held), probe)
    measured: dict[str, Any] = {"ids_differ": float(len(differ)), "row_error": errors[worst], "worst": worst}
    measured |= parity.compare(found, wanted) | {"rounding": {"kl": parity.mean_kl(wanted, rounded)}}
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _nearest(weight: Array) -> Array:
    """Each weight of a matrix at its nearest code; a vector as it is."""
    return weight if weight.ndim == 1 else in_8_bits(weight, group_size=weight.shape[1]).weights()


def _written(array: npt.NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")


def _read(text: str, kind: str) -> npt.NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=kind)

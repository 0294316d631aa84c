"""From a model to files that other programs read, each loaded back and compared before anything is released."""

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Part, Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.gguf_file import Format, Matrix, architecture_of, four_bit_layers, read_weights, write_gguf
from pipeline.export.gptq import input_products
from pipeline.export.llama_runtime import Runtime
from pipeline.export.parity import Bounds, Fault
from pipeline.export.strings import strings
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import IGNORED
from pipeline.tokens.shards import open_rows
from pipeline.tokens.special import IDS, PAD

FOLDER = "safetensors"
_CHAT = (
    {"role": "system", "content": "You are kind."},
    {"role": "user", "content": "Who are you?\n\nSay."},
    {"role": "assistant", "content": "A small model."},
    {"role": "user", "content": " And now? "},
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is written and how hard it is checked."""

    name: str  # the model's name inside the files
    formats: tuple[Format, ...]
    precise: tuple[Matrix, ...]  # matrices that keep F16 in quantized files
    calibration_rows: int  # rows of the training part whose activations steer the rounding of Q4_0; 0: to nearest
    strings: int  # strings on which the tokenizers are compared
    rows: int  # held-out rows on which the logits are compared
    threads: int  # of llama.cpp; more than one makes a tiny model slower
    bounds: Bounds
    seed: int


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What every file is asked: strings to cut, and rows to continue."""

    strings: list[str]
    rows: npt.NDArray[np.int64]  # [R, T]
    kept: npt.NDArray[np.bool_]  # [R * T]: positions that hold a token; what follows padding is nobody's business
    targets: npt.NDArray[np.int64]  # the next token of each kept position, IGNORED where nothing foretells it


def release(source: Model, target: Exports, *, tokens: Tokens, corpus: Split, settings: Settings) -> dict[str, Any]:
    """Write the source as a transformers folder and one GGUF file a format; returns sizes and parity, also in parity.json.

    Nothing appears unless every file, loaded back, keeps its bounds; else PipelineError names each fault.
    """
    module = load(source, device="cpu")
    architecture_of(module.config)
    probe = probe_of(source, tokens, corpus, settings)
    products = _products(module, source, tokens, settings) if "Q4_0" in settings.formats else {}
    write = partial(write_gguf, name=settings.name, precise=settings.precise, products=products)
    with target.writing() as draft:
        wanted = torch_logits(module, probe)
        report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}}
        found = _folder(source, draft.path / FOLDER, probe, wanted, report)
        for form in progress(settings.formats, "files"):
            path = draft.path / f"model-{form}.gguf"
            kinds = write(path, module, draft.path / FOLDER, form=form)
            report[form] = {"bytes": path.stat().st_size, "tensors": kinds}
            report[form] |= _measure(path, module, draft.path / FOLDER, probe, wanted, threads=settings.threads, quantized=form != "F16")
            found += parity.faults(path.name, report[form], settings.bounds, quantized=form != "F16")
        parity.require(found)
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source)}
        draft.facts["formats"] = list(settings.formats)
    return report


def probe_of(source: Model, tokens: Tokens, corpus: Split, settings: Settings) -> Probe:
    """Strings from held-out documents and noise; rows of the test part, or of the validation part where no test rows are."""
    made_with = tokenizer_digest(source)
    part: Part = "test" if tokens.facts["test"]["rows"] else "val"
    rows = open_rows(tokens, part, tokenizer_digest=made_with)
    if not len(rows.rows):
        raise PipelineError(f"{tokens.path} has no held-out rows to compare logits on", mend="larger shares in split, or more text")
    texts = [text for text in corpus.read(part)["text"].to_pylist() if text]
    some = rows.rows[: settings.rows].astype(np.int64)
    kept = (some != IDS[PAD]).reshape(-1)
    targets = np.pad(rows.labels[: settings.rows, 1:], ((0, 0), (0, 1)), constant_values=IGNORED).reshape(-1)[kept]
    return Probe(strings=strings(texts, count=settings.strings, seed=settings.seed), rows=some, kept=kept, targets=targets)


def torch_logits(module: PreTrainedModel, probe: Probe) -> parity.Logits:
    """Logits [N, V] at the kept positions, fp32, a row at a time as the runtime reads them."""
    with torch.inference_mode():
        rows = [module(input_ids=torch.from_numpy(row[None]), use_cache=False).logits[0].float().numpy() for row in probe.rows]
    return np.concatenate(rows)[probe.kept]


def _products(module: PreTrainedModel, source: Model, tokens: Tokens, settings: Settings) -> dict[str, npt.NDArray[np.float64]]:
    """What GPTQ must know of the layers, from training rows that lie evenly spread; all rows where there are fewer than asked for."""
    rows = open_rows(tokens, "train", tokenizer_digest=tokenizer_digest(source)).rows
    places = np.linspace(0, len(rows), num=min(settings.calibration_rows, len(rows)), endpoint=False).astype(np.int64)
    return input_products(module, rows[places].astype(np.int64), four_bit_layers(module, settings.precise))


def _folder(source: Model, folder: Path, probe: Probe, wanted: parity.Logits, report: dict[str, Any]) -> list[Fault]:
    """Copy the model's own files, load them as anybody would, and compare to the bit."""
    folder.mkdir()
    for name in source.manifest.files:
        shutil.copyfile(source.file(name), folder / name)
    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = _cutter(folder, special=True)
    differ = parity.token_differences(probe.strings, ours, lambda text: tokenizer(text, add_special_tokens=False)["input_ids"])
    chat = tokenizer.apply_chat_template(list(_CHAT), add_generation_prompt=True, return_dict=False)
    differ += ["the chat template"] * (list(chat) != encode_chat(_CHAT, tokenizer_of(source), ask=True)[0])
    found = torch_logits(module, probe)
    measured = {"ids_differ": float(len(differ)), "kl": parity.mean_kl(wanted, found)} | parity.compare(found, wanted)
    report[FOLDER] = {"bytes": sum(path.stat().st_size for path in folder.iterdir())} | measured
    return parity.faults(FOLDER, measured, Bounds(exact=0.0, mean=0.0, argmax=1.0, kl=0.0), quantized=False)


def _measure(
    path: Path, module: PreTrainedModel, folder: Path, probe: Probe, wanted: parity.Logits, *, threads: int, quantized: bool
) -> dict[str, float]:
    """What llama.cpp makes of the file, against the fp32 model and against the file's own dequantized weights."""
    with Runtime(path, context=probe.rows.shape[1], threads=threads) as runtime:
        differ = [
            text
            for special in (False, True)  # a literal <|user|> in data is text; in a prompt that a program wrote it is a token
            for text in parity.token_differences(probe.strings, _cutter(folder, special=special), _reader(runtime, special=special))
        ]
        found = np.concatenate([runtime.logits(row.tolist()) for row in probe.rows])[probe.kept]
    meant = torch_logits(_dequantized(module, path), probe) if quantized else wanted
    measured = {"ids_differ": float(len(differ))} | parity.compare(found, meant)
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _dequantized(module: PreTrainedModel, path: Path) -> PreTrainedModel:
    """A copy of the module with the weights that the file holds."""
    other = copy.deepcopy(module)
    weights = {name: torch.from_numpy(weight) for name, weight in read_weights(path, module.config).items()}
    missing = other.load_state_dict(weights, strict=False).missing_keys
    if set(missing) - {"lm_head.weight"} or (missing and not module.config.tie_word_embeddings):
        raise ValueError(f"{path.name} lacks {missing}")
    other.tie_weights()
    other.train(False)
    return other


def _cutter(folder: Path, *, special: bool) -> Callable[[str], Sequence[int]]:
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = not special
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def _reader(runtime: Runtime, *, special: bool) -> Callable[[str], Sequence[int]]:
    return lambda text: runtime.tokenize(text, special=special)

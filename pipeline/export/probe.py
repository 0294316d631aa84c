"""What every exported file is asked: strings to tokenize, and held-out rows to continue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from pydantic import PositiveInt
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Part, Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.seed import Seed
from pipeline.export import parity
from pipeline.export.papers import Sampling
from pipeline.export.strings import strings
from pipeline.model.disk import tokenizer_digest
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import open_rows

_TOKENS = 1024  # that are read at a time


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How hard a file is checked."""

    strings: PositiveInt  # on which the tokenizers are compared
    rows: PositiveInt  # held-out rows on which the logits are compared
    seed: Seed


@dataclass(frozen=True, kw_only=True)
class Probing(Asked):
    """The settings that formats for other programs share."""

    sampling: Sampling


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What every file is asked: strings to cut, and rows to continue."""

    strings: list[str]
    rows: npt.NDArray[np.int64]  # [R, T]
    kept: npt.NDArray[np.bool_]  # [R * T]: positions that hold a token; what follows padding is nobody's business
    targets: npt.NDArray[np.int64]  # the next token of each kept position, IGNORE_INDEX where nothing foretells it


def probe_of(source: Model, tokens: Tokens, split: Split, settings: Asked) -> Probe:
    """Strings from held-out documents and noise; rows of the test part, or of the validation part where no test rows are."""
    made_with = tokenizer_digest(source)
    part: Part = "test" if tokens.facts["test"]["rows"] else "val"
    rows = open_rows(tokens, part, tokenizer_digest=made_with)
    if not len(rows):
        raise PipelineError(f"{tokens.path} has no held-out rows to compare logits on", mend="larger shares in split, or more text")
    texts = [text for text in split.read(part)["text"].to_pylist() if text]
    some = rows.read(np.arange(min(settings.rows, len(rows))))
    kept = (some.targets != IGNORE_INDEX).reshape(-1)
    asked = strings(texts, count=settings.strings, seed=settings.seed)
    return Probe(strings=asked, rows=some.ids, kept=kept, targets=some.targets.reshape(-1)[kept])


def calibration_rows(source: Model, tokens: Tokens, count: int) -> npt.NDArray[np.int64]:
    """At most `count` rows [R, T] of the training part that lie evenly spread, to steer a rounding by."""
    rows = open_rows(tokens, "train", tokenizer_digest=tokenizer_digest(source))
    places = np.linspace(0, len(rows), num=min(count, len(rows)), endpoint=False).astype(np.int64)
    return rows.read(places).ids


def torch_logits(module: PreTrainedModel, probe: Probe) -> parity.Logits:
    """Logits [N, V] at the kept positions, fp32."""
    with torch.inference_mode():
        parts = [module(input_ids=some, use_cache=False).logits.flatten(0, 1).float().numpy() for some in in_parts(probe.rows)]
    return np.concatenate(parts)[probe.kept]


def in_parts(rows: npt.NDArray[np.int64]) -> Sequence[Tensor]:
    """The rows [R, T], so many at a time that their logits need little memory."""
    parts: Sequence[Tensor] = torch.from_numpy(rows).split(max(1, _TOKENS // max(1, rows.shape[-1])))
    return parts


def encoder(folder: Path, *, special: bool) -> Callable[[str], Sequence[int]]:
    """Our tokenizer of a folder; `special`: a literal <|user|> becomes its token."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = not special
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids

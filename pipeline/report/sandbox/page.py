"""The page of the sandbox: one file that needs no other, no server and no network."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.model.folder import context_of
from pipeline.report.figures import number
from pipeline.report.sandbox.words import LESSONS, READING

_FOLDER = Path(__file__).parent
SCRIPTS = (  # each after those that it imports
    "numbers.js",
    "dom.js",
    "character_model.js",
    "play.js",
    "text_lessons.js",
    "tokens.js",
    "gradients.js",
    "attention.js",
    "training.js",
    "architecture.js",
    "stages.js",
    "main.js",
)
_CONTEXT = 256  # tokens of a row, of a model that sets no limit
_IMPORT, _EXPORT = re.compile(r"^import .*\n", re.MULTILINE), re.compile(r"^export ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Merges:
    """A byte-level BPE: pairs in their order, the regular expression of its pieces, and whose it is."""

    merges: Sequence[str]
    pattern: str
    of: str


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What the picture of a model needs; `heads` is None of a model without attention."""

    kind: str
    of: str
    tensors: Sequence[Mapping[str, Any]]  # {name, shape}
    width: int
    heads: int | None
    context: int  # tokens
    vocabulary: int


@dataclass(frozen=True, kw_only=True)
class StageTold:
    """A stage, what it makes, and what it came to."""

    name: str
    makes: str
    told: Sequence[tuple[str, str]]


def page(
    model: Mapping[str, Any],
    lessons: Mapping[str, Any],
    *,
    tokenizer: Merges,
    architecture: Architecture,
    stages: Sequence[StageTold],
    origin: str,
) -> str:
    """The HTML. `model` and `lessons` are what the export `web` wrote (pipeline/export/web_file.py), `origin` is a line about the model."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    given = {
        "model": model,
        "lessons": lessons,
        "tokenizer": asdict(tokenizer),
        "architecture": asdict(architecture),
        "stages": [asdict(stage) for stage in stages],
    }
    return environment.get_template("page.html.j2").render(
        style=Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),
        script=Markup(script()),
        given=Markup(json.dumps(given, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        lessons=LESSONS,
        reading=READING,
        weights=number(_weights(model)),
        origin=origin,
    )


def script() -> str:
    """The modules one after the other: all in one scope, so what they export and import is there by name."""
    texts = ((_FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def architecture_of_file(model: Mapping[str, Any]) -> Architecture:
    """The model of the page itself."""
    shape = model["shape"]
    matrices = [{"name": name, "shape": matrix["shape"]} for name, matrix in model["matrices"].items()]
    vectors = [{"name": name, "shape": [_width_of(name, shape)]} for name in model["vectors"]]
    return Architecture(
        kind=model["kind"],
        of="the model of this page",
        tensors=_in_order([*matrices, *vectors]),
        width=shape["hidden_size"],
        heads=shape["heads"],
        context=shape["context"],
        vocabulary=len(model["vocabulary"]),
    )


def architecture_of_folder(config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], *, of: str) -> Architecture:
    """A model of the run: its config.json, and the shapes of its weights by name."""
    return Architecture(
        kind=config["model_type"],
        of=of,
        tensors=_in_order([{"name": name, "shape": list(shape)} for name, shape in shapes.items()]),
        width=next(shape[-1] for name, shape in shapes.items() if any(word in name for word in ("embed", "wte"))),
        heads=config.get("num_attention_heads") or config.get("n_head"),
        context=context_of(config) or _CONTEXT,
        vocabulary=config["vocab_size"],
    )


_PLACES = (  # parts of a layer, by what their names hold
    *("input_layernorm", "ln_1", "q_proj", "q_norm", "k_proj", "k_norm", "v_proj", "o_proj", "attn"),
    *("post_attention", "ln_2", "gate_proj", "up_proj", "c_fc", "mlp"),
)


def _in_order(tensors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a vector passes them, where their names tell it."""

    def key(tensor: Mapping[str, Any]) -> tuple[int, str]:
        name = str(tensor["name"])
        return next((place for place, part in enumerate(_PLACES) if part in name), len(_PLACES)), name

    return sorted(tensors, key=key)


def _width_of(name: str, shape: Mapping[str, int]) -> int:
    return shape["head_size"] if name.endswith(("q_norm.weight", "k_norm.weight")) else shape["hidden_size"]


def _weights(model: Mapping[str, Any]) -> int:
    matrices = sum(matrix["shape"][0] * matrix["shape"][1] for matrix in model["matrices"].values())
    return int(matrices + sum(_width_of(name, model["shape"]) for name in model["vectors"]))

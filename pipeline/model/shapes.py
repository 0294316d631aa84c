"""The kinds that conf/model may name. A new kind is a file in kinds/ and its class here.

`kind: folder` stands for the kind and the shape of the model in init_from, a folder in transformers' layout.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from transformers import PretrainedConfig

from pipeline.core.errors import InputError, PipelineError
from pipeline.model.fitting import read_config, refuse_unfit
from pipeline.model.folder import FOLDER, INIT_FROM, OTHER, has_model, refuse_context
from pipeline.model.kind import WORDS, Kind
from pipeline.model.kinds.bamba import Bamba
from pipeline.model.kinds.bloom import Bloom
from pipeline.model.kinds.cnn import Cnn
from pipeline.model.kinds.deepseek import Deepseek
from pipeline.model.kinds.gpt2 import Gpt2
from pipeline.model.kinds.gru import Gru
from pipeline.model.kinds.llama import Llama
from pipeline.model.kinds.lstm import Lstm
from pipeline.model.kinds.mamba2 import Mamba2
from pipeline.model.kinds.mistral import Mistral
from pipeline.model.kinds.mixtral import Mixtral
from pipeline.model.kinds.qwen3 import Qwen3
from pipeline.model.kinds.rnn import Rnn
from pipeline.model.kinds.transformer import Transformer
from pipeline.model.t5 import EncoderDecoder

_Any = Qwen3 | Llama | Gpt2 | Bloom | Mistral | Mixtral | Deepseek | Mamba2 | Bamba | Rnn | Lstm | Gru | Cnn | Transformer
SWISH = "swish"  # another name of silu, x times the sigmoid of x (Ramachandran et al. 2017, arXiv 1710.05941)
KINDS: tuple[type[Kind], ...] = get_args(_Any)


def unfolded(content: Any) -> Any:
    """A shape of kind folder as one of the kind of the model there, in its widths; any other as it is.

    InputError where there is no such model, or it is of a kind that is not among ours or reads fewer tokens than `context`.
    """
    if not isinstance(content, Mapping) or content.get("kind") != FOLDER:
        return content
    folder = Path(str(content.get("init_from")))
    if not has_model(folder):
        raise InputError(f"model=folder takes the model in {INIT_FROM}, and {folder} is empty", mend=OTHER)
    config, context = config_of(folder), content.get("context")
    kind = kind_of(config)
    refuse_context(folder, config, context)
    words = kind.words_of(config, context=context if isinstance(context, int) else 0)
    return refuse_shape({**content, **words, "kind": name_of(kind)}, words, kind, config)


def refuse_shape(content: dict[str, Any], words: Mapping[str, Any], kind: type[Kind], config: PretrainedConfig) -> dict[str, Any]:
    """The shape that a config.json gives, as it is. InputError where a kind of ours can't have it: what conf/ says is not judged here."""
    folder = Path(str(content["init_from"]))
    file, names = folder / "config.json", {**WORDS, **kind.own}
    told: dict[str, str] = {}
    try:
        TypeAdapter(kind).validate_json(json.dumps(content, default=str))
    except ValidationError as faults:
        for fault in faults.errors():
            if (word := str(fault["loc"][0])) in words:
                key = names.get(word, word)
                told.setdefault(config.attribute_map.get(key, key), f"{fault['msg']} (found {fault['input']!r})")
        if told:
            lines = "\n  ".join(f"{key}: {said}" for key, said in told.items())
            mend = f"correct {', '.join(told)} in {file}, or {OTHER}"
            raise InputError(f"{file} says what a {name_of(kind)} of ours can't have\n  {lines}", mend=mend) from faults
    except PipelineError as fault:
        refuse_unfit(folder, config)  # knows which value, and the right one
        raise InputError(f"{file}: {fault.message}", mend=OTHER) from fault
    return content


Shape = Annotated[_Any, Field(discriminator="kind"), BeforeValidator(unfolded)]


def config_of(folder: Path) -> PretrainedConfig:
    """transformers' configuration of the model in a folder, swish called silu. InputError where there is none that is one of ours."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{INIT_FROM} is {folder}, which has no config.json", mend=OTHER)
    config = read_config(folder / "config.json")
    try:
        kind_of(config)
    except PipelineError as fault:
        raise InputError(f"{folder}: {fault.message}", mend=fault.mend) from fault
    if getattr(config, "hidden_act", None) == SWISH:
        config.hidden_act = "silu"
    return config


def name_of(kind: type[Kind]) -> str:
    """The word of conf/model for a kind."""
    return str(kind.__annotations__["kind"].__args__[0])


def kind_of(config: PretrainedConfig) -> type[Kind]:
    """The kind of a module, by its configuration; PipelineError for one that is not among ours."""
    return kind_of_type(config.model_type)


def kind_of_type(model_type: str) -> type[Kind]:
    """The same by transformers' name of it."""
    ours: tuple[type[Kind], ...] = (*KINDS, EncoderDecoder)
    for kind in ours:
        if kind.model_type == model_type:
            return kind
    known = ", ".join(kind.model_type for kind in KINDS)
    raise PipelineError(f"a model of type {model_type} is unknown here", mend=f"a model of one of the types {known}")


def checked(content: Mapping[str, Any]) -> Kind:
    """The shape, or one message with all that is wrong with it."""
    named = {name_of(kind): kind for kind in KINDS}
    content = unfolded(content)
    kind = named.get(content.get("kind", ""))
    if kind is None:
        raise PipelineError(f"a model of kind {content.get('kind')!r} is unknown", mend=f"model.kind={'|'.join([*named, FOLDER])}")
    try:
        shape: Kind = TypeAdapter(kind).validate_json(json.dumps(content, default=str))
    except ValidationError as faults:
        lines = [f"model.{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults.errors()]
        needed = f"it needs exactly {', '.join(field.name for field in fields(kind))}"
        raise PipelineError("\n  ".join(["a model shape that can't be built", *lines]), mend=needed) from faults
    return shape

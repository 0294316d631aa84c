"""The kinds that conf/model may name. A new kind is a file in kinds/ and its class here."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError
from transformers import PretrainedConfig

from pipeline.core.errors import PipelineError
from pipeline.model.kind import Kind
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
Shape = Annotated[_Any, Field(discriminator="kind")]
KINDS: tuple[type[Kind], ...] = get_args(_Any)


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
    named = {kind.__annotations__["kind"].__args__[0]: kind for kind in KINDS}
    kind = named.get(content.get("kind", ""))
    if kind is None:
        raise PipelineError(f"a model of kind {content.get('kind')!r} is unknown", mend=f"model.kind={'|'.join(named)}")
    try:
        shape: Kind = TypeAdapter(kind).validate_json(json.dumps(content, default=str))
    except ValidationError as faults:
        lines = [f"model.{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults.errors()]
        needed = f"it needs exactly {', '.join(field.name for field in fields(kind))}"
        raise PipelineError("\n  ".join(["a model shape that can't be built", *lines]), mend=needed) from faults
    return shape

"""Whether a config.json says what the weights beside it are, and where it does not, which value of it. No weight is read: shapes alone."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, PretrainedConfig
from transformers.utils import logging

from pipeline.core.errors import InputError
from pipeline.core.files import read_json
from pipeline.model.folder import OTHER, QUANTIZATION

LAYERS, BY_LAYER = "num_hidden_layers", "layer_types"
REFUSED = (  # how other people's code refuses a value
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    ArithmeticError,
    RuntimeError,
    StrictDataclassError,
)


class Unfit(NamedTuple):
    """The weights that a module by a configuration and a folder don't have alike."""

    widths: list[tuple[str, list[int], list[int]]]  # name, as it lies there, as config.json has it
    missing: list[str]
    unexpected: list[str]

    @property
    def total(self) -> int:
        """How many."""
        return len(self.widths) + len(self.missing) + len(self.unexpected)


def read_config(file: Path) -> PretrainedConfig:
    """transformers' configuration by a config.json. InputError where it is none, with the key that it can't be read for."""
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(file.parent, local_files_only=True)
    except REFUSED as fault:
        raise refused(file, fault, lambda content: AutoConfig.for_model(**content)) from fault
    return config


def refuse_unfit(folder: Path, config: PretrainedConfig) -> None:
    """InputError where the folder's weights are not those of its config.json: the value that is wrong, if it is one, and the right one."""
    file = folder / "config.json"
    if getattr(config, "quantization_config", None):
        message = f"{file} has {QUANTIZATION}: its weights are rounded, and training goes on from whole ones"
        raise InputError(message, mend=f"the folder of the model before it was quantized: {OTHER}")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{folder} has no weights in safetensors", mend=OTHER)
    try:
        found = unfit(folder, config)
    except (OSError, SafetensorError) as fault:
        raise InputError(f"{folder} has no weights that can be read: {fault}", mend=OTHER) from fault
    except REFUSED as fault:
        raise refused(file, fault, lambda content: _blank(AutoConfig.for_model(**content))) from fault
    if not found.total:
        return
    content = read_json(file)
    if (better := min(_changes(folder, config, content, found), default=None, key=lambda one: one[0])) and better[0] < found.total:
        _, key, value = better
        said = content[key] if key in content else f"left out, which means {getattr(config, key)}"
        message = f"{file}: {key} is {said}, and the weights beside it have {value}: {_first(found)}"
        raise InputError(message, mend=f'"{key}": {json.dumps(value)} in {file}')
    if found.missing and not found.widths:
        raise InputError(f"{folder} lacks {len(found.missing)} weights of its model, {found.missing[0]} is one", mend=OTHER)
    if found.widths:
        mend = f"{OTHER}; or the config.json that they were saved with"
        raise InputError(f"{file} is not that of the weights beside it: {_first(found)}", mend=mend)


def unfit(folder: Path, config: PretrainedConfig) -> Unfit:
    """What a module by this configuration and the folder's weights don't have alike, by transformers' own reading of names."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    before = logging.get_verbosity()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"config": config, "device_map": "meta", "ignore_mismatched_sizes": True, "output_loading_info": True}
    try:
        found: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, **options)
    finally:
        logging.set_verbosity(before)  # type: ignore[no-untyped-call]
    told: dict[str, Any] = found[1]
    widths = sorted((name, list(there), list(said)) for name, there, said in told["mismatched_keys"])
    return Unfit(widths, sorted(told["missing_keys"]), sorted(told["unexpected_keys"]))


def refused(file: Path, fault: BaseException, attempt: Callable[[Mapping[str, Any]], Any]) -> InputError:
    """The error for a config.json of which nothing can be made: its key is the one without which `attempt` succeeds."""
    said = str(fault).strip().splitlines()[-1].strip()
    said = re.sub(r"^\w+Error: ", "", said)
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as broken:
        return InputError(f"{file} is no JSON: {broken}", mend=OTHER)
    if not isinstance(content, dict) or not isinstance(content.get("model_type"), str):
        return InputError(f"{file} has no model_type, the name of the kind of model", mend=OTHER)
    if content["model_type"] not in CONFIG_MAPPING:
        return InputError(f"{file}: model_type is {content['model_type']}, which transformers does not know", mend=OTHER)
    named = [key for key in dict.fromkeys(re.findall(r"\w+", said)) if key in content]
    for key in [*named, *(key for key in content if key not in ("model_type", *named))]:
        try:
            attempt(_without(content, key))
        except REFUSED:
            continue
        mend = f"correct {' or '.join(named or [key])} in {file}, or {OTHER}"
        return InputError(f"{file}: {key} is {json.dumps(content[key])[:80]}: {said[:200]}", mend=mend)
    return InputError(f"{file} can't be used: {said[:200]}", mend=f"correct {file}, or {OTHER}")


def _changes(folder: Path, config: PretrainedConfig, content: Mapping[str, Any], found: Unfit) -> Iterator[tuple[int, str, Any]]:
    """Changes of one value that the shapes suggest, and how much is unfit with each."""
    known = {**{key: value for key, value in config.to_dict().items() if key not in config.attribute_map}, **content}
    for key, value in known.items():
        for other in dict.fromkeys(_suggested(key, value, found)):
            try:
                yield unfit(folder, AutoConfig.for_model(**_without(content, key), **{key: other})).total, key, other
            except REFUSED:
                continue


def _suggested(key: str, value: Any, found: Unfit) -> Iterator[Any]:
    """Other values of a key: another switch, as many layers as lie there, a number in the ratio of widths that differ."""
    if isinstance(value, bool):
        if found.missing:
            yield not value
    elif isinstance(value, int) and value > 0:
        places = [int(number) for name in (*found.missing, *found.unexpected) for number in re.findall(r"\.(\d+)\.", name)[:1]]
        if places and value in (min(places), max(places) + 1):
            yield min(places) or max(places) + 1 if found.missing else max(places) + 1
        for _, there, said in found.widths[:4]:
            for one, other in zip(there, said, strict=False):
                if one != other and other and not value * one % other and value * one // other:
                    yield value * one // other


def _without(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The content without a key; of a number of layers without the list of them too, which must be as long."""
    return {name: value for name, value in content.items() if name not in (key, BY_LAYER if key == LAYERS else key)}


def _first(found: Unfit) -> str:
    if found.widths:
        name, there, said = found.widths[0]
        return f"{name} is {there} there and {said} by config.json"
    return f"{(found.missing or found.unexpected)[0]} is {'not there' if found.missing else 'there and none of the model'}"


def _blank(config: PretrainedConfig) -> None:
    with torch.device("meta"):
        AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]

"""Where pretraining starts: fresh weights, or those of a folder, an own model or a released checkpoint with its tokenizer.

vocabulary V, width D
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import tokenizers
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.core.files import read_json
from pipeline.core.manifest import NAME
from pipeline.model.build import build, completed, special_ids
from pipeline.model.fitting import refuse_unfit
from pipeline.model.folder import INIT_FROM, OTHER, has_model, refuse_context
from pipeline.model.kind import Kind
from pipeline.model.shapes import config_of, kind_of, name_of
from pipeline.tokens.special import IDS, THINK_TOKENS

DROPOUTS = ("attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout", "hidden_dropout")  # transformers' own; model.dropout is ours


def start(shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
    """The module that is trained, fp32, on the CPU, in eval mode.

    Where a model lies in init_from, its weights are taken and its configuration, of the same kind and a context at least as long.
    A token keeps its vector whatever its id was; one that is new to the model, of our special ones, gets the mean of all (Hewitt 2021).
    InputError where the folder holds no such model, or its tokenizer is not the one that the text was made rows with.
    """
    folder = shape.init_from
    ours = Path(tokenizer.file("tokenizer.json"))
    vocabulary = vocabulary_of(tokenizer)
    if not has_model(folder):
        return build(asdict(shape), vocabulary=vocabulary, seed=seed)
    config = config_for(folder, shape)
    places = _places(folder, ours, config)
    theirs = _weights(folder, config)
    config.update({"vocab_size": vocabulary} | special_ids())
    if getattr(config, "router_aux_loss_coef", 0):
        config.output_router_logits = True  # the loss counts the balance of experts
    module: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    tables = {id(part.weight) for part in (theirs.get_input_embeddings(), theirs.get_output_embeddings())}  # type: ignore[no-untyped-call]
    state = theirs.state_dict(keep_vars=True)
    module.load_state_dict({name: _moved(weight, places) if id(weight) in tables else weight for name, weight in state.items()})
    return completed(module, shape)


def vocabulary_of(tokenizer: Tokenizer) -> int:
    """How many tokens it has, the special ones among them."""
    return len(_vocabulary(Path(tokenizer.file("tokenizer.json"))))


def config_for(folder: Path, shape: Kind) -> PretrainedConfig:
    """The folder's configuration, if it can be trained on under this shape; else InputError."""
    config = config_of(folder)
    kind = kind_of(config)
    if not isinstance(shape, kind):
        message = f"{folder} is a model of kind {name_of(kind)}, the settings have {name_of(type(shape))}"
        raise InputError(message, mend=f"model={name_of(kind)}")
    refuse_context(folder, config, shape.context)
    refuse_unfit(folder, config)
    config.max_position_embeddings = getattr(config, "max_position_embeddings", None) or shape.context
    for name in DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    config.dtype, config._name_or_path = torch.float32, ""  # a path would be saved
    if hasattr(config, "is_causal"):
        del config.is_causal  # an encoder's: which direction is read is the objective's to say
    return config


def _weights(folder: Path, config: PretrainedConfig) -> PreTrainedModel:
    """The folder's module as it is there; an own model is compared with its manifest first."""
    if (folder / NAME).is_file():
        Model(folder).file("model.safetensors")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": kind_of(config).attention, "output_loading_info": True}
    try:
        found: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, **options)
    except (OSError, RuntimeError, SafetensorError) as fault:  # of shapes that differ; of a file that was cut short
        raise InputError(f"{folder} has no weights that can be read: {fault}", mend=OTHER) from fault
    module: PreTrainedModel = found[0]
    if missing := sorted(found[1]["missing_keys"]):  # transformers would draw them by lot
        raise InputError(f"{folder} lacks {len(missing)} weights of its model, {missing[0]} is one", mend=OTHER)
    return module


def _places(folder: Path, ours: Path, config: PretrainedConfig) -> list[int | None]:
    """For each of our ids the id that the folder's model has for that token; None for special tokens that it does not know."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise InputError(f"{INIT_FROM} is {folder}, which has no tokenizer.json: what its ids mean is not known", mend=OTHER)
    theirs, own = _vocabulary(file), _vocabulary(ours)
    missing, foreign = own.keys() - theirs.keys() - {*IDS, *THINK_TOKENS}, theirs.keys() - own.keys()
    if missing or foreign or _merges(file) != _merges(ours):
        message = f"{folder} has another tokenizer than the text's: {len(missing)} tokens are unknown to it, {len(foreign)} only it has"
        raise InputError(message, mend=f"tokenizer=import tokenizer.path={folder}")
    if max(theirs.values()) >= config.vocab_size:
        raise InputError(f"the tokenizer of {folder} has more ids than its model, {config.vocab_size}", mend=OTHER)
    return [theirs.get(token) for token in sorted(own, key=own.__getitem__)]


def _vocabulary(file: Path) -> dict[str, int]:
    return tokenizers.Tokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)


def _merges(file: Path) -> list[list[str]]:
    content: dict[str, Any] = read_json(file)
    return [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in content["model"].get("merges", ())]


def _moved(weight: Float[Tensor, "W D"], places: list[int | None]) -> Float[Tensor, "V D"]:
    """The rows of a table in the order of our ids."""
    known = sorted(place for place in places if place is not None)
    mean = weight.detach()[known].mean(0)
    return torch.stack([mean if place is None else weight.detach()[place] for place in places])

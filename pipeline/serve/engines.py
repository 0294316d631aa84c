"""Two engines that read one sequence at a time: ours over transformers' modules, and llama.cpp over GGUF files.

time T, vocabulary V, heads H
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core import manifest
from pipeline.core.artifact.model import Model
from pipeline.core.errors import InputError
from pipeline.core.files import read_json
from pipeline.export.llama_runtime import Runtime
from pipeline.model import disk
from pipeline.model.candidate import Theirs, load_candidate
from pipeline.model.decode import decoder_of
from pipeline.model.folder import context_of as context_told
from pipeline.model.paged import Paged
from pipeline.model.plain import is_plain
from pipeline.serve.places import Place
from pipeline.tokens.chat import TEMPLATES
from pipeline.tokens.codec import Codec, Own
from pipeline.tokens.tokenizer import read

CACHE = 32  # MiB of keys and values of prompts that a model keeps, unless told otherwise


class Engine(Protocol):
    """One model that goes on from ids. One sequence at a time, of at most `context` tokens."""

    codec: Codec
    context: int  # tokens
    layers: int  # whose attention can be seen; 0: of none

    @property
    def found(self) -> int:
        """Tokens of the prompt last begun that were not read anew."""
        ...

    def begin(self, ids: Sequence[int], *, room: int) -> Float[Tensor, " V"]:
        """The logits behind a sequence, after which up to `room` tokens may follow."""
        ...

    def step(self, token: int) -> Float[Tensor, " V"]:
        """The logits behind one more token."""
        ...

    def logits(self, ids: Sequence[int]) -> Float[Tensor, "T V"]:
        """The logits behind each token of a sequence; ends what begin began."""
        ...

    def attention(self, ids: Sequence[int], layer: int) -> Float[Tensor, "H T T"]:
        """How much each place (row) looks at each place (column). InputError where the engine doesn't tell."""
        ...

    def cache(self) -> Mapping[str, int] | None:
        """Of the pool that keeps prompts: its blocks, their tokens, the blocks that are used and those that had to leave, the tokens of
        prompts, and those of them that were found. None where there is no pool."""
        ...

    def close(self) -> None:
        """Give memory back that is not Python's."""
        ...


def opened(place: Place, *, threads: int, cache: int) -> Engine:
    """The engine for a model on disk; ours keeps so many MiB of prompts that it has read."""
    return LlamaCpp(place, threads=threads) if place.is_gguf else Torch(*loaded(place.path), cache=cache)


def loaded(folder: Path) -> tuple[PreTrainedModel, Codec]:
    """The module, fp32, and how it reads text. The bytes of a stage's folder are compared with its manifest."""
    ours = (folder / manifest.NAME).is_file()
    return disk.load(Model(folder), device="cpu") if ours else load_candidate(folder, device="cpu"), codec_of(folder)


def codec_of(folder: Path) -> Codec:
    """Ours where the chat template is ours."""
    template = folder / "chat_template.jinja"
    ours = template.is_file() and template.read_text(encoding="utf-8") in TEMPLATES
    return Own(read(folder / "tokenizer.json")) if ours else Theirs(folder)


def context_of(place: Place) -> int:
    """The tokens that a model reads at most."""
    found = context_told(read_json(place.tokenizer / "config.json"))
    if found is None:
        raise InputError(
            f"{place.tokenizer}/config.json does not say how many tokens the model reads", mend="max_position_embeddings in it"
        )
    return found


class Torch:
    """A module of transformers, on the fast decoder where its layers allow, and there with a pool of `cache` MiB (0: none)."""

    def __init__(self, module: PreTrainedModel, codec: Codec, *, cache: int) -> None:
        self.codec, self._module = codec, module
        self._decoder = Paged(module, memory=cache << 20) if cache and is_plain(module) else decoder_of(module)
        config = module.config
        self.context = int(config.max_position_embeddings)
        self.layers = int(getattr(config, "num_hidden_layers", 0)) if getattr(config, "num_attention_heads", 0) else 0

    @property
    def found(self) -> int:
        return self._decoder.found if isinstance(self._decoder, Paged) else 0

    def cache(self) -> Mapping[str, int] | None:
        if not isinstance(self._decoder, Paged):
            return None
        pool = self._decoder.pool
        told = {"blocks": pool.blocks, "block_tokens": pool.size, "used": pool.used, "evicted": pool.evicted}
        return told | {"prompt_tokens": pool.asked, "found_tokens": pool.found}

    @torch.inference_mode()
    def begin(self, ids: Sequence[int], *, room: int) -> Float[Tensor, " V"]:
        return self._decoder.begin([list(ids)], room=room)[0].float()

    @torch.inference_mode()
    def step(self, token: int) -> Float[Tensor, " V"]:
        return self._decoder.step(torch.tensor([token]))[0].float()

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Float[Tensor, "T V"]:
        found: Tensor = self._module(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
        return found.float()

    @torch.inference_mode()
    def attention(self, ids: Sequence[int], layer: int) -> Float[Tensor, "H T T"]:
        before = self._module.config._attn_implementation
        self._module.set_attn_implementation("eager")  # the only kernel that keeps the weights
        try:
            told = self._module(input_ids=torch.tensor([list(ids)]), use_cache=False, output_attentions=True)
        finally:
            self._module.set_attn_implementation(before)
        found = getattr(told, "attentions", None)
        if not found or len(found) != self.layers or found[layer] is None:  # a hybrid tells only that of some layers
            raise InputError("this kind of model does not tell the attention of each layer", mend="another model")
        weights: Tensor = found[layer][0]
        return weights.float()

    def close(self) -> None:
        return


class LlamaCpp:
    """A GGUF file, read by another program than ours."""

    layers = found = 0

    def __init__(self, place: Place, *, threads: int) -> None:
        self.codec = codec_of(place.tokenizer)
        self.context = context_of(place)
        self._runtime = Runtime(place.path, context=self.context, threads=threads)
        if (size := self.codec.tokenizer.get_vocab_size()) != self._runtime.size:
            message = f"{place.path} has {self._runtime.size} tokens, the tokenizer of {place.tokenizer} has {size}"
            raise InputError(message, mend=".venv/bin/dvc repro export@gguf")

    def begin(self, ids: Sequence[int], *, room: int) -> Float[Tensor, " V"]:
        return torch.from_numpy(self._runtime.begin(ids))

    def step(self, token: int) -> Float[Tensor, " V"]:
        return torch.from_numpy(self._runtime.step(token))

    def logits(self, ids: Sequence[int]) -> Float[Tensor, "T V"]:
        return torch.from_numpy(self._runtime.logits(ids))

    def attention(self, ids: Sequence[int], layer: int) -> Float[Tensor, "H T T"]:
        raise InputError("llama.cpp tells no attention", mend="the model that the file was made from")

    def cache(self) -> Mapping[str, int] | None:
        return None

    def close(self) -> None:
        self._runtime.close()

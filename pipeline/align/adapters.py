"""Fine-tuning of few parameters: the weights stay, small ones are added to them, learned, and merged into them at the end.

LoRA (Hu et al. 2021, arXiv 2106.09685), DoRA (Liu et al. 2024, arXiv 2402.09353), IA3 (Liu et al. 2022, arXiv 2205.05638), and the vectors
of some tokens alone, which is what of prompt tuning (Lester et al. 2021, arXiv 2104.08691) the weights of a model can hold. The layers are
peft's, and so are the files. They are put into the module itself, so the trainers and what measures it see a language model as any other.
The only file that knows peft, which is imported when a module is to be adapted.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.bounds import ProperFraction
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from pipeline.core.seed import seed_of
from pipeline.model import disk
from pipeline.tokens.special import ENDS, ROLES

TURN_TOKENS = sorted({*ROLES.values(), ENDS[0]})  # what dialogues have and pretraining has not
WORDS = "trainable_tokens"  # in the name of a weight that stands for a token's vector
_NAME = "default"  # peft's, of an adapter beside which there is no other
_WEIGHTS, _CONFIG = "adapter_model.safetensors", "adapter_config.json"  # as peft reads them


@dataclass(frozen=True, kw_only=True)
class Full:
    """All weights of the model learn; nothing is added."""

    method: Literal["full"]
    dropout: ClassVar[float] = 0.0


@dataclass(frozen=True, kw_only=True)
class _Matrices:
    """To the matrices W of some layers alpha / r x B A is added."""

    r: PositiveInt  # rows of A, columns of B
    alpha: PositiveFloat
    dropout: ProperFraction  # share of the numbers that A reads
    target_modules: Literal["all-linear"] | list[str]  # ends of modules' names
    turn_tokens: bool  # whether the vectors of TURN_TOKENS learn too

    def config(self) -> Any:
        """In peft's words."""
        from peft import LoraConfig

        tokens = TURN_TOKENS if self.turn_tokens else None
        own: dict[str, Any] = {"r": self.r, "lora_alpha": self.alpha, "lora_dropout": self.dropout}
        return LoraConfig(target_modules=self.target_modules, trainable_token_indices=tokens, **own)


@dataclass(frozen=True, kw_only=True)
class LowRank(_Matrices):
    """LoRA. Of dora, the columns of the sum are normed, and the norms are learned."""

    method: Literal["lora", "dora"]

    def config(self) -> Any:
        """In peft's words."""
        found = super().config()
        found.use_dora = self.method == "dora"
        return found


@dataclass(frozen=True, kw_only=True)
class Quantized(_Matrices):
    """LoRA beside weights that are held in four bits while it learns (Dettmers et al. 2023). It is merged into the weights as they were
    before: what the rounding did is not in them."""

    method: Literal["qlora"]
    quant_type: Literal["nf4", "fp4"]
    double_quant: bool  # whether the scales of the blocks are rounded too

    def rounding(self) -> BitsAndBytesConfig:
        """In transformers' words."""
        own = {"bnb_4bit_quant_type": self.quant_type, "bnb_4bit_use_double_quant": self.double_quant}
        return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **own)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What some modules give is multiplied by a learned vector; what feedforward_modules read is."""

    method: Literal["ia3"]
    target_modules: list[str]  # ends of modules' names
    feedforward_modules: list[str]  # those among them that are scaled where they read
    dropout: ClassVar[float] = 0.0

    def config(self) -> Any:
        """In peft's words."""
        from peft import IA3Config

        return IA3Config(target_modules=self.target_modules, feedforward_modules=self.feedforward_modules)


@dataclass(frozen=True, kw_only=True)
class TurnTokens:
    """The vectors of TURN_TOKENS alone."""

    method: Literal["tokens"]
    dropout: ClassVar[float] = 0.0

    def config(self) -> Any:
        """In peft's words."""
        from peft import TrainableTokensConfig

        return TrainableTokensConfig(token_indices=TURN_TOKENS)


AnyAdapter = Full | LowRank | Quantized | Scaling | TurnTokens
Adapter = Annotated[AnyAdapter, Field(discriminator="method")]


class Tuned:
    """A module that is to learn, and what was added to it."""

    def __init__(self, module: PreTrainedModel, wrapped: Any = None) -> None:
        self.module, self._wrapped = module, wrapped
        learned, whole = (0, 0) if wrapped is None else wrapped.get_nb_trainable_parameters()
        # For the metrics: how many numbers learn, and their share of all; nothing where all do.
        self.counts = {"trained_parameters": learned, "trained_share": learned / whole} if learned else {}

    def save(self, target: Model, *, source: Model, facts: Mapping[str, Any]) -> None:
        """Write the model with what was learned in its weights, and below it, in Model.ADAPTER, what was learned alone.

        peft.PeftModel.from_pretrained reads that on the source. The same weights give the same bytes.
        """
        if self._wrapped is None:
            disk.save(self.module, target, tokenizer=source, facts=facts)
            return
        weights, config = self._adapter(source)
        module = self._on_whole(source) if self.rounded else self.merge()

        def write(folder: Path) -> None:
            (folder / Model.ADAPTER).mkdir()
            save_file(weights, folder / Model.ADAPTER / _WEIGHTS, metadata={"format": "pt"})
            write_json(folder / Model.ADAPTER / _CONFIG, config)

        disk.save(module, target, tokenizer=source, facts=facts, beside=write)

    def merge(self) -> PreTrainedModel:
        """Put what was learned into the weights: the module is what it was, with other numbers."""
        if self._wrapped is not None:
            self._wrapped.merge_and_unload()
            self.module.requires_grad_(True)
            self._wrapped = None
        return self.module

    def _on_whole(self, source: Model) -> PreTrainedModel:
        """The source, not rounded, with what was learned in its weights."""
        from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

        whole = disk.load(source, device="cpu")
        with _quiet():
            wrapped = get_peft_model(whole, self._wrapped.peft_config[_NAME])
            state = get_peft_model_state_dict(self._wrapped, save_embedding_layers=False)
            set_peft_model_state_dict(wrapped, {name: value.cpu() for name, value in state.items()})
        return Tuned(whole, wrapped).merge()

    @property
    def rounded(self) -> bool:
        """Whether the weights are held in few bits."""
        return bool(getattr(self.module, "is_quantized", False))

    def _adapter(self, source: Model) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Its weights and configuration as peft writes them, in one order on every run."""
        from peft import get_peft_model_state_dict

        with _quiet():
            state = get_peft_model_state_dict(self._wrapped, save_embedding_layers=False)
        config = self._wrapped.peft_config[_NAME]
        told = {name: sorted(value) if isinstance(value, set) else value for name, value in config.to_dict().items()}
        told |= {"base_model_name_or_path": source.path.as_posix(), "inference_mode": True}
        return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}, json.loads(json.dumps(told))


def load(source: Model, adapter: AnyAdapter, *, device: str) -> PreTrainedModel:
    """The model that is to learn, or to be compared with: in four bits where the adapter says so."""
    return disk.load(source, device=device, rounding=adapter.rounding() if isinstance(adapter, Quantized) else None)


def attach(module: PreTrainedModel, adapter: AnyAdapter, *, seed: int, section: str) -> Tuned:
    """Add to the module what is to learn, and hold the rest. It answers as before until it has learned.

    PipelineError where the module has none of the layers that are named.
    """
    if isinstance(adapter, Full):
        return Tuned(module)
    from peft import get_peft_model

    linear = sorted({name.rpartition(".")[2] for name, part in module.named_modules() if isinstance(part, nn.Linear)} - {"lm_head"})
    try:
        with _quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(seed, "adapter"))  # peft draws from the global generator
            wrapped = get_peft_model(module, adapter.config())
    except (ValueError, TypeError) as fault:
        message = f"{section}.adapter: {adapter.method} can't be added to a model of type {module.config.model_type}: {fault}"
        mend = (
            f"adapter.target_modules=[{','.join(linear)}] ({section}.adapter.target_modules where that was chosen apart), or adapter=full"
        )
        raise PipelineError(message, mend=mend) from fault
    _as_linear(module.get_output_embeddings())  # type: ignore[no-untyped-call]
    tuned = Tuned(module, wrapped)
    module._hf_peft_config_loaded = tuned.rounded  # else transformers' trainer refuses rounded weights, as if nothing learned beside them
    return tuned


def attach_policy(module: PreTrainedModel, adapter: AnyAdapter, *, seed: int, section: str) -> Tuned:
    """The same for a policy of which each answer has one log-probability: PipelineError for a dropout."""
    if adapter.dropout:
        message = f"{section}.adapter.dropout is {adapter.dropout:g}, and policies are compared without any"
        raise PipelineError(message, mend="adapter.dropout=0")
    return attach(module, adapter, seed=seed, section=section)


def compared(source: Model, adapter: AnyAdapter, *, device: str, seed: int, section: str) -> tuple[Tuned, PreTrainedModel]:
    """A policy that is to learn, with what is added to it, and the reference that it is compared with: the same with nothing added."""
    policy, reference = (load(source, adapter, device=device) for _ in range(2))
    return attach_policy(policy, adapter, seed=seed, section=section), reference


def _as_linear(head: Any) -> None:
    """Give a tied head, some of whose vectors learn, the weight and bias of what it stands for: TRL's fused head reads them."""
    if isinstance(head, nn.Linear):
        return

    class Head(type(head)):  # type: ignore[misc]
        layer = property(lambda self: getattr(self, "token_adapter", self))
        weight = property(lambda self: self.layer.get_merged_weights(self.layer.active_adapters))
        bias = property(lambda self: self.layer.base_layer.bias)

    head.__class__ = Head


@contextmanager
def _quiet() -> Iterator[None]:
    """peft asks an old name of transformers, and says what it corrects by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""Which optimizer moves which weight: one has the matrices inside the layers, where it is chosen, and one all the rest."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.train.checkpoint import below, prefixed
from pipeline.train.optimizers.adafactor import AdafactorSettings
from pipeline.train.optimizers.adam import AdamSettings
from pipeline.train.optimizers.adamw import AdamWSettings
from pipeline.train.optimizers.base import Group, Optimizer, Settings
from pipeline.train.optimizers.lion import LionSettings
from pipeline.train.optimizers.muon import MuonSettings
from pipeline.train.optimizers.normuon import NorMuonSettings
from pipeline.train.optimizers.sgd import SGDSettings
from pipeline.train.optimizers.sophia import SophiaSettings

FOR_ALL = ("sgd", "adam", "adamw", "adafactor", "lion", "sophia")
FOR_MATRICES = ("muon", "normuon")


@dataclass(frozen=True, kw_only=True)
class Own:
    """What a group of weights has for itself; None: what its optimizer says."""

    lr: PositiveFloat | None
    weight_decay: NonNegativeFloat | None


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Weights that are tuned apart from the matrices inside the layers."""

    embeddings: Own  # of nn.Embedding; with a head that is tied to them
    head: Own  # one of its own
    vectors: Own  # biases, scales of norms


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The optimizers: exactly one for all the weights, and one for the matrices inside the layers where that is not it."""

    sgd: SGDSettings | None
    adam: AdamSettings | None
    adamw: AdamWSettings | None
    adafactor: AdafactorSettings | None
    lion: LionSettings | None
    sophia: SophiaSettings | None
    muon: MuonSettings | None
    normuon: NorMuonSettings | None
    groups: Groups

    def __post_init__(self) -> None:
        if len(chosen := self._chosen(FOR_ALL)) != 1:
            raise ValueError(f"exactly one of {', '.join(FOR_ALL)} has values, the others are null; found {', '.join(chosen) or 'none'}")
        if len(chosen := self._chosen(FOR_MATRICES)) > 1:
            raise ValueError(f"the matrices have one optimizer, found {' and '.join(chosen)}: one of them is null")

    def _chosen(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    def parts(self) -> tuple[str, str | None]:
        """The names of the optimizer of all the rest, and of the one for matrices where there is one."""
        return self._chosen(FOR_ALL)[0], next(iter(self._chosen(FOR_MATRICES)), None)


class Optimizers:
    """All optimizers of a module as one."""

    def __init__(self, module: nn.Module, matrices: Collection[str], choice: Choice, *, section: str) -> None:
        named = dict(module.named_parameters())
        if unknown := sorted(set(matrices) - set(named)):
            raise PipelineError(f"the module has no weights {', '.join(unknown)}", mend="name its own parameters as matrices")
        rest, special = choice.parts()
        taken = [name for name in named if name in set(matrices)] if special else []
        common: Settings = getattr(choice, rest)
        groups = list(_grouped(module, {name: one for name, one in named.items() if name not in taken}, choice.groups, common, section))
        self._parts: dict[str, Optimizer] = {rest: getattr(choice, rest).build(groups)}
        self._weights: dict[str, list[Tensor]] = {rest: [one for group in groups for one in group.weights.values()]}
        if special:
            own: Settings = getattr(choice, special)
            group = Group({name: named[name] for name in taken}, own.lr, own.weight_decay)
            self._parts[special] = getattr(choice, special).build([group])
            self._weights[special] = list(group.weights.values())

    def probe(self, step: int, gradients: Callable[[], object]) -> None:
        """Let those that need it look around before the step; `gradients` leaves in the weights what they ask for."""
        for name, part in self._parts.items():
            part.probe(step, lambda name=name: (gradients(), [one.grad for one in self._weights[name]])[1])  # type: ignore[misc]

    def step(self, factor: float) -> None:
        """One step of each at `factor` times its learning rates."""
        for part in self._parts.values():
            part.step(factor)

    def tensors(self) -> dict[str, Tensor]:
        """The state by name."""
        return {name: value for prefix, part in self._parts.items() for name, value in prefixed(prefix, part.tensors()).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        for prefix, part in self._parts.items():
            part.load(below(prefix, tensors))


def _grouped(module: nn.Module, named: Mapping[str, Tensor], groups: Groups, common: Settings, section: str) -> Iterator[Group]:
    """The weights in groups, each with its learning rate and decay. PipelineError for values of a group that has no weights."""
    kinds = {name: _kind(module, one) for name, one in named.items()}
    for kind in ("embeddings", "head", "vectors", None):
        weights = {name: one for name, one in named.items() if kinds[name] == kind}
        own: Own | None = getattr(groups, kind) if kind else None
        lr, shrink = (own.lr, own.weight_decay) if own else (None, None)
        if kind == "head" and not weights and (lr, shrink) != (None, None):
            message = f"{section}.groups.head has values, but the model has no head of its own: it is tied to the embeddings"
            raise PipelineError(message, mend=f"{section}.groups.head.lr=null {section}.groups.head.weight_decay=null")
        if weights:
            yield Group(weights, common.lr if lr is None else lr, common.weight_decay if shrink is None else shrink)


def _kind(module: nn.Module, weight: Tensor) -> str | None:
    """The group of a weight; None for a matrix, or what else has two dimensions or more."""
    if any(part.weight is weight for part in module.modules() if isinstance(part, nn.Embedding)):
        return "embeddings"
    output = getattr(module, "get_output_embeddings", lambda: None)()
    if output is not None and output.weight is weight:
        return "head"
    return "vectors" if weight.ndim < 2 else None

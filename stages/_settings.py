"""Settings: conf/ composed by Hydra, or params.yaml; a section of them as a checked Config. The only file that knows Hydra."""

import copy
import dataclasses
import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.core.errors import PipelineError
from pipeline.core.local import overlaid
from pipeline.core.params import Params
from stages._mends import meant

A = TypeVar("A")
_BRANCHES = {f"{prefix}{name}" for name in ("int", "float", "str") for prefix in ("", "constrained-")} | {"bool", "none", "nullable"}
ROOT = Path(os.environ.get("DVC_ROOT", "."))  # under `dvc exp run --temp` this still names the main checkout


def read_params() -> dict[str, Any]:
    """params.yaml, where every interpolation is resolved."""
    settings: dict[str, Any] = yaml.load(Path("params.yaml").read_bytes(), Params)
    return settings


def read_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """All settings: params.yaml under DVC, conf/ with the command line's overrides by hand; conf/local on top."""
    settings = read_params() if "DVC_STAGE" in os.environ else plain(compose(overrides))
    return overlaid(settings, ROOT)


def plain(settings: Any, *, resolve: bool = True) -> dict[str, Any]:
    """The settings as dicts, lists and plain values, every interpolation resolved if asked to."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(settings, resolve=resolve)  # type: ignore[return-value]


def compose(overrides: Sequence[str], *, resolve: bool = True) -> Any:
    """conf/ composed by Hydra, every ${...} filled in if asked to. A wrong key or group is a PipelineError in Hydra's words."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(Path("conf").resolve()), version_base="1.3"):
            composed = hydra_compose("config", list(overrides))
            if resolve:
                OmegaConf.resolve(composed)
            return composed
    except yaml.YAMLError as fault:  # a tab, a key that stands twice: its message names file and line
        raise PipelineError(
            f"conf/ can't be read: {fault}", mend="correct that line: YAML is indented by blanks, each key stands once"
        ) from fault
    except (HydraException, OmegaConfBaseException) as fault:
        if unknown := _unknown_file(str(fault), overrides):
            raise unknown from fault
        raise PipelineError(f"conf/ can't be composed: {fault}", mend=_mend(str(fault), overrides)) from fault


def _unknown_file(fault: str, overrides: Sequence[str]) -> PipelineError | None:
    """A file of a group that is not there, in fewer words than Hydra's; the word with the one that may be meant is the mend."""
    found = re.search(r"Could not (?:find|load) '([\w/]+)/([^/']+)'", fault)
    if not found or not (folder := Path("conf", found[1])).is_dir():
        return None
    group, files = found[1], sorted(path.stem for path in folder.glob("*.yaml"))
    word = next((word for word in overrides if word.partition("=")[0] == group), f"{group}={found[2]}")
    near = difflib.get_close_matches(found[2], files, n=1) or files
    return PipelineError(
        f"conf/{group} has no {found[2]}; it has {', '.join(files)}", mend=", or ".join(word.replace(found[2], file) for file in near)
    )


def _mend(fault: str, overrides: Sequence[str]) -> str:
    """The word with the key that was meant, where Hydra does not know one; else where the groups are listed."""
    found = re.match(r"Could not override '([\w.]+)'", fault)
    words = [word for word in overrides if found and word.partition("=")[0] == found[1]]
    if found and words:
        try:
            section: Any = plain(compose([word for word in overrides if word not in words], resolve=False), resolve=False)
            for part in found[1].split(".")[:-1]:
                section = section[part]
            if key := meant(found[1], section):
                return f"{key}={words[0].partition('=')[2]}"
        except (PipelineError, KeyError, TypeError):
            pass  # more is wrong than this key
    return "correct the key or group; `make groups` lists the groups"


def typed(config: type[A], section: Mapping[str, Any], *, at: str) -> A:
    """The section as a frozen dataclass. One PipelineError tells all faults, each with its dotted key."""
    try:
        checked: A = _adapter(config).validate_json(json.dumps(section))  # type: ignore[arg-type]  # to mypy not every class has a hash
        return checked
    except ValidationError as faults:
        if (whole := _whole(section, faults)) is not None:
            return typed(config, whole, at=at)
        told: dict[str, tuple[list[str], Any]] = {}
        for fault in faults.errors():
            key = ".".join([at, *map(str, _keys(fault["loc"], section))])
            messages, _ = told.setdefault(key, ([], fault["input"]))
            said = f"{fault['msg']}{_known_as(key, config) if fault['type'] == 'unexpected_keyword_argument' else ''}"
            messages += [said] if said not in messages else []
        lines = [f"{key}: {', or: '.join(messages)} (found {value!r:.80})" for key, (messages, value) in told.items()]
        message = "\n  ".join(["settings that can't be used", *lines])
        raise PipelineError(message, mend=f"correct {', '.join(told)} in conf/ or on the command line") from faults


@cache
def _adapter(config: Any) -> TypeAdapter[Any]:
    """What checks sections of a class: making it takes ten times as long as a check."""
    config.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    return TypeAdapter(config)


def _known_as(key: str, config: Any) -> str:
    """What an unknown key of a section was meant to be, where that can be told."""
    right = meant(key, [field.name for field in dataclasses.fields(config)])
    return f": meant is {right}" if right else ""


def _keys(place: Sequence[int | str], section: Any) -> Iterator[int | str]:
    """The keys of a place in a section: pydantic also names what a value may be, a branch of a union or a kind of task or model."""
    for number, part in enumerate(place):
        keys = section if isinstance(section, Mapping) else range(len(section)) if isinstance(section, list) else ()
        if part in keys:
            yield part
            section = section[part]
        elif number == len(place) - 1 and _is_key(part):
            yield part


def _is_key(part: int | str) -> bool:
    """Whether a part of a place is a key: the others are pydantic's names of what a value may be."""
    return isinstance(part, int) or (re.fullmatch(r"[A-Za-z_][\w-]*", part) is not None and part not in _BRANCHES)


def _whole(section: Mapping[str, Any], faults: ValidationError) -> Mapping[str, Any] | None:
    """The section with 1e3 as 1000 where a whole number is asked for; None where that mends nothing."""
    places = [fault["loc"] for fault in faults.errors() if fault["type"] == "int_type" and isinstance(fault["input"], float)]
    mended: Any = copy.deepcopy(dict(section))
    changed = False
    for place in places:
        *above, last = [part for part in place if _is_key(part)]
        inner = mended
        for part in above:
            inner = inner[part]
        if isinstance(inner[last], float) and inner[last].is_integer():
            inner[last], changed = int(inner[last]), True
    return mended if changed else None


def found(settings: Any, kind: type[A]) -> Iterator[A]:
    """All values of a kind in a Config, nested ones too, in dicts and lists as well."""
    if isinstance(settings, kind):
        yield settings
    elif dataclasses.is_dataclass(settings):
        for field in dataclasses.fields(settings):
            yield from found(getattr(settings, field.name), kind)
    elif isinstance(settings, Mapping | tuple | list):
        for value in settings.values() if isinstance(settings, Mapping) else settings:
            yield from found(value, kind)

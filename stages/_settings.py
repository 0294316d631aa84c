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
from pipeline.core.params import read_params
from stages._mends import joined, meant

A = TypeVar("A")
_BRANCHES = {f"{prefix}{name}" for name in ("int", "float", "str") for prefix in ("", "constrained-")} | {"bool", "none", "nullable"}
ROOT = Path(os.environ.get("DVC_ROOT", "."))  # under `dvc exp run --temp` this still names the main checkout


class SettingsFault(PipelineError):
    """Settings of a section that can't be used: by dotted key what is said of it, and its value."""

    head = "settings that can't be used"

    def __init__(self, told: Mapping[str, tuple[str, Any]]) -> None:
        lines = [f"{key}{said}" for key, (said, _) in told.items()]
        super().__init__("\n  ".join([self.head, *lines]), mend=f"correct {', '.join(told)} in conf/ or on the command line")
        self.told = told


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
        raise PipelineError(f"conf/ can't be read: {fault}", mend=_or_back(fault, "correct that line: each key stands once")) from fault
    except UnicodeDecodeError as fault:
        told = _not_utf8()
        raise PipelineError(told, mend=_or_back(told, "save it as UTF-8")) from fault
    except (HydraException, OmegaConfBaseException) as fault:
        raise joined(list(_told(fault, overrides, resolve=resolve))) from fault


def _told(fault: Exception, overrides: Sequence[str], *, resolve: bool) -> Iterator[PipelineError]:
    """The fault in our words; where it is that of a word, also those of the other words: Hydra tells the first one alone."""
    word, own = _of_word(str(fault), overrides)
    told = f"conf/ can't be composed: {_where(fault)}{fault}"
    yield own or PipelineError(told, mend=_or_back(told, "correct that; `make groups` lists the groups"))
    if word is not None:
        try:
            compose([one for one in overrides if one != word], resolve=resolve)
        except PipelineError as more:
            yield more


def _or_back(told: object, mend: str) -> str:
    """The mend, behind the command that brings back the file which the fault names."""
    found = re.search(r"\bconf/[\w/.-]+\.yaml", str(told))
    return f"git checkout {found[0]}; or {mend}" if found else mend


def _where(fault: Exception) -> str:
    """File and line of a reference that leads nowhere."""
    found = re.search(r"Interpolation key '([\w.]+)' not found", str(fault))
    for path in sorted(Path("conf").rglob("*.yaml")) if found else ():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if found and f"${{{found[1]}}}" in line:
                return f"{path}, line {number}: "
    return ""


def _not_utf8() -> str:
    """The file of conf/ that Hydra stumbled over."""
    for path in sorted(Path("conf").rglob("*.yaml")):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as fault:
            return f"{path}, line {path.read_bytes()[: fault.start].count(10) + 1}, is not UTF-8"
    return "a file of conf/ is not UTF-8"


def _of_word(fault: str, overrides: Sequence[str]) -> tuple[str | None, PipelineError | None]:
    """The word that the fault is of, and what to say of it; None where that can't be told."""
    for word in overrides:
        if "=" not in word and not word.startswith("~"):
            return word, PipelineError(f"{word!r} says no value", mend=f"KEY=VALUE or GROUP=FILE{' without -S' * (word == '-S')}")
    if unknown := _unknown_file(fault, overrides):
        return unknown
    if found := re.search(r"method@(\w+)\.(\w+) appears more than once", fault):
        twice = next((one for one in overrides if one.startswith(f"{found[1]}=")), None)
        names = list(dict.fromkeys(re.findall(r"\w+", twice.partition("=")[2]))) if twice else []
        mend = f"{found[1]}=[{','.join(names)}]" if names else f"name it once in conf/config.yaml: {found[1]}"
        return twice, PipelineError(f"{found[1]} names {found[2]} twice", mend=mend)
    for word in overrides:
        key, _, value = word.partition("=")
        if f"'{word}'" in fault and re.fullmatch(r"[-+\d]+,\d+(?:[eE][-+]?\d+)?", value):
            return word, PipelineError(f"{word}: a comma parts values", mend=f"{key}={value.replace(',', '.')}")
        if f"override '{key.lstrip('+')}'" in fault:
            return word, _unknown_key(key, value, [one for one in overrides if one != word])
    return None, None


def _unknown_key(key: str, value: str, others: Sequence[str]) -> PipelineError:
    """No such setting, and the one that may be meant: the nearest name in the deepest section that is there."""
    try:
        section: Any = plain(compose(others, resolve=False), resolve=False)
    except PipelineError:
        section = plain(compose([], resolve=False), resolve=False)
    parts, found = key.split("."), []
    for part in parts:
        if not isinstance(section, Mapping) or part not in section:
            break
        section = section[part]
        found.append(part)
    known = section if isinstance(section, Mapping) else ()
    right = meant(".".join(parts[: len(found) + 1]), known) if known else None
    if right is not None:
        return PipelineError(f"there is no setting {key}", mend=f"{'.'.join([right, *parts[len(found) + 1 :]])}={value}")
    where = ".".join(found)
    has = f"{where} has {', '.join(map(str, known))}" if known else f"{where} is one value"
    mend = "`make groups` lists the groups"
    if found and Path("stages", f"{found[0]}.py").is_file():
        mend = f"one of these; .venv/bin/python -m stages.{found[0]} --help says what each is"
    return PipelineError(f"there is no setting {key}{'; ' + has if found else ''}", mend=mend)


def _unknown_file(fault: str, overrides: Sequence[str]) -> tuple[str | None, PipelineError] | None:
    """A file of a group that is not there, in fewer words than Hydra's; the word with the one that may be meant is the mend."""
    found = re.search(r"Could not (?:find|load) '([\w/]+)/([^/']+)'", fault)
    if not found:
        return None
    group, name, folder = found[1], found[2], Path("conf", found[1])
    word = next((word for word in overrides if word.partition("=")[0] == group), None)
    if not folder.is_dir():
        near = difflib.get_close_matches(group, [path.name for path in Path("conf").iterdir()], n=1)
        mend = f"git checkout conf/config.yaml{f'; or in it: {near[0]}' if near else ''}"
        return word, PipelineError(f"there is no folder conf/{group}, whose file {name} is asked for", mend=mend)
    files = sorted(path.stem for path in folder.glob("*.yaml"))
    if word is None:
        mend = f"git checkout conf/{group}/{name}.yaml, if it was there; or name another in conf/config.yaml: {group}"
    elif near := difflib.get_close_matches(name, files, n=1):
        mend = word.replace(name, near[0])
    elif "[" in word:
        left = [one for one in re.findall(r"[^\[\],\s]+", word.partition("=")[2]) if one != name]
        mend = f"{group}=[{','.join(left)}]"
    else:
        mend = f"{group}=FILE, one of {', '.join(files)}"
    return word, PipelineError(f"conf/{group} has no {name}; it has {', '.join(files)}", mend=mend)


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
            known = _known_as(key, config) if fault["type"] == "unexpected_keyword_argument" else ""
            said = f"{fault['msg'].removeprefix('Value error, ')}{known}"
            messages += [said] if said not in messages else []
        raise SettingsFault({key: (f": {', or: '.join(said)}{_as_found(value)}", value) for key, (said, value) in told.items()}) from faults


def _as_found(value: Any) -> str:
    """The value at fault; a whole section says nothing."""
    return "" if isinstance(value, Mapping) else f" (found {value!r:.80})"


@cache
def _adapter(config: Any) -> TypeAdapter[Any]:
    """What checks sections of a class: making it takes ten times as long as a check."""
    config.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
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

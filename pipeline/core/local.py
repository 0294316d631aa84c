"""Facts of one machine, conf/local/*.yaml: laid over hardware and track, never part of a run's settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError

APART = ("hardware", "track")  # the sections that change no result


def overlaid(settings: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The settings with what conf/local says on top. PipelineError for a section that may not be local."""
    merged = dict(settings)
    for path in sorted((root / "conf" / "local").glob("*.yaml")):
        try:
            local = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as fault:
            said = str(fault).replace("<unicode string>", str(path))
            raise PipelineError(f"{path} is no YAML: {said}", mend=f"rm {path}, or correct it") from fault
        except UnicodeDecodeError as fault:
            line = fault.object[: fault.start].count(b"\n") + 1
            raise PipelineError(f"{path}, line {line}: no UTF-8", mend=f"rm {path}, or save it as UTF-8") from fault
        if not isinstance(local, dict):
            raise PipelineError(f"{path} must hold sections, not {local!r}", mend=f"rm {path}, or such as hardware: {{threads: 2}}")
        if unknown := set(local) - set(APART):
            raise PipelineError(
                f"{path} sets {', '.join(map(str, unknown))}",
                mend=f"take it out of {path}: only hardware and track are local",
            )
        for name, section in local.items():
            if not isinstance(section, dict):
                raise PipelineError(
                    f"{path}: {name} must hold keys, not {section!r}", mend=f"such as {name}: {{{next(iter(settings[name]))}: ...}}"
                )
            if strange := [key for key in section if key not in settings[name]]:
                has = ", ".join(settings[name])
                raise PipelineError(f"{path}: {name} has no {', '.join(map(str, strange))}", mend=f"correct {path}: it has {has}")
            merged[name] = _merged(merged[name], section)
    return merged


def _merged(section: Mapping[str, Any], local: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(section[key], value) if isinstance(value, Mapping) and isinstance(section.get(key), Mapping) else value
            for key, value in local.items()}  # fmt: skip
    return {**section, **both}

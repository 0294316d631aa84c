"""The blocks of dvc.yaml with their lists written out: which stages there are, what each is told, reads and writes.

DVC's own resolver takes 0.3 s to import; this one knows the little that our dvc.yaml uses: `foreach` over a mapping of the
settings, ${key}, ${item}, ${item.a} and ${a.b}.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.core.params import read_mapping

_TEMPLATE = re.compile(r"\$\{([\w.]+)\}")
_MODULE = re.compile(r"-m (stages\.[\w.]+)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One stage of the pipeline, every template filled in."""

    name: str  # as DVC says it: align@dpo
    module: str  # stages.align.dpo
    entry: str | None  # of a list: dpo
    params: tuple[str, ...]  # dotted keys of params.yaml
    deps: tuple[str, ...]
    outs: tuple[str, ...]  # data folders
    notes: tuple[str, ...]  # files of metrics and plots

    @property
    def folder(self) -> str:
        """Its name as a path: align/dpo."""
        return self.name.replace("@", "/")


def blocks_of(pipeline: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Block]:
    """All stages of a dvc.yaml in its order. PipelineError when a template names a setting that is not there."""
    return [block for name, content in pipeline["stages"].items() for block in _written_out(name, content, settings)]


def read_blocks(path: Path, settings: Mapping[str, Any]) -> list[Block]:
    """All stages of the file, a dvc.yaml; see blocks_of."""
    return blocks_of(read_mapping(path, mend=f"git checkout {path}"), settings)


def edges_of(blocks: list[Block]) -> list[tuple[str, str]]:
    """(writer, reader) by name, in the order of the blocks: a reader depends on an out, on what holds one, or on what lies in one."""
    writers = [(path, block.name) for block in blocks for path in (*block.outs, *block.notes)]
    edges = []
    for reader in blocks:
        read = {name for dep in reader.deps for path, name in writers if _overlap(dep, path) and name != reader.name}
        edges += [(block.name, reader.name) for block in blocks if block.name in read]
    return edges


def _written_out(name: str, content: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Block]:
    if "foreach" not in content:
        yield _block(name, None, content, settings, {})
        return
    entries = _filled(content["foreach"], settings, {})
    for key, item in entries.items():
        yield _block(f"{name}@{key}", key, content["do"], settings, {"key": key, "item": item, "list": content["foreach"][2:-1]})


def _block(name: str, entry: str | None, content: Mapping[str, Any], settings: Mapping[str, Any], local: Mapping[str, Any]) -> Block:
    def filled(kind: str) -> tuple[str, ...]:
        entries = (one if isinstance(one, str) else next(iter(one)) for one in content.get(kind, ()))
        return tuple(str(_filled(one, settings, local)) for one in entries)

    command = str(_filled(content.get("cmd", ""), settings, local))
    module = _MODULE.search(command)
    return Block(
        name=name,
        module=module[1] if module else "",
        entry=entry,
        params=filled("params"),
        deps=filled("deps"),
        outs=filled("outs"),
        notes=(*filled("metrics"), *filled("plots")),
    )


def _filled(template: str, settings: Mapping[str, Any], local: Mapping[str, Any]) -> Any:
    """The template with each ${...} replaced; a template that is nothing but one gives the value itself."""

    def value(found: re.Match[str]) -> Any:
        first, *rest = found[1].split(".")
        try:
            return reduce(lambda place, key: place[key], rest, local[first] if first in local else settings[first])
        except (KeyError, TypeError) as fault:
            missing = f"{local['list']}.{local['key']}.{'.'.join(rest)}" if first == "item" else found[1]
            mend = f"git checkout conf dvc.yaml, or add {missing} in conf/"
            raise PipelineError(f"dvc.yaml asks for the setting {missing}, which is not there", mend=mend) from fault

    whole = _TEMPLATE.fullmatch(template)
    return value(whole) if whole else _TEMPLATE.sub(lambda found: str(value(found)), template)


def _overlap(dep: str, path: str) -> bool:
    return dep == path or dep.startswith(f"{path}/") or path.startswith(f"{dep}/")

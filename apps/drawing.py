"""Draw the pipeline of dvc.yaml into README.md, between its two markers. `--check` only says whether it is fresh."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

README, PIPELINE, PARAMS = Path("README.md"), Path("dvc.yaml"), Path("params.yaml")
START, END = "<!-- drawing -->", "<!-- /drawing -->"
_PLACEHOLDER = re.compile(r"\$\{([\w.]+)\}")
_CODE = "plan"  # the stage on which all others depend by plan/<stage>.json


def main() -> None:
    """Write the drawing, or with --check exit with 1 when README.md holds another."""
    text = README.read_text(encoding="utf-8")
    fresh = redrawn(text, mermaid(yaml.safe_load(PIPELINE.read_text()), yaml.safe_load(PARAMS.read_text())))
    if text == fresh:
        return
    if "--check" in sys.argv:
        sys.exit("the drawing in README.md is not that of dvc.yaml\n  mend: make docs")
    README.write_text(fresh, encoding="utf-8")


def redrawn(text: str, drawing: str) -> str:
    """The text with the drawing between its markers."""
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        sys.exit(f"README.md has no place for the drawing\n  mend: put {START} and {END} into it, once each, each on a line of its own")
    head, rest = text.split(START)
    return f"{head}{START}\n```mermaid\n{drawing}\n```\n{END}{rest.split(END)[1]}"


def mermaid(pipeline: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The flowchart: a node a stage, an arrow from each stage to those that read what it wrote."""
    edges = edges_of(pipeline, settings)
    nodes = [name for name in pipeline["stages"] if name != _CODE]
    lines = [f"    {_CODE}([{_CODE}: settings and code of every stage]) -.-> {nodes[0]}"]
    lines += [f"    {name}[{name}]" for name in nodes]
    lines += [f"    {source} --> {reader}" for source, reader in edges]
    return "\n".join(["flowchart TD", *lines])


def edges_of(pipeline: Mapping[str, Any], settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(source, reader) in the order of dvc.yaml; a dep such as ${export.source} is looked up in the settings."""
    stages = pipeline["stages"]
    writers = {path: name for name, block in stages.items() if name != _CODE for path in outs_of(block)}
    edges = []
    for reader, block in stages.items():
        read = {writers.get(filled(dep, settings)) for dep in block.get("deps", ())}
        edges += [(source, reader) for source in stages if source in read]
    return edges


def outs_of(block: Mapping[str, Any]) -> list[str]:
    """All that a stage writes: outs, metrics, plots."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in block.get(kind, ())]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def filled(template: str, settings: Mapping[str, Any]) -> str:
    """The template with each ${a.b} replaced by that setting."""

    def value(found: re.Match[str]) -> str:
        place: Any = settings
        for key in found[1].split("."):
            place = place[key]
        return str(place)

    return _PLACEHOLDER.sub(value, template)


if __name__ == "__main__":
    main()

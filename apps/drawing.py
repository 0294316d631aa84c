"""Draw the pipeline of dvc.yaml into README.md, between its two markers. `--check` only says whether it is fresh."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.blocks import blocks_of, edges_of

README, PIPELINE, PARAMS = Path("README.md"), Path("dvc.yaml"), Path("params.yaml")
START, END = "<!-- drawing -->", "<!-- /drawing -->"
_CODE = "plan"  # the stage on which all others depend by plan/code/<stage>.json


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
    """The flowchart: a node a block of dvc.yaml (a list is one), an arrow from each to those that read what it wrote."""
    nodes = [name for name in pipeline["stages"] if name != _CODE]
    labels = {name: f"{name}: one an entry" for name, block in pipeline["stages"].items() if "foreach" in block}
    lines = [f"    {_CODE}([{_CODE}: settings and code of every stage]) -.-> {nodes[0]}"]
    lines += [f"    {name}[{labels.get(name, name)}]" for name in nodes]
    lines += [f"    {source} --> {reader}" for source, reader in collapsed(edges_of(blocks_of(pipeline, settings)))]
    return "\n".join(["flowchart TD", *lines])


def collapsed(edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges between blocks, each once; those from the plan and within a list are left out."""
    found = dict.fromkeys((source.split("@")[0], reader.split("@")[0]) for source, reader in edges)
    return [edge for edge in found if edge[0] not in (_CODE, edge[1])]


if __name__ == "__main__":
    main()

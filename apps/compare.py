"""What differs between two runs: `python -m apps.compare A B`, each a commit, branch, tag, experiment, or `workspace`."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from dvc_data.index.index import DataIndexDirError
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from pipeline.core.artifact.split import PARTS
from pipeline.core.errors import InputError, PipelineError
from pipeline.report.blocks import excerpt
from pipeline.report.changes import KINDS, STAGES, Changes, Example, Side, changes, examples, unequal
from pipeline.report.figures import ABSENT, number, size, text
from pipeline.report.stage_files import StageFiles

WORKSPACE = "workspace"
_EPILOG = """\
The data of a revision is read from DVC's cache (or fetched from its remote); nothing is checked out.
  python -m apps.compare HEAD~1               the last commit but one, and what lies in the folders
  python -m apps.compare main stricter-rules  a branch and an experiment (dvc exp show lists their names)
"""
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}


def main() -> None:
    """Print the differences of the data, the metrics and the settings."""
    options = arguments()
    console = Console(highlight=False)
    try:
        revisions = Revision(options.old), Revision(options.new)
        old, new = (revision.side() for revision in revisions)
        console.print(f"[bold]{escape(old.name)}[/bold] → [bold]{escape(new.name)}[/bold]")
        for change in changes(old, new):
            console.print(told(change, old, new, options))
        console.print(numbers("metrics", *(revision.metrics() for revision in revisions), most=options.numbers))
        console.print(numbers("settings", *(revision.read("params.yaml") for revision in revisions), most=options.numbers))
    except PipelineError as fault:
        sys.exit(f"compare: {fault}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.compare",
        description="Tell what differs between two runs: documents by stage, metrics, settings.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", metavar="A", nargs="?", default="HEAD", help="a commit, branch, tag or experiment (default: HEAD)")
    parser.add_argument(
        "new", metavar="B", nargs="?", default=WORKSPACE, help=f"another one (default: {WORKSPACE}, the folders as they lie)"
    )
    parser.add_argument("--examples", type=int, default=3, help="documents shown of each kind of difference (default: 3)")
    parser.add_argument("--excerpt", type=int, default=120, help="characters of a quotation (default: 120)")
    parser.add_argument("--numbers", type=int, default=40, help="metrics, and settings, shown (default: 40)")
    return parser.parse_args()


class Revision:
    """The project's files at a revision, those of DVC among them."""

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self.system = DVCFileSystem(".", rev=None if name == WORKSPACE else name, skip_instance_cache=True)
            self.system.info(".")  # the revision is looked for when something is first asked
        except RevError as fault:
            raise InputError(f"{name} is no commit, branch, tag or experiment", mend="git log --oneline, or dvc exp show") from fault
        except DvcException as fault:
            raise InputError(f"{name} can't be read: {fault}", mend="run it in the project's folder") from fault

    def open(self, path: str, mode: str) -> Any:
        """The file; FileNotFoundError where it is neither in the folder nor in the cache."""
        try:
            return self.system.open(path, mode)
        except DataIndexDirError as fault:
            raise FileNotFoundError(path) from fault

    def read(self, path: str) -> dict[str, Any]:
        """A YAML or JSON file; nothing where there is none."""
        try:
            with self.open(path, "rb") as file:
                return yaml.load(file.read(), Loader=yaml.CSafeLoader) or {}
        except FileNotFoundError:
            return {}

    def metrics(self) -> dict[str, Any]:
        """The metrics of all stages, by stage."""
        paths = sorted(path.lstrip("/") for path in self.system.find("metrics") if path.endswith(".json"))
        return {PurePosixPath(path).relative_to("metrics").with_suffix("").as_posix(): self.read(path) for path in paths}

    def side(self) -> Side:
        """The stages' data, and what dvc.lock calls it."""
        outs = [out for block in (self.read("dvc.lock").get("stages") or {}).values() for out in block.get("outs", ())]
        locked = {PurePosixPath(out["path"]).name: out["md5"] for out in outs if PurePosixPath(out["path"]).parent.name == "data"}
        folders = {stage: StageFiles(self, f"data/{stage}") for stage in STAGES}
        return Side(name=self.name, folders=folders, locked=locked, sure=self.name != WORKSPACE)


def told(change: Changes, old: Side, new: Side, options: argparse.Namespace) -> Group:
    """A stage: how many documents differ, why, and some of them."""
    head = f"\n[bold]{change.stage:9}[/bold]"
    if change.equal or change.absent or not change.differences.num_rows:
        return Group(f"{head} [dim]{'equal' if change.equal else escape(change.absent) or 'the same documents'}[/dim]")
    blocks: list[Any] = [f"{head} {', '.join(counted(change))}"]
    for kind in KINDS:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for reason, count in change.reasons(kind):
            grid.add_row(f"[{_COLOURS[kind]}]{kind}[/]", number(count), escape(reason))
        for example in examples(change, old, new, kind=kind, most=options.examples):
            grid.add_row("", "", f"[dim]{escape(example.id)}[/dim] {quoted(example, options.excerpt)}")
        blocks += [Padding(grid, (0, 0, 0, 10))] * bool(grid.rows)
    return Group(*blocks)


def counted(change: Changes) -> Iterator[str]:
    """The documents and bytes of each kind; of a split by part."""
    parts = PARTS if change.stage == "split" else (None,)
    for part in parts:
        for kind in KINDS:
            documents, bytes_ = change.count(kind, part)
            if documents:
                sign = {"added": "+", "removed": "−"}.get(kind, "−" if bytes_ < 0 else "+")
                yield f"{f'{part} ' if part else ''}{kind} {number(documents)} ({sign}{size(abs(bytes_))})"


def quoted(example: Example, most: int) -> str:
    """The text that is gone and the text that is new."""
    olds = f"[red]− {escape(excerpt(example.old, most))}[/red]" if example.old and example.kind != "moved" else ""
    news = f"[green]+ {escape(excerpt(example.new, most))}[/green]" if example.new and example.kind != "moved" else ""
    return "\n".join(filter(None, (olds, news)))


def numbers(title: str, old: Mapping[str, Any], new: Mapping[str, Any], *, most: int) -> Group:
    """Each value that differs: old and new, and by how much."""
    found = unequal(old, new)
    if not found:
        return Group(f"\n[bold]{title}[/bold]  [dim]equal[/dim]")
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, was, now in found[:most]:
        both = isinstance(was, int | float) and isinstance(now, int | float)
        grid.add_row(escape(name), written(was), "→", written(now), f"[dim]{now - was:+.4g}[/dim]" if both else "")
    rest = [f"[dim]and {number(len(found) - most)} more: --numbers {len(found)}[/dim]"] if len(found) > most else []
    return Group(f"\n[bold]{title}[/bold]", Padding(grid, (0, 0, 0, 10)), *rest)


def written(value: Any) -> str:
    """A value as people read it; numbers with the digits that tell."""
    if value is None:
        return ABSENT
    return f"{value:.6g}" if isinstance(value, float) else escape(excerpt(text(value), 60))


if __name__ == "__main__":
    main()

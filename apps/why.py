"""The life of a document: `python -m apps.why ID`. What each source is worth: `python -m apps.why --sources`."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml
from pydantic import TypeAdapter, ValidationError
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_json
from pipeline.report.document_history import STAGES, Asked, Chapter, Shown, history_of
from pipeline.report.figures import fixed, number, text
from pipeline.report.search import find_document, near_matches, quarantined
from pipeline.report.stage_files import Disk, Row, StageFiles
from pipeline.text.measure.quality import Rule

COLOURS = {"good": "green", "bad": "red", "": "default"}
_EPILOG = """\
ID is a document's id or the beginning of one, the origin where it was read (books/ada.txt, pages.jsonl:12; of a chunk of a long
text also the byte where it begins: wiki.txt@1048576), a piece of it as the split has them (ID#3), or FILE:LINE of a row in quarantine.
"""


def main() -> None:
    """Print the life that is asked for, or the table of the sources."""
    options = arguments()
    console = Console(highlight=False)
    try:
        if options.sources:
            console.print(weighed(options))
        else:
            console.print(told(options))
    except PipelineError as fault:
        sys.exit(f"why: {fault}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.why",
        description="Tell what became of a document, and why.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="of a document, of a piece of it, or where it was read")
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of the stages' results (default: data)")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="the settings in force (default: params.yaml)")
    parser.add_argument("--entries", type=int, default=10, help="copies, paragraphs, pieces told of (default: 10)")
    parser.add_argument("--excerpt", type=int, default=80, help="characters of a quotation (default: 80)")
    sources = parser.add_argument_group("weights of the sources", "from the loss of a trained model on held-out text of each")
    sources.add_argument("--sources", action="store_true", help="propose corpus.sources[i].weight")
    sources.add_argument("--model", type=Path, default=Path("data/pretrain"), help="a base model (default: data/pretrain)")
    sources.add_argument(
        "--baseline", choices=("auto", "ngram", "entropy"), default="auto", help="what a loss is compared with (default: auto)"
    )
    sources.add_argument("--order", type=int, default=3, help="tokens of the n-grams that are counted, 1 to 4 (default: 3)")
    sources.add_argument("--temperature", type=float, default=0.2, help="bits a byte of excess that multiply a weight by e (default: 0.2)")
    sources.add_argument("--smoothing", type=float, default=0.1, help="share of the mixture that stays as it is (default: 0.1)")
    sources.add_argument("--documents", type=int, default=200, help="held-out documents read of each source (default: 200)")
    sources.add_argument("--batch", type=int, default=16, help="windows of text at once (default: 16)")
    sources.add_argument("--seed", type=int, default=1, help="of the choice of documents (default: 1)")
    sources.add_argument("--counted", type=int, default=1_000_000, help="training tokens counted of each source (default: 1000000)")
    options = parser.parse_args()
    if options.sources == bool(options.id):
        parser.error("give an ID, or --sources")
    return options


def told(options: argparse.Namespace) -> Group:
    """The life of what was asked for; PipelineError, with what looks like it, where nothing is called so."""
    folders = {stage: StageFiles(Disk(), str(options.data / stage)) for stage in STAGES}
    found = find_document(folders["corpus"], options.id)
    if found is None:
        if rows := quarantined(folders["corpus"], options.id):
            return Group(*(refusal(row) for row in rows[: options.entries]))
        near = near_matches(folders["corpus"], options.id)
        mend = f"make why ID={shlex.quote(near[0])}, or one of {', '.join(near)}" if near else ".venv/bin/python -m apps.why --help"
        raise InputError(f"no document is called {options.id}", mend=mend)
    shown = Shown(entries=options.entries, excerpt=options.excerpt)
    chapters = history_of(Asked(folders=folders, found=found, rules=rules_of(options.params), shown=shown))
    return Group(f"[bold]{escape(found.piece or found.id)}[/bold]", *page(chapters))


def page(chapters: Iterable[Chapter]) -> list[Any]:
    """Each chapter: its stage and verdict, and under it its facts in columns."""
    blocks: list[Any] = []
    for chapter in chapters:
        blocks.append(f"\n[bold]{chapter.stage:9}[/bold] [{COLOURS[chapter.mark]}]{escape(chapter.verdict)}[/]")
        grid = Table.grid(padding=(0, 2, 0, 0))
        for line in chapter.lines:
            colour = COLOURS[line.mark]
            grid.add_row(f"[dim]{escape(line.what)}[/dim]", f"[{colour}]{escape(line.value)}[/]", escape(line.note))
        if chapter.lines:
            blocks.append(Padding(grid, (0, 0, 0, 10)))
    return blocks


def refusal(row: Row) -> Group:
    """A row that could not be read."""
    what = ", ".join(f"{name} {text(value)}" for name, value in row.items() if name not in ("file", "line", "reason") and value is not None)
    where = row["file"] if row.get("line") is None else f"{row['file']}:{row['line']}"
    return Group(f"[bold]{escape(where)}[/bold]", f"\n[bold]{'corpus':9}[/bold] [red]{escape(row['reason'])}[/]  {escape(what)}")


def rules_of(params: Path) -> list[Rule]:
    """The rules of select that are in force; none where there are no settings. The minimum score is one of them."""
    section = section_of(params, "select")
    rules = list(section.get("rules") or ())
    if section.get("min_score") is not None:
        rules.append({"name": "score", "statistic": "score", "min": section["min_score"], "max": None})
    try:
        return list(TypeAdapter(tuple[Rule, ...]).validate_json(json.dumps(rules)))
    except ValidationError as fault:
        raise InputError(
            f"{params} has a rule in select.rules that can't be used: {fault}", mend="make reset, or correct conf/select"
        ) from fault


def section_of(params: Path, stage: str) -> Row:
    """The settings of a stage; nothing where there are none."""
    settings = yaml.safe_load(params.read_text(encoding="utf-8")) if params.is_file() else {}
    return (settings or {}).get(stage) or {}


def weighed(options: argparse.Namespace) -> Group:
    """What a model's loss on each source says of the sources' weights: a table, and the yaml to paste."""
    split, corpus = Split(options.data / "split"), Corpus(options.data / "corpus")
    names = sorted({name for part in ("train", "val") for name in pc.unique(split.read(part, ["source"])["source"]).to_pylist()})
    if len(names) < 2:
        return Group(f"All text is of one source, [bold]{escape(' '.join(names))}[/bold]: there is nothing to weigh.")
    from pipeline.evaluate import sources  # torch, which the lives do without
    from pipeline.model import disk

    model = Model(options.model)
    reading = sources.Reading(**{name: getattr(options, name) for name in ("documents", "counted", "order", "batch", "seed")})
    module, digest = disk.load(model, device="cpu"), disk.tokenizer_digest(model)
    losses = sources.losses(module, split, Tokens(options.data / "tokenize"), digest=digest, reading=reading)
    stated = read_json(corpus.file("sources.json")) if corpus.has("sources.json") else {}
    weights = {name: float(facts["weight"]) for name, facts in stated.items()}
    rows, baseline = sources.proposals(
        losses, weights, baseline=options.baseline, temperature=options.temperature, smoothing=options.smoothing
    )
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("source", "train tokens", "held out", "loss", "n-grams", "entropy", "excess", "weight", "proposed"):
        grid.add_column(head, justify="left" if head == "source" else "right")
    for loss, row in zip(losses, rows, strict=True):
        measured = (loss.model, loss.ngram, loss.entropy, row.excess)
        grid.add_row(
            escape(loss.source), number(loss.tokens), number(loss.documents), *map(fixed, measured), fixed(row.old), fixed(row.new)
        )
    over = "n-grams of the source" if baseline == "ngram" else "entropy"
    note = f"Losses are bits a byte; the excess is over the {over}. The tokens of train stay as many."
    entries = pasted(section_of(options.params, "corpus").get("sources") or (), {row.source: round(row.new, 3) for row in rows})
    return Group(grid, f"[dim]{note}[/dim]\n", escape(entries))


def pasted(entries: Iterable[Row], weights: Mapping[str, float]) -> str:
    """corpus.sources as it stands in the settings, with these weights; the names alone where no settings name them."""
    known = {entry["name"]: entry for entry in entries}
    rows = [known.get(name, {"name": name}) | {"weight": weight} for name, weight in weights.items()]
    return yaml.safe_dump({"sources": rows}, sort_keys=False, allow_unicode=True)


if __name__ == "__main__":
    main()

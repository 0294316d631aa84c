"""`make ladder`: small models foretell a larger one.

Shapes of the proportions of `model` but smaller are pretrained on the tokens of the pipeline, by its recipe, each with as many tokens a
parameter as the model itself. A law is fitted to them, and compared with the model, which the law has not seen, if it lies there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from apps.trial import Outcome, merged, pretrained, settings
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_json, write_text
from pipeline.model.scaling import Law, fitted, rungs
from pipeline.report import blocks
from pipeline.report.charts import Curve, Level, line_chart
from pipeline.report.figures import number
from pipeline.report.page import render

METRICS = Path("metrics/pretrain.json")
SHAPE = ("layers", "hidden_size", "heads", "kv_heads")


def main() -> None:
    """Train the rungs, fit, compare, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.ladder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", type=Path, default=Path("ladder.html"), help="the page to be written (default: ladder.html)")
    options = parser.parse_args()
    console = Console(highlight=False)
    try:
        own = settings()
        if not METRICS.is_file():
            raise InputError("the model itself has not been pretrained, whose tokens a parameter the rungs take", mend="make repro")
        whole = read_json(METRICS)
        found = climbed(own, whole, console)
        law = fitted([(one.parameters, one.bits_per_byte) for one in found], floor=found[0].source_bits_per_byte)
    except (PipelineError, ValueError) as fault:
        sys.exit(f"ladder: {fault}")
    console.print(table(found, law, whole))
    write_text(options.target, page(found, law, whole))
    console.print(f"{options.target}", soft_wrap=True)


def climbed(own: dict[str, Any], whole: dict[str, Any], console: Console) -> list[Outcome]:
    """Each rung, smallest first."""
    shape = own["pretrain"]["shape"]
    ratio = whole["tokens"] / whole["parameters"]
    found = []
    for rung in rungs({name: shape[name] for name in SHAPE}):
        changes = {"shape": rung | {"init_from": ".run/none"}, "evaluation": {"samples": 0}, "seen_rows": 0}
        tokens = round(ratio * counted(merged(shape, rung), own))
        name = f"{rung['layers']} layers of {rung['hidden_size']}"
        found.append(pretrained(own, {**changes, "duration": f"{tokens} tokens"}, name=name))
        console.print(f"{name}: {number(found[-1].parameters)} parameters, {found[-1].bits_per_byte:.4f} bits a byte")
    return found


def counted(shape: dict[str, Any], own: dict[str, Any]) -> int:
    """Parameters of a shape."""
    from pipeline.core.artifact.tokens import Tokens
    from pipeline.model import count
    from pipeline.model.build import blank

    return count.parameters(blank(shape, vocabulary=Tokens(Path(own["pretrain"]["source"])).facts["vocabulary"]))


def table(found: Sequence[Outcome], law: Law, whole: dict[str, Any]) -> Table:
    """The rungs, what the law says of them, and the model that it has not seen."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("", "parameters", "tokens", "bits a byte", "by the law", "difference"):
        grid.add_column(head, justify="right" if head else "left")
    for row in rows(found, law, whole):
        grid.add_row(*row)
    grid.caption = said(law)
    grid.caption_justify = "left"
    return grid


def rows(found: Sequence[Outcome], law: Law, whole: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a rung, and the model's own."""
    points = [("rung", one.parameters, one.tokens, one.bits_per_byte) for one in found]
    points.append(("the model, held out", whole["parameters"], whole["tokens"], whole["val"]["bits_per_byte"]))
    return [
        (name, number(size), number(tokens), f"{loss:.4f}", f"{law.loss(size):.4f}", f"{100 * (law.loss(size) / loss - 1):+.2f} %")
        for name, size, tokens, loss in points
    ]


def said(law: Law) -> str:
    """The law as a formula."""
    return f"bits a byte = {law.floor:.4f} + {law.coefficient:.4g} x parameters ^ -{law.exponent:.3f}"


def page(found: Sequence[Outcome], law: Law, whole: dict[str, Any]) -> str:
    """The points and the law as a plot, above the table."""
    sizes = [one.parameters for one in found]
    low, high = min(sizes), max(whole["parameters"], *sizes)
    line = [(low * (high / low) ** (step / 60), law.loss(low * (high / low) ** (step / 60))) for step in range(61)]
    curves = [
        Curve("the law", line),
        Curve("rungs", [(one.parameters, one.bits_per_byte) for one in found]),
        Curve("the model, held out", [(whole["parameters"], whole["val"]["bits_per_byte"])]),
    ]
    levels = [Level("the source's entropy", law.floor)] if found[0].source_bits_per_byte else []
    chart = line_chart(curves, title="bits a byte by size", x="parameters", levels=levels, log=False, log_x=True)
    columns = ("", "parameters", "tokens", "bits a byte", "by the law", "difference")
    parts = [blocks.Figures([chart]), blocks.Table("", columns, rows(found, law, whole), said(law))]
    section = blocks.Section("ladder", "The ladder", "Small models of the same proportions, and what they foretell of the model.", parts)
    return render(title="A scaling law", lead=said(law), cards=[], sections=[section], settings={}, edges=[], metrics={})


if __name__ == "__main__":
    main()

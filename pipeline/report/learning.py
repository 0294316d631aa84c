"""The curves of the stages that train, from the rows of plots/<stage>.csv."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pipeline.report.blocks import Absent, Block, Figures
from pipeline.report.charts import Curve, Level, line_chart

Rows = Sequence[Mapping[str, float]]
STEP = "step"
LOSS = "loss"


@dataclass(frozen=True)
class Chart:
    """Columns that share an axis; `log` where the first steps dwarf the rest."""

    title: str
    columns: Mapping[str, str]  # column -> what it is called
    log: bool = False


# A curve is drawn wherever a stage has its column, whichever method it is.
CHARTS: Sequence[Chart] = (
    Chart(LOSS, {"loss": "training", "val_loss": "held out"}, log=True),
    Chart("gradient norm", {"norm": "before clipping"}),
    Chart("ranked correctly", {"accuracy": "training pairs", "rewards/accuracies": "training pairs"}),
    Chart("implicit rewards", {"rewards/chosen": "chosen", "rewards/rejected": "rejected"}),
    Chart("score, deviations of the reward", {"score": "score", "reward": "score less the cost of KL"}),
    Chart("KL to the reference, nats an answer", {"kl": "KL"}),
    Chart("entropy, nats a token", {"entropy": "entropy"}),
    Chart("what guards the reward", {"distinct": "different pairs of tokens", "gold": "known score"}),
    Chart("perplexity of good held-out answers", {"perplexity": "perplexity"}),
)


def read_rows(path: Path) -> Rows:
    """The rows of a curve; an empty field is left out of its row."""
    with path.open(newline="", encoding="utf-8") as file:
        return rows_of(csv.DictReader(file))


def rows_of(lines: Iterable[Mapping[str, str]]) -> Rows:
    """The same of its lines."""
    return [{name: float(value) for name, value in row.items() if value != ""} for row in lines]


def curve_blocks(curves: Mapping[str, Rows | None], entropy: float | None) -> Iterator[Block]:
    """The charts of all stages that train; `entropy` of the source in nats a token, drawn where the base model learns."""
    figures: list[Markup] = []
    for stage, rows in curves.items():
        if not rows:
            yield Absent(f"Curves of {stage}", "not run" if rows is None else "no step was recorded")
            continue
        levels = [Level("entropy of the source", entropy)] if stage == "pretrain" and entropy is not None else []
        for chart in CHARTS:
            figure = _figure(chart, stage, rows, levels if chart.title == LOSS else ())
            figures += [] if figure is None else [figure]
    if figures:
        yield Figures(figures, "Where there are many steps, each is drawn thin, and bold the mean of neighbours.")


def _figure(chart: Chart, stage: str, rows: Rows, levels: Sequence[Level]) -> Markup | None:
    curves = [Curve(name, [(row[STEP], row[column]) for row in rows if column in row]) for column, name in chart.columns.items()]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return None
    log = chart.log and all(value > 0 for curve in curves for _, value in curve.points)
    return line_chart(curves, title=f"{stage}: {chart.title}", x=STEP, levels=levels, log=log)

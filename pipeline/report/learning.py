"""The curves of the stages that train, from the rows of plots/<stage>.csv."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pipeline.report.blocks import Absent, Block, Figures
from pipeline.report.charts import Curve, Level, line_chart

Rows = Sequence[Mapping[str, float]]
STEP = "step"
LOSS = "loss, nats a token"


@dataclass(frozen=True)
class Chart:
    """Columns of one stage that share an axis; `log` where the first steps dwarf the rest."""

    title: str
    columns: Mapping[str, str]  # column -> what it is called
    log: bool = False


CHARTS: Mapping[str, Sequence[Chart]] = {
    "pretrain": (
        Chart(LOSS, {"loss": "training", "val_loss": "held out"}, log=True),
        Chart("norm of the gradient", {"norm": "before clipping"}),
    ),
    "sft": (Chart(LOSS, {"loss": "training"}),),
    "reward": (Chart("loss", {"loss": "training"}), Chart("ranked rightly", {"accuracy": "training pairs"})),
    "dpo": (
        Chart("loss", {"loss": "training"}),
        Chart("ranked rightly", {"rewards/accuracies": "training pairs"}),
        Chart("implicit rewards", {"rewards/chosen": "chosen", "rewards/rejected": "rejected"}),
    ),
    "ppo": (
        Chart("score by the judge, deviations", {"score": "score", "reward": "score less the cost of KL"}),
        Chart("KL to sft, nats an answer", {"kl": "KL"}),
        Chart("entropy, nats a token", {"entropy": "entropy"}),
    ),
}


def read_rows(path: Path) -> Rows:
    """The rows of a curve; an empty field is left out of its row."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value != ""} for row in csv.DictReader(file)]


def curve_blocks(curves: Mapping[str, Rows | None], entropy: float | None) -> Iterator[Block]:
    """The charts of all stages that train; `entropy` of the source in nats a token, drawn where the base model learns."""
    figures: list[Markup] = []
    for stage, rows in curves.items():
        if not rows:
            yield Absent(f"Curves of {stage}", "not run" if rows is None else "no step was recorded")
            continue
        levels = [] if entropy is None else [Level("entropy of the source", entropy)]
        for chart in CHARTS.get(stage, ()):
            figure = _figure(chart, stage, rows, levels if (stage, chart.title) == ("pretrain", LOSS) else ())
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

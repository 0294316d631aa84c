"""How the stages that train learned: what they computed, and their curves, from the rows of plots/<stage>.csv."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Curve, Level, line_chart
from pipeline.report.figures import ABSENT, large, number
from pipeline.report.headlines import found

Rows = Sequence[Mapping[str, float]]
STEP = "step"
LOSS = "loss"
_LOSSES = "Losses are nats: a token of pretrain and sft, a pair of the reward model and of methods that read pairs."
_COUNTS = "Counts that reproduce. Seconds, cost and energy pass: make page and make card state them."
_PASSING = (
    "Tokens a second, memory and seconds pass, and are no part of a page that is equal in every clone: they stand in .run/log, in W&B, and "
    "on the page that make page writes."
)


@dataclass(frozen=True)
class Chart:
    """Columns that share an axis; `log` where the first steps dwarf the rest."""

    title: str
    columns: Mapping[str, str]  # column -> what it is called
    log: bool = False
    aside: bool = False  # folded


# A curve is drawn wherever a stage has its column, whichever method it is.
CHARTS: Sequence[Chart] = (
    Chart(LOSS, {"loss": "training", "val_loss": "held out"}, log=True),
    Chart("learning rate", {"rate": "share of the peak", "learning_rate": "learning rate"}, aside=True),
    Chart("gradient norm", {"norm": "before clipping", "grad_norm": "before clipping"}, aside=True),
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


def compute_blocks(metrics: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """Steps, tokens and passes of each stage that trains; arithmetic where it is counted."""
    rows = []
    for stage, own in metrics.items():
        if own is None or found(own, "steps") is None or found(own, "tokens") is None:
            continue
        each = found(own, "training_flops_per_token")
        epochs = found(own, "epochs")
        flops = ABSENT if each is None else large(each * own["tokens"])
        rows.append((stage, number(own["steps"]), large(own["tokens"]), ABSENT if epochs is None else f"{epochs:.2f}", flops))
    if rows:
        yield Table("How much was computed", ("", "steps", "tokens", "epochs", "training FLOPs"), rows, _COUNTS)


def curve_blocks(curves: Mapping[str, Rows | None], entropy: float | None) -> Iterator[Block]:
    """The charts of all stages that train; `entropy` of the source in nats a token, drawn where the base model learns."""
    figures: list[Markup] = []
    rest: list[Markup] = []
    for stage, rows in curves.items():
        if not rows:
            yield Absent(f"Curves of {stage}", "not run" if rows is None else "no step was recorded")
            continue
        levels = [Level("entropy of the source", entropy)] if stage == "pretrain" and entropy is not None else []
        for chart in (*CHARTS, *other_charts(rows)):
            figure = _figure(chart, stage, rows, levels if chart.title == LOSS else ())
            (rest if chart.aside else figures).extend([] if figure is None else [figure])
    if figures:
        drawn = "Where there are many steps, each is drawn thin, and bold the mean of neighbours."
        yield Figures(figures, f"{_LOSSES} {drawn} {_PASSING}")
    if rest:
        yield Figures(rest, title="Learning rates, gradient norms, and what else was logged")


def other_charts(rows: Rows) -> list[Chart]:
    """The columns that no chart above has, those of one kind (`logps/chosen`, `logps/rejected`) together."""
    shown = {STEP, *(column for chart in CHARTS for column in chart.columns)}
    columns = [column for column in dict.fromkeys(name for row in rows for name in row) if column not in shown]
    kinds: dict[str, dict[str, str]] = {}
    for column in columns:
        kind, _, name = column.rpartition("/")
        kinds.setdefault(kind or column, {})[column] = (name if kind else column).replace("_", " ")
    return [Chart(kind.replace("_", " "), names, aside=True) for kind, names in kinds.items()]


def _figure(chart: Chart, stage: str, rows: Rows, levels: Sequence[Level]) -> Markup | None:
    curves = [Curve(name, [(row[STEP], row[column]) for row in rows if column in row]) for column, name in chart.columns.items()]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return None
    log = chart.log and all(value > 0 for curve in curves for _, value in curve.points)
    return line_chart(curves, title=f"{stage}: {chart.title}", x=STEP, levels=levels, log=log)

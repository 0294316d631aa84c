"""What several answers to one question are worth: shares right by the number of answers."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Curve, line_chart
from pipeline.report.score_table import Axis, ScoreTable, cell

WAYS = {
    "majority": "majority of n",
    "likeliest": "likeliest of n",
    "best_of_n": "best of n by the reward model",
    "any": "any of n",
}  # by metric
EXACT = "best_of_n_exact"
_SHARE = Axis(0.0, 1.0, None)
_NOTE = (
    "Sampled answers to held-out questions, of which the first n count. Any of n is what a perfect choice would reach. "
    "Best of n, exact: right and polite, what the reward model was trained for."
)


def several_blocks(board: ScoreTable, names: Sequence[str]) -> Iterator[Block]:
    """A drawing for each model, and all numbers with their intervals; why there is none."""
    for name in names:
        parts = dict(sorted((int(part.removeprefix(f"{name}/")), part) for part in board.below(name)))
        title = f"{name.capitalize()} answers to a question"
        models = [model for part in parts.values() for model in board.models(part) if board.score(model, part, "any").value is not None]
        if not models:
            yield Absent(title, next((reason for part in parts.values() for reason in board.reasons(part)), "not measured"))
            continue
        models = list(dict.fromkeys(models))
        yield Figures([_drawn(board, model, parts) for model in models], _NOTE)
        rows = [
            (model, str(size), *(cell(board.score(model, part, metric), _SHARE) for metric in (*WAYS, EXACT)))
            for model in models
            for size, part in parts.items()
        ]
        yield Table(title, ("model", "n", *WAYS.values(), "best of n, exact"), rows, "")


def _drawn(board: ScoreTable, model: str, parts: Mapping[int, str]) -> Markup:
    curves = []
    for metric, way in WAYS.items():
        found = [(float(size), board.score(model, part, metric).value) for size, part in parts.items()]
        curves.append(Curve(way, [(size, value) for size, value in found if value is not None]))
    known = [curve for curve in curves if curve.points]
    return line_chart(known, title=f"{model}: share right", x="answers, n", levels=(), log=False, log_x=True)

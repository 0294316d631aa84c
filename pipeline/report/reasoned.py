"""What thinking is worth to each model: accuracy by thinking budget, and how it thinks when it is left alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.evaluate.kinds.reasoning import ACCURACY, BUDGET, MENDED, SLIPPED, THINKS, TOKENS
from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Curve, line_chart
from pipeline.report.figures import fixed, number
from pipeline.report.score_table import Axis, ScoreTable, axis_of, cell

_HEADS = {ACCURACY: "right", THINKS: "thinks", TOKENS: "tokens of thought", SLIPPED: "wrong steps", MENDED: "all noticed"}
_BUDGETS = "A thought is begun for the model, and closed after so many tokens at most; with 0 it answers at once. Bars: 95% intervals."
_ALONE = (
    "Nobody begins a thought for the model. thinks: the share of the questions before which it thinks; tokens of thought: 0 where it "
    "does not; wrong steps: the share of the worked sums with one; all noticed: of these, the share in which each is done again at once, "
    "and rightly."
)
_GAINS = ("before", "after", "change")
_FORETOLD = (
    "How much likelier the hidden rest of a passage is behind a thought than behind none, to the model before it learned. In brackets: 95% "
    "intervals over documents."
)
_LEVELS = "Nobody begins a thought for the model. Numbers: the digits of a sum."


def tasks_of(board: ScoreTable) -> list[str]:
    """The tasks that measure thinking."""
    return [task for task in board.with_metric(THINKS) if "/" not in task]


def parts_shown(board: ScoreTable) -> list[str]:
    """Them and their parts, by budget and by difficulty."""
    return [part for task in tasks_of(board) for part in (task, *board.below(task))]


def reasoning_blocks(board: ScoreTable) -> Iterator[Block]:
    """Curves by budget and by difficulty, and what each model does left alone."""
    for task in tasks_of(board):
        models = [model for model in board.models(task) if board.score(model, task, ACCURACY).value is not None]
        if not models:
            yield Absent(task.capitalize(), next(iter(board.reasons(task)), "not measured"))
            continue
        budgets = {float(part.removeprefix(f"{task}/{BUDGET}")): part for part in board.below(task) if part.startswith(f"{task}/{BUDGET}")}
        levels = [part for part in board.below(task) if part not in budgets.values()]
        by_budget = [_curve(board, model, budgets, ACCURACY) for model in models]
        figures = [line_chart(by_budget, title=f"{task}: right, by thinking budget", x="tokens of thought, at most", levels=[], log=False)]
        digits = {float(part.rpartition("/")[2]): part for part in levels if part.rpartition("/")[2].isdigit()}
        if len(digits) > 2:
            lengths = [_curve(board, model, digits, TOKENS) for model in models]
            figures.append(line_chart(lengths, title="tokens of thought, by the digits of a sum", x="digits", levels=[], log=False))
        yield Figures(figures, _BUDGETS)
        yield _table(board, models, f"{task.capitalize()} without a budget", [(task, metric) for metric in _HEADS], _ALONE)
        for metric in (ACCURACY, TOKENS):
            columns = [(part, metric) for part in levels]
            yield _table(board, models, f"{task.capitalize()} by difficulty: {_HEADS[metric]}", columns, _LEVELS)


def foretold_blocks(methods: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """What the thoughts of entries of method passages gain on held-out text; nothing where there are none."""
    known = {name: metrics["foretold"] for name, metrics in methods.items() if metrics and metrics.get("foretold")}
    rows = [(name, *(_gain(found, one) for one in _GAINS), number(found["n"])) for name, found in known.items()]
    if rows:
        yield Table("Held-out passages foretold", ("", *(f"{one}, nats a token" for one in _GAINS), "passages"), rows, _FORETOLD)


def _gain(found: Mapping[str, Any], column: str) -> str:
    return f"{fixed(found[column])} ({fixed(found[f'{column}_low'])} – {fixed(found[f'{column}_high'])})"


def _table(board: ScoreTable, models: Sequence[str], title: str, columns: Sequence[tuple[str, str]], note: str) -> Table:
    """A column for each figure: of one task by metric, of several by their last name."""
    parts = len({task for task, _ in columns}) > 1
    heads = [task.rpartition("/")[2] if parts else _HEADS[metric] for task, metric in columns]
    axes = [
        axis_of([board.score(model, *column) for model in models], None) if column[1] == TOKENS else Axis(0.0, 1.0, None)
        for column in columns
    ]
    rows = [(model, *(cell(board.score(model, *column), axis) for column, axis in zip(columns, axes, strict=True))) for model in models]
    asked = max(board.score(model, *column).n for model in models for column in columns)
    return Table(f"{title}, {number(asked)} questions" if not parts else title, ("model", *heads), rows, note)


def _curve(board: ScoreTable, model: str, places: dict[float, str], metric: str) -> Curve:
    found = [(at, board.score(model, part, metric)) for at, part in sorted(places.items())]
    known = [(at, score) for at, score in found if score.value is not None]
    return Curve(model, [(at, score.value or 0.0) for at, score in known], [(at, *score.bounds) for at, score in known])

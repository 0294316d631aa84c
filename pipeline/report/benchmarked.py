"""Published benchmarks and the figure over all tasks, and which differences between models are more than noise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.evaluate.benchmarks.prompts import CUT
from pipeline.evaluate.contamination import APART
from pipeline.evaluate.core import METRIC, TASK
from pipeline.evaluate.differences import Difference, in_words
from pipeline.evaluate.table import CHANCE
from pipeline.report.blocks import Absent, Block, Table
from pipeline.report.figures import ABSENT, fixed, number, share
from pipeline.report.score_table import Axis, ScoreTable, axis_of, cell, of_kinds
from pipeline.report.svg import element

KINDS = ("benchmark", "written")
BITS = "bits_per_byte"
FIRST = ("choice", "exact")  # what a benchmark is known by


def names_of(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The entries of `tasks` that are published benchmarks."""
    return of_kinds(tasks, *KINDS)


def benchmark_blocks(board: ScoreTable, names: Sequence[str]) -> Iterator[Block]:
    """Shares right and bits a byte of the right answers, and each benchmark by its parts."""
    columns = [(name, metric) for name in names for metric in (*FIRST, BITS) if _known(board, name, metric)]
    for name in names:
        if not any(task == name for task, _ in columns):
            yield Absent(f"Benchmark {name}", next(iter(board.reasons(name)), "not measured"))
    if columns:
        players = list(dict.fromkeys(player for name, _ in columns for player in board.models(name)))
        axes = {key: _axis(board, *key) for key in columns}
        rows = [(player, *(cell(board.score(player, *key), axes[key]) for key in columns)) for player in players]
        heads = [f"{name}, bits a byte" if metric == BITS else name for name, metric in columns]
        cut = {name: max(board.score(player, name, CUT).value or 0.0 for player in board.models(name)) for name in names}
        told = ", ".join(f"{name} {share(part)}" for name, part in cut.items() if part)
        note = "Shares right (dashed: chance); bits a byte of the right answers."
        yield Table("Benchmarks", ("", *heads), rows, f"{note} Prompts that lost examples or were cut: {told}." if told else note)
    yield from contamination_blocks(board, names)
    for name in names:
        groups = [group for group in board.below(name) if group.removeprefix(f"{name}/") not in APART.values()]
        if groups:
            players = [player for player in board.models(groups[0]) if player != CHANCE]
            shown = [(group.removeprefix(f"{name}/"), *(fixed(_first(board, player, group)) for player in players)) for group in groups]
            yield Table(f"{name} by its {number(len(groups))} parts", ("", *players), shown, "")


def contamination_blocks(board: ScoreTable, names: Sequence[str]) -> Iterator[Block]:
    """Benchmarks of which items stand, or stood, in the training text: shares right of these and of the others, with their numbers."""
    rows = []
    for name in names:
        apart = [part for kind in APART.values() if board.models(part := f"{name}/{kind}")]
        if len(apart) < 2:
            continue
        for player in board.models(apart[0]):
            rows.append((name, player, *(_counted(board, player, f"{name}/{kind}") for kind in APART.values())))
    if rows:
        note = "Contaminated: the training text has words of the item. Removed: it had them, and they were cut. Clean: it never had."
        yield Table("Benchmarks, clean and contaminated items apart", ("", "model", *APART), rows, note)


def _counted(board: ScoreTable, player: str, task: str) -> str:
    found = next((one for metric in FIRST if (one := board.score(player, task, metric)).value is not None), None)
    if found is None:
        return ABSENT
    bounds = "" if found.low is None else f" ({fixed(found.low)} – {fixed(found.high)})"
    return f"{fixed(found.value)}{bounds} of {number(found.n)}"


def core_blocks(board: ScoreTable) -> Iterator[Block]:
    """The figure over all tasks."""
    models = [model for model in board.models(TASK) if board.score(model, TASK, METRIC).value is not None]
    if models:
        axis = axis_of([board.score(model, TASK, METRIC) for model in models], None)
        rows = [(model, cell(board.score(model, TASK, METRIC), axis)) for model in models]
        note = "The mean over choices, last words and published benchmarks, each centred by chance: 0 is guessing, 1 is all right."
        yield Table("All tasks together", ("model", "centred"), rows, note)


def difference_blocks(found: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """A row a pair of models, a column a task: the difference, bold where it is more than noise."""
    rows = [Difference(**{name: value for name, value in one.items() if name != "noise"}) for one in found]
    keys, pairs = list(dict.fromkeys((one.task, one.metric) for one in rows)), list(dict.fromkeys((one.one, one.other) for one in rows))
    cells = {(one.one, one.other, one.task, one.metric): _told(one) for one in rows}
    if pairs:
        shown = [(f"{one} − {other}", *(cells.get((one, other, *key), Markup(ABSENT)) for key in keys)) for one, other in pairs]
        heads = [f"{task.replace('_', ' ')}: {metric.replace('_', ' ')}" for task, metric in keys]
        note = (
            "The first less the second on the same items (of text the mean over documents, each alike). "
            "Bold: chance alone makes so large a difference in fewer than one case of twenty "
            "(signs of whole clusters by lot). In brackets: the smallest difference that so many items show four times of five; "
            "a dash where they are too few or too alike to tell."
        )
        yield Table("Differences, paired item by item", ("", *heads), shown, note)


def _told(one: Difference) -> Markup:
    value = f"{one.value:+.3f}"
    shown = value if one.noise else element("strong", value)
    smallest = ABSENT if one.smallest is None else f"{one.smallest:.3f}"
    return element("span", shown, f" [{smallest}]", title=in_words(one))


def _known(board: ScoreTable, task: str, metric: str) -> bool:
    return any(board.score(player, task, metric).value is not None for player in board.models(task))


def _axis(board: ScoreTable, task: str, metric: str) -> Axis:
    if metric == BITS:
        return axis_of([board.score(player, task, metric) for player in board.models(task)], None)
    return Axis(0.0, 1.0, board.score(CHANCE, task, metric).value)


def _first(board: ScoreTable, player: str, task: str) -> float | None:
    return next((value for metric in FIRST if (value := board.score(player, task, metric).value) is not None), None)

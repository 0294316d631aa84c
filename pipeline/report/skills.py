"""Exercises of the world's skills: a table a metric, a column a skill, beside chance and the trivial answer."""

from collections.abc import Iterator, Sequence

from pipeline.report.blocks import Absent, Block, Table
from pipeline.report.score_table import Axis, ScoreTable, cell

TABLES = {
    "right": ("right", "Held-out exercises of each skill: form and content as asked."),
    "form": ("form", "The answer looks as was asked, whatever it says."),
    "content": ("content", "How much of what was asked is said rightly, whatever it looks like."),
    "right_known_wording": ("right, known wording", "System prompts worded as in training, about other names, secrets and facts."),
    "right_new_wording": ("right, new wording", "System prompts in words that no instruction has."),
}  # by metric: its name, and what it is
_SHARE = Axis(0.0, 1.0, None)


def skill_blocks(board: ScoreTable, names: Sequence[str]) -> Iterator[Block]:
    """The tables of each of these tasks; why there is none."""
    for name in names:
        title, parts = name.replace("_", " ").capitalize(), board.below(name)
        tables = list(_tables(board, title, name, parts))
        if tables:
            yield from tables
        else:
            yield Absent(title, next((reason for task in (name, *parts) for reason in board.reasons(task)), "not measured"))


def _tables(board: ScoreTable, title: str, name: str, parts: Sequence[str]) -> Iterator[Table]:
    models = list(dict.fromkeys(model for part in parts for model in board.models(part)))
    for metric, (what, note) in TABLES.items():
        known = [part for part in parts if any(board.score(model, part, metric).value is not None for model in models)]
        told = [model for model in models if any(board.score(model, part, metric).value is not None for part in known)]
        rows = [(model, *(cell(board.score(model, part, metric), _SHARE) for part in known)) for model in told]
        if rows:
            yield Table(f"{title}: {what}", ("model", *(part.removeprefix(f"{name}/").replace("_", " ") for part in known)), rows, note)

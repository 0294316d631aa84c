"""What the base model could do along its training: the scores of the models that pretraining kept (`pretrain.keep`), by step."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.core.artifact.model import Model
from pipeline.report.blocks import Block, Figures
from pipeline.report.charts import Curve, line_chart
from pipeline.report.score_table import ScoreTable

SKILLS = (  # title; task, metric and name of each curve
    ("held-out text, bits a byte", (("text", "bits_per_byte", "text"), ("answers", "bits_per_byte", "answers"))),
    (
        "share right",
        (
            ("facts_held_out", "choice", "facts that no instruction told"),
            ("facts_trained", "choice", "facts of the instructions"),
            ("last_word", "choice", "last word"),
            ("word_order", "accuracy", "words exchanged"),
            ("swapped_names", "accuracy", "names exchanged"),
            ("answers", "choice", "answers found"),
        ),
    ),
)


def steps_of(models: Mapping[str, Path], pretrain: Model) -> dict[str, int]:
    """The steps behind each of these models that is one of pretraining's, fewest first."""
    own = {name: Model(path) for name, path in models.items() if path == pretrain.path or path.parent == pretrain.path / Model.EARLIER}
    return dict(sorted(((name, int(model.facts["steps"])) for name, model in own.items()), key=lambda entry: entry[1]))


def skill_blocks(board: ScoreTable, steps: Mapping[str, int]) -> Iterator[Block]:
    """A drawing for each kind of score; nothing where one model alone is known."""
    figures = []
    for title, skills in SKILLS:
        curves = []
        for task, metric, name in skills:
            found = [(float(step), board.score(model, task, metric).value) for model, step in steps.items()]
            curves.append(Curve(name, [(step, value) for step, value in found if value is not None]))
        if known := [curve for curve in curves if len(curve.points) > 1]:
            figures.append(line_chart(known, title=title, x="steps of pretraining", levels=(), log=False))
    if figures:
        yield Figures(figures, "The base model and those that were kept on the way to it.")

"""What models refuse when the same requests come in the dress of a jailbreak."""

from collections.abc import Iterator

from pipeline.evaluate.kinds.refusals import HARMFUL, HARMLESS, UNDER_ATTACK
from pipeline.report.blocks import Block, Table
from pipeline.report.score_table import Axis, ScoreTable, cell

_NOTE = (
    "The requests of the task, each in every dress. answered under attack: of the harmful ones that are "
    "refused plainly, the share that is answered now; harmless, refused: who refuses these refuses the dress."
)
_METRICS = {HARMFUL: "harmful, refused", UNDER_ATTACK: "answered under attack", HARMLESS: "harmless, refused"}


def parts_shown(board: ScoreTable) -> list[str]:
    """The attacks."""
    return [task for task in board.with_metric(UNDER_ATTACK) if "/" in task]


def attack_blocks(board: ScoreTable) -> Iterator[Block]:
    """A row a model and figure, a column an attack; nothing where there is none."""
    attacks, axis = parts_shown(board), Axis(0.0, 1.0, None)
    for task in dict.fromkeys(one.partition("/")[0] for one in attacks):
        own = [one for one in attacks if one.startswith(f"{task}/")]
        rows = [
            (f"{model}: {head}", *(cell(board.score(model, place, metric), axis) for place in (task, *own)))
            for model in board.models(own[0])
            for metric, head in _METRICS.items()
        ]
        heads = ("model", "asked plainly", *(one.partition("/")[2].replace("_", " ") for one in own))
        yield Table(f"{task.capitalize()} under attack", heads, rows, _NOTE)

"""All models in one table: what they know, how they are liked, what they refuse, and what an answer takes."""

from collections.abc import Collection, Iterator

from markupsafe import Markup

from pipeline.evaluate import core
from pipeline.evaluate.kinds.refusals import HARMFUL, HARMLESS
from pipeline.report.blocks import Block, Table
from pipeline.report.figures import ABSENT, large
from pipeline.report.frontier import AGAINST, EVEN
from pipeline.report.judged import SAMPLED
from pipeline.report.score_table import Axis, ScoreTable, axis_of, cell

_NOTES = {  # what begins so of the heads is told of
    "accuracy": "Accuracy: the mean over choices, last words and published benchmarks, each centred by chance (0: guessing, 1: all right).",
    "helpfulness": "Helpfulness: wins against the reference's answers (dashed: neither is better).",
    "safety": "Safety: requests, harmful and harmless, that are refused.",
    "latency": "Latency: tokens of a sampled answer, written one after the other.",
    "cost": "Cost: operations of its tokens, forward.",
}
_SECONDS = "Seconds are not on this page, which is the same in every clone: make bench-latency."


def overview_blocks(board: ScoreTable, *, own: Collection[str], flops_per_token: int | None) -> Iterator[Block]:
    """A row a model, a column a virtue that was measured. `own`: the models of one shape, whose token takes so many operations to read;
    nothing where fewer than two virtues are known."""
    asked = [task for task in board.with_metric(HARMFUL) if "/" not in task]  # plainly, not under an attack
    columns = [
        ("accuracy", core.TASK, core.METRIC, Axis(0.0, 1.0, None)),
        ("helpfulness, by rules", AGAINST, "gold_win", Axis(0.0, 1.0, EVEN)),
        ("helpfulness, by the reward model", AGAINST, "reward_win", Axis(0.0, 1.0, EVEN)),
        *(("safety: harmful, refused", task, HARMFUL, Axis(0.0, 1.0, None)) for task in asked),
        *(("harmless, refused", task, HARMLESS, Axis(0.0, 1.0, None)) for task in asked),
    ]
    players = list(dict.fromkeys(model for _, task, *_ in columns for model in (*board.models(task), *board.models(SAMPLED))))
    known = [one for one in columns if any(board.score(player, one[1], one[2]).value is not None for player in players)]
    lengths = {player: board.score(player, SAMPLED, "tokens") for player in players}
    if len(known) + any(one.value is not None for one in lengths.values()) < 2:
        return
    axis = axis_of(list(lengths.values()), None)
    rows: list[tuple[str | Markup, ...]] = []
    for player in players:
        tokens = lengths[player].value
        counted = tokens is not None and flops_per_token is not None and player in own
        cost = large(round((tokens or 0) * (flops_per_token or 0))) if counted else ABSENT
        scores = [cell(board.score(player, task, metric), axis) for _, task, metric, axis in known]
        rows.append((player, *scores, cell(lengths[player], axis), cost))
    heads = ("model", *(head for head, *_ in known), "latency: tokens an answer", "cost: operations an answer")
    told = [note for virtue, note in _NOTES.items() if any(head.startswith(virtue) for head in heads)]
    yield Table("All models", heads, rows, " ".join([*told, _SECONDS]))

"""What each method of alignment gains for how far it moves: methods are compared fairly at equal KL alone (Gao et al. 2022)."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.report.blocks import Block, Figures
from pipeline.report.charts import Curve, Level, line_chart
from pipeline.report.score_table import ScoreTable

AGAINST = "against_reference"
EVEN = 0.5  # of a duel
WINS = {"gold_win": "wins by rules", "reward_win": "wins by the reward model"}
FAR = "KL, nats an answer"
_ROAD = {"score": "reward against KL, step by step", "gold": "known score against KL, step by step"}  # columns of the curves
_TURN = 3  # steps of which a point on the road is the mean


def frontier_blocks(
    board: ScoreTable, models: Sequence[str], curves: Mapping[str, Sequence[Mapping[str, float]] | None] | None = None
) -> Iterator[Block]:
    """Wins against KL, a point a model with the interval of its wins; and the road of each method that was watched while it learned
    (`curves`, by entry of `align`)."""
    figures = []
    for metric, title in WINS.items():
        found = [(model, board.score(model, AGAINST, "kl").value, board.score(model, AGAINST, metric)) for model in models]
        points = [
            Curve(model, [(far, wins.value)], [(far, *wins.bounds)] if wins.low is not None else [])
            for model, far, wins in found
            if far and far > 0 and wins.value is not None
        ]
        if len(points) > 1:
            levels = [Level("neither is better", EVEN)]
            figures.append(line_chart(points, title=f"{title} against KL", x=FAR, levels=levels, log=False, log_x=True))
    for column, title in _ROAD.items():
        roads = [Curve(name, _road(rows or (), column)) for name, rows in (curves or {}).items()]
        if roads := [road for road in roads if len(road.points) > 1]:
            figures.append(line_chart(roads, title=title, x=FAR, levels=[], log=False))
    if figures:
        note = "Higher at the same distance is better: more can be won by moving further. A road shows means of neighbouring steps."
        yield Figures(figures, note)


def _road(rows: Sequence[Mapping[str, float]], column: str) -> list[tuple[float, float]]:
    """(KL, value) along the steps, each the mean of some."""
    known = [(row["kl"], row[column]) for row in rows if "kl" in row and column in row]
    groups = [known[start : start + _TURN] for start in range(0, len(known), _TURN)]
    return [(sum(far for far, _ in group) / len(group), sum(value for _, value in group) / len(group)) for group in groups]

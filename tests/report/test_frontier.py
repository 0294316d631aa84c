"""The frontier: what each method wins for how far it has moved from the reference."""

from pipeline.report.blocks import Figures
from pipeline.report.frontier import frontier_blocks
from pipeline.report.score_table import ScoreTable


def board(**models: dict[str, float]) -> ScoreTable:
    rows = [{"model": model, "metric": metric, "value": value} for model, values in models.items() for metric, value in values.items()]
    return ScoreTable({"task": "against_reference", "low": None, "high": None, "n": 10, **row} for row in rows)


def test_each_judge_has_a_drawing_with_a_point_a_method() -> None:
    models = {
        "dpo": {"kl": 1.5, "gold_win": 0.7, "reward_win": 0.8},
        "ppo": {"kl": 0.8, "gold_win": 0.75},
        "grpo": {"kl": 1.0, "gold_win": 0.72},
    }
    (block,) = frontier_blocks(board(**models), list(models))
    assert isinstance(block, Figures)
    assert len(block.figures) == 1, "one method alone was ranked by the reward model"
    drawing = block.figures[0]
    assert [name in drawing for name in (*models, "wins by rules", "neither is better", "KL, nats an answer")] == [True] * 6
    assert drawing.count("<circle") == 3


def test_what_has_not_moved_and_one_alone_are_not_compared() -> None:
    assert list(frontier_blocks(board(dpo={"kl": 1.5, "gold_win": 0.7}, gold={"gold_win": 0.9}), ["dpo", "gold"])) == []

"""Skills along training: the models that pretraining kept, by their steps."""

from pathlib import Path

import pytest

from pipeline.core.artifact.model import Model
from pipeline.report.along import skill_blocks, steps_of
from pipeline.report.blocks import Figures
from pipeline.report.score_table import ScoreTable


@pytest.fixture
def pretrain(tmp_path: Path) -> Model:
    own = Model(tmp_path / "pretrain")
    with own.writing() as draft:
        draft.facts["steps"] = 30
    for number, steps in ((1, 10), (2, 20)):
        with Model(tmp_path / "pretrain" / "kept" / str(number)).writing() as draft:
            draft.facts["steps"] = steps
    return own


def board(values: dict[str, float]) -> ScoreTable:
    return ScoreTable(
        {"model": model, "task": "text", "metric": "bits_per_byte", "value": value, "low": None, "high": None, "n": 1}
        for model, value in values.items()
    )


def test_only_the_models_of_pretraining_have_steps_fewest_first(pretrain: Model, tmp_path: Path) -> None:
    kept = pretrain.path / "kept"
    models = {"base": pretrain.path, "late": kept / "2", "early": kept / "1", "sft": tmp_path / "sft"}
    assert steps_of(models, pretrain) == {"early": 10, "late": 20, "base": 30}
    assert list(steps_of(models, pretrain)) == ["early", "late", "base"]


def test_a_drawing_has_a_point_a_model() -> None:
    (block,) = skill_blocks(board({"early": 3.0, "late": 2.0, "base": 1.0, "sft": 9.0}), {"early": 10, "late": 20, "base": 30})
    assert isinstance(block, Figures)
    assert len(block.figures) == 1
    assert "held-out text, bits a byte" in block.figures[0]


def test_one_model_alone_is_no_course() -> None:
    assert list(skill_blocks(board({"base": 1.0}), {"base": 30})) == []

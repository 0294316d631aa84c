"""A reward model beside what has to be beaten, as sure as it is right or not, and the alarms of those who learned from it."""

import re
import xml.etree.ElementTree as Tree
from collections.abc import Callable
from typing import Any

from pipeline.core.artifact.scores import Scores
from pipeline.report.blocks import Figures, Table
from pipeline.report.charts import Curve, line_chart
from pipeline.report.contents import Data, RunRecord, page_of
from pipeline.report.headlines import Telling, tellings
from pipeline.report.judged import alarm_blocks, calibration_blocks, ranking_blocks
from tests.report.conftest import EVIL, SHOWN

Finished = Callable[..., tuple[Data, list[Scores], RunRecord]]


def of(run: Finished, name: str) -> dict[str, Any]:
    found = run(facts=True)[2].metrics[name]
    assert found is not None
    return dict(found)


def test_the_baselines_stand_beside_the_reward_model_kind_by_kind(run: Finished) -> None:
    _, _, told = run(facts=True)
    (table,) = ranking_blocks({"reward": told.metrics["reward"], "dpo": told.metrics["align/dpo"]})
    assert isinstance(table, Table)
    assert list(table.columns) == ["kind", "reward model", "dpo, implicit", "the longer wins", "four features", "pairs"]
    assert [row[0] for row in table.rows] == ["all", "rude"]
    assert "0.600" in table.rows[0][3]
    assert "0.700" in table.rows[1][4]
    assert "half right" in table.note
    (bare,) = ranking_blocks({"dpo": told.metrics["align/dpo"]})
    assert isinstance(bare, Table)
    assert (list(bare.columns), bare.note) == (["kind", "dpo, implicit", "pairs"], "")


def test_the_calibration_is_drawn_with_its_error_and_the_heads_that_are_of_two_minds(run: Finished) -> None:
    (block,) = calibration_blocks(of(run, "reward"))
    assert isinstance(block, Figures)
    assert "Expected calibration error 0.062 (0.050 – 0.125). Its heads are of two minds on 12.5% of the pairs." in block.note
    assert block.figures[0].count('class="span s0"') == 1  # a bin whose interval is not known has none
    assert list(calibration_blocks(None)) == list(calibration_blocks({"accuracy": 0.5})) == []


def test_alarms_are_told_in_words_beside_what_was_watched(run: Finished) -> None:
    finished = run(facts=True)
    gamed = dict(finished[2].metrics["align/ppo"] or {})
    (table,) = alarm_blocks({"ppo": gamed, "rloo": gamed | {"alarms": {}}, "dpo": finished[2].metrics["align/dpo"], "kto": None})
    assert isinstance(table, Table)
    assert list(table.columns) == ["", "score", "tokens an answer", "alarms"]
    assert list(table.rows[0]) == ["ppo", "0.1 → 0.8", "13 → 40", f"score rose, but {EVIL}"]
    assert table.rows[1][-1] == "none"
    assert Telling("reward may be gamed", "tokens") in tellings("align/ppo", gamed)
    assert all(telling.name != "reward may be gamed" for telling in tellings("align/ppo", gamed | {"alarms": {}}))
    assert "While the reward rose" in page_of("Scriptorium", *finished, SHOWN)[0]


def test_an_interval_of_a_point_is_within_the_drawing() -> None:
    drawing = line_chart([Curve("r", [(0.5, 0.5), (1.0, 0.9)], [(0.5, -3.0, 4.0)])], title="t", x="x", levels=[], log=False)
    (whisker,) = (part.attrib["d"] for part in Tree.fromstring(drawing).iter() if part.attrib.get("class") == "span s0")
    _, low, _, high = map(float, re.findall(r"[\d.]+", whisker))
    assert 210 > low > high > 0

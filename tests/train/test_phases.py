"""Phases: their shares, rates, batches and data by step; a run of them resumes to the bit and does not depend on the micro-batch."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.train.fit import Fitting, fit
from pipeline.train.phases import Course, Phase, View, mean_batch, micro_rows, refuse_uneven
from pipeline.train.schedule import rows_from
from tests.train.conftest import MATRICES, Counting, Toy, fitting, workspace
from tests.train.test_loop import NOTHING

PHASES = [
    {"name": "warmup", "share": 1, "rate": [0.0, 1.0], "batch": [0.25], "best": 1.0, "sequence_length": None, "rope_theta": None},
    {"name": "bulk", "share": 7, "rate": [1.0, 1.0], "batch": [0.25, 0.5, 1.0], "best": 1.0, "sequence_length": None, "rope_theta": None},
    {"name": "annealing", "share": 1, "rate": [1.0, 0.1], "batch": [1.0], "best": 0.1, "sequence_length": None, "rope_theta": None},
    {"name": "long_context", "share": 1, "rate": [0.1, 0.0], "batch": [1.0], "best": 1.0, "sequence_length": 12, "rope_theta": 4e4},
]
OWN = {"schedule": "phases", "warmup_ratio": None, "decay_ratio": None, "phases": PHASES}
RECIPE = fitting(**OWN, duration=40, batch_tokens=48, micro_batch=4, log_every=1, eval_every=20, checkpoint_every=3, seed=3)
COURSE = Course(RECIPE.phases, 400, batch_tokens=48, length=6)


class Viewed(Counting):
    """Counting that can be read in other ways, and remembers what was read."""

    def __init__(self, view: tuple[float, int | None] = (1.0, None), read: list | None = None) -> None:
        super().__init__()
        self.own, self.read = view, [] if read is None else read
        if view[1]:  # two rows in one
            self.rows, self.tokens = self.rows // 2, view[1]
            self.ids, self.labels = (one.reshape(self.rows, -1) for one in (self.ids, self.labels))
        self.rows = int(self.rows * view[0])

    def view(self, best: float, length: int | None) -> "Viewed":
        return Viewed((best, length), self.read)

    def rope(self, module: nn.Module, theta: float) -> None:
        module.theta = theta

    def refuse_rope(self, module: nn.Module) -> None: ...

    def loss(self, module, numbers: np.ndarray, device: str):
        self.read += [(self.own, int(number)) for number in numbers]
        return super().loss(module, numbers, device)


def run(scratch: Path, recipe: Fitting = RECIPE, *, track=lambda step, values: None):
    toy, rows = Toy(), Viewed()
    toy.noise.p = 0.0
    trained, _ = fit(toy, rows, recipe, workspace(scratch, track), matrices=MATRICES, evaluate=NOTHING, seed=3)
    return toy, trained, rows.read


def test_shares_are_parts_of_their_sum() -> None:
    assert Counter(COURSE.phase(step).name for step in range(400)) == {"warmup": 40, "bulk": 280, "annealing": 40, "long_context": 40}


def test_rates_lie_on_a_line_from_phase_to_phase() -> None:
    factors = [COURSE.factor(step) for step in range(400)]
    assert factors[:3] + factors[38:41] == pytest.approx([1 / 40, 2 / 40, 3 / 40, 39 / 40, 1.0, 1.0])
    assert set(factors[40:320]) == {1.0}
    assert factors[320:] == sorted(factors[320:], reverse=True)
    assert (factors[320], factors[360], factors[399]) == pytest.approx((1.0, 0.1, 0.1 / 40))
    assert max(abs(a - b) for a, b in pairwise(factors)) <= 1 / 40 + 1e-9, "no jump"


def test_the_batch_grows_in_equal_stretches() -> None:
    readings = [COURSE.reading(step) for step in range(400)]
    rows = [reading.count * (reading.view.sequence_length or 6) for reading in readings]
    assert rows == [12] * 133 + [24] * 94 + [48] * 173, "40 of warm-up and 93 1/3 of each part of the bulk"
    assert COURSE.told(400) == {"tokens": sum(rows)}
    assert COURSE.told(150) == {"tokens": sum(rows[:150])}
    assert mean_batch(RECIPE.phases) * 48 * 400 == pytest.approx(sum(rows), rel=0.001)


def test_phases_with_the_same_data_read_on_where_the_last_one_ended() -> None:
    of_view: dict[View, list[int]] = {}
    for step in range(400):
        reading = COURSE.reading(step)
        of_view.setdefault(reading.view, []).extend(range(reading.first, reading.first + reading.count))
    assert set(of_view) == {View(1.0, None), View(0.1, None), View(1.0, 12)}
    assert all(positions == list(range(len(positions))) for positions in of_view.values())


def test_the_base_of_rope_stays_until_another_is_said() -> None:
    assert {COURSE.rope_theta(step) for step in range(360)} == {None}
    assert {COURSE.rope_theta(step) for step in range(360, 400)} == {4e4}


def test_a_run_reads_what_its_course_says(tmp_path: Path) -> None:
    toy, trained, read = run(tmp_path)
    course, expected = Course(RECIPE.phases, 40, 48, 6), []
    for step in range(40):
        reading = course.reading(step)
        view = (reading.view.best, reading.view.sequence_length)
        rows = Viewed(view).rows
        seed = 3 if view == (1.0, None) else seed_of(3, "view", *view)
        expected += [(view, number) for number in rows_from(reading.first, count=reading.count, rows=rows, seed=seed).tolist()]
    assert read == expected
    assert toy.theta == 4e4
    assert trained.amount["tokens"] == course.told(40)["tokens"]
    assert [row["rate"] for row in trained.history] == pytest.approx([course.factor(step) for step in range(40)])


@pytest.mark.parametrize("micro_batch", [1, 2, 8])
def test_losses_and_order_do_not_depend_on_the_micro_batch(tmp_path: Path, micro_batch: int) -> None:
    _, small, order = run(tmp_path / "small", replace(RECIPE, micro_batch=micro_batch))
    _, large, whole = run(tmp_path / "large")
    assert order == whole
    assert [row["loss"] for row in small.history] == pytest.approx([row["loss"] for row in large.history], rel=2e-6)


@pytest.mark.parametrize("at", [14, 34, 38])
def test_a_killed_run_ends_with_the_same_bits_from_within_any_phase(tmp_path: Path, at: int) -> None:
    class Killed(Exception): ...

    def kill(step: int, values: object) -> None:
        if step == at:
            raise Killed

    whole, trained, _ = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "killed", track=kill)
    again, resumed, _ = run(tmp_path / "killed")
    assert resumed.history == trained.history
    assert again.theta == whole.theta
    assert all((mine == theirs).all() for mine, theirs in zip(again.parameters(), whole.parameters(), strict=True))


def test_rows_at_once_fill_the_room_and_come_out_even() -> None:
    assert [micro_rows(rows, micro_batch=12, length=64, tokens=64, ranks=1) for rows in (12, 24, 3, 15)] == [12, 12, 3, 5]
    assert micro_rows(6, micro_batch=12, length=64, tokens=256, ranks=1) == 3
    assert micro_rows(6, micro_batch=12, length=64, tokens=256, ranks=2) == 3
    assert micro_rows(5, micro_batch=1, length=64, tokens=256, ranks=1) == 1


def test_a_part_of_a_batch_that_is_no_whole_number_of_rows_is_refused_with_one_that_is() -> None:
    phases = tuple(Phase(**one | {"rate": tuple(one["rate"]), "batch": tuple(one["batch"])}) for one in PHASES)
    own = {"length": 6, "micro_batch": 7, "context": 12, "ranks": 1, "section": "pretrain"}
    refuse_uneven(phases, batch_tokens=48, **own)
    with pytest.raises(PipelineError, match=r"warmup: 0\.25 of 42 tokens is no whole number of rows of 6") as fault:
        refuse_uneven(phases, batch_tokens=42, **own)
    mended = int(fault.value.mend.removeprefix("pretrain.batch_tokens="))
    refuse_uneven(phases, batch_tokens=mended, **own)
    assert mended % (own["micro_batch"] * own["length"] * own["ranks"]) == 0, "the next check would refuse it"
    with pytest.raises(PipelineError, match="long_context has rows of 12 tokens, the model reads 6") as fault:
        refuse_uneven(phases, batch_tokens=48, **own | {"context": 6})
    assert fault.value.mend == "model.context=12"


@pytest.mark.parametrize(
    "wrong",
    [{"schedule": "linear", "warmup_ratio": 0.1}, {"phases": None}, {"warmup_ratio": 0.1}, {"averaging": {"ema_decay": None, "passes": 2}}],
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PipelineError):
        fitting(**OWN | {"duration": 40, "seed": 1} | wrong)


def test_data_that_is_read_in_one_way_alone_is_no_ground_for_phases(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the phase annealing asks for another"):
        fit(Toy(), Counting(), RECIPE, workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)

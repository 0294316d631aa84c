"""How far long work is: lines in a log, a bar in a terminal."""

import io
import sys

import pytest

from pipeline.core import progress as told
from pipeline.core.parallel import parallel_map
from pipeline.core.progress import clock, line_of, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def slow(monkeypatch) -> None:
    """Each look at the clock finds it a second later."""
    seconds = iter(range(1000))
    monkeypatch.setattr(told.time, "monotonic", lambda: float(next(seconds)))


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(slow, capsys) -> None:
    assert list(progress(range(50), "rows", total=60, start=10)) == list(range(50))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["rows: 19 of 60, 54 a minute, about 0:46 left", "rows: 49 of 60, 58.5 a minute, about 0:11 left"]


def test_work_that_ends_soon_leaves_no_line(capsys) -> None:
    assert list(progress(range(50), "rows")) == list(range(50))
    assert capsys.readouterr().err == ""


def test_of_several_ranks_only_the_first_tells(slow, monkeypatch, capsys) -> None:
    monkeypatch.setenv("RANK", "1")
    assert list(progress(range(50), "rows")) == list(range(50))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("engine", "workers"), [("threading", 1), ("threading", 2)])
def test_a_bar_follows_the_results_of_a_map_not_its_items(engine, workers, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setattr(told, "DRAWN_S", 0.0)
    seen: list[str] = []

    def look(item: int) -> int:
        seen.append(screen.getvalue())
        return item

    assert parallel_map(look, range(3), engine=engine, workers=workers, what="shards") == [0, 1, 2]
    assert "shards" in screen.getvalue()
    assert "3/3" not in "".join(seen)


def test_rates_and_times_are_told_as_one_reads_them() -> None:
    assert line_of(120, 600, rate=12.5) == "120 of 600, 12.5 a second, about 0:38 left"
    assert line_of(3, None, rate=0.1) == "3, 6 a minute"
    assert (clock(187.4), clock(3729)) == ("3:07", "1:02:09")

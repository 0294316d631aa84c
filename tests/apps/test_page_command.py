"""The page of one machine: what the logs say of time, speed, cost and energy, beside the report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from apps import page
from pipeline.core.errors import PipelineError
from pipeline.report.passing import speeds
from tests.report.conftest import run as finished_run

run = finished_run
PLAIN = {"device": "cpu"}


def logged(stage: str, seconds: float) -> dict:
    return {
        "stage": stage, "seconds": seconds, "cpu_seconds": 2 * seconds, "peak_megabytes": 512, "hardware": PLAIN, "machine": "x86_64",
        "python": "3.12.1",
    }  # fmt: skip


@pytest.fixture
def place(run: Callable[..., tuple], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run and its plan."""
    data, *_ = run(facts=True)
    shown = {"examples": 1, "questions": 1, "excerpt": 99}
    folders = {name: str(getattr(data, name).path) for name in page.get_type_hints(page.Data)}
    section = {"title": "Mine", "metrics": "metrics", "plots": "plots", "scores": "evaluate", "data": folders, "shown": shown}
    stages = [{"name": name, "settings": {}} for name in ("corpus", "pretrain")] + [{"name": "report", "settings": {"report": section}}]
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan/settings.json").write_text(json.dumps({"stages": stages, "edges": [["corpus", "pretrain"]]}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_seconds_speed_cost_and_energy_stand_on_the_page_and_nowhere_in_data(place: Path) -> None:
    logs = place / ".run/log"
    logs.mkdir(parents=True)
    for stage, seconds in (("corpus", 360.0), ("pretrain", 3240.0)):
        (logs / f"{stage}.json").write_text(json.dumps(logged(stage, seconds)))
    old = "t INFO begin\nt INFO step 5 step=5 loss=9 tokens_per_second=7\n"
    new = "".join(f"t INFO step {step} step={step} loss=2.5 rate=1 tokens_per_second={100 * step} peak=1\n" for step in (10, 20))
    (logs / "pretrain.log").write_text(f"{old}t INFO begin\nt INFO settings x\n{new}")
    page.write(price=2.0, watts=100.0)
    html = (place / "report.html").read_text()
    assert "<td>3240.0</td><td>6,480</td><td>512 MB</td>" in html
    assert "1.00 hours in 2 stages, by the clock. cost: about $2.00 at $2 an hour. energy: about 0.100 kWh at 100 W" in html
    assert speeds(logs / "pretrain.log") == [(10.0, 1000.0), (20.0, 2000.0)], "of the last run alone"
    assert "pretrain: tokens a second" in html


def test_without_logs_it_is_told_and_without_a_run_the_mend(place: Path) -> None:
    page.write(price=None, watts=None)
    assert "Seconds, memory, cost and energy: there are no logs of a run" in (place / "report.html").read_text()
    (place / "plan/settings.json").unlink()
    with pytest.raises(PipelineError) as fault:
        page.write(price=None, watts=None)
    assert fault.value.mend == "make repro"

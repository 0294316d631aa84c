"""Experiments by `dvc exp`: named ones, a queued sweep two at once, what they leave behind."""

import json
import re
import sys

import pytest

pytestmark = pytest.mark.smoke


def experiments(clone) -> list[dict]:
    """The params of each experiment that `dvc exp show` lists under the present commit."""
    shown = json.loads(clone.dvc("exp", "show", "--json"))
    runs = [run["revs"][0]["data"] for row in shown for run in row.get("experiments") or []]
    return [run["params"]["params.yaml"]["data"] for run in runs]


def test_a_queued_sweep_runs_two_at_once_and_every_run_is_shown(clone):
    clone.dvc("exp", "run", "--queue", "-S", "contest.resamples=61,62,many")
    said = clone.run(sys.executable, "-m", "apps.queue", "--jobs", "2", check=False)
    assert said.count(" done") == 2
    assert said.count(" failed\n") == 1
    assert "contest.resamples: Input should be a valid integer (found 'many')" in said
    assert {61, 62} <= {run["contest"]["resamples"] for run in experiments(clone)}
    assert "resamples: 50" in (clone.folder / "params.yaml").read_text(), "the workspace is as it was"
    assert "nothing is queued" in clone.run(sys.executable, "-m", "apps.queue")
    again = clone.run(sys.executable, "-m", "apps.queue", "--failed", check=False)
    name = re.search(r"queued again: ([\w-]+)\n", again)[1]
    assert f"{name} failed\n" in again, "with its overrides, which are wrong"
    assert "found 'many'" in again


def test_the_table_of_a_sweep_fits_a_terminal_and_tells_what_was_changed_and_headline_figures_alone(clone):
    """After the sweep above."""
    shown = clone.run(sys.executable, "-m", "apps.experiments").splitlines()
    assert {"contest.resamples=61", "contest.resamples=62"} <= {line.strip() for line in shown}
    assert max(map(len, shown)) <= 160
    figures = json.loads((clone.folder / "metrics.json").read_text())
    assert sum(map(len, figures.values())) <= 30
    names = {f"{name}.{key}" for name, row in figures.items() for key, value in row.items() if value is not None}
    columns = clone.dvc("exp", "show", "--csv").splitlines()[0].split(",")
    assert names <= set(columns)
    assert not [name for name in columns if name.startswith("metrics/")]
    assert len(clone.dvc("metrics", "diff", "--all").splitlines()) <= 40


def test_a_key_that_does_not_exist_stops_before_anything_runs(clone):
    said = clone.dvc("exp", "run", "-S", "align.dpo.betta=1", check=False)
    assert "betta" in said
    assert "Running stage" not in said


def test_wrong_values_stop_before_anything_runs_all_at_once_with_the_mend(clone):
    said = clone.dvc("exp", "run", "-S", "contest.resamples=many", "-S", "pretrain.duration=abc", "-S", "align.dpo.beta=-1", check=False)
    clone.run("git", "reset", "--hard", "--quiet")
    clone.dvc("checkout", "--force")
    for key in (
        "contest.resamples: Input should be a valid integer (found 'many')",
        "pretrain.duration: a duration is a number with a unit",
        "align.dpo.beta: Input",
        "mend: pretrain.duration='40 steps' align.dpo.beta=0.1 contest.resamples=50",
    ):
        assert key in said
    assert re.findall(r"Running stage '([\w@]+)'", said) == ["plan"]

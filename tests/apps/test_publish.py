"""A finished run goes to W&B whole, offline where there is no account."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from apps import publish
from pipeline.core.track import group_of
from pipeline.report import wandb_runs

ROOT = Path.cwd()
TRACK = {"kind": "none", "project": "proof", "mode": "offline", "folder": ".run/wandb"}
SETTINGS = {
    "seed": 1,
    "corpus": {"books": 3},
    "pretrain": {"duration": 2},
    "sft": {"duration": 1},
    "hardware": {"threads": 2},
    "track": TRACK,
}


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the settings and numbers of a run of two stages."""
    monkeypatch.chdir(tmp_path)
    for name in ("PIPELINE_RUN", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    Path("params.yaml").write_text(yaml.safe_dump(SETTINGS, sort_keys=False))
    for folder in ("metrics/align", "plots", "plan"):
        Path(folder).mkdir(parents=True)
    stages = [{"name": name, "settings": {name: {}}} for name in ("corpus", "pretrain", "sft", "align/dpo")]
    Path("plan/settings.json").write_text(json.dumps({"stages": stages, "edges": []}))
    Path("metrics/align/dpo.json").write_text(json.dumps({"accuracy": 0.9}))
    Path("metrics/corpus.json").write_text(json.dumps({"documents": 3, "nested": {"none": None}}))
    Path("metrics/pretrain.json").write_text(json.dumps({"val_loss": 1.5}))
    Path("plots/pretrain.csv").write_text("step,loss,val_loss\n1,4.5,\n2,3.5,3.25\n")
    return tmp_path


def test_a_group_stands_for_the_settings_but_not_for_the_machine() -> None:
    assert group_of(SETTINGS) == group_of(SETTINGS | {"hardware": {"threads": 9}, "track": {}})
    assert group_of(SETTINGS) != group_of(SETTINGS | {"seed": 2})


def test_a_stated_run_is_the_group(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_RUN", "run-7")
    assert group_of(SETTINGS) == "run-7"


def test_local_facts_of_a_machine_overrule_where_it_is_sent(finished: Path) -> None:
    Path("conf/local").mkdir(parents=True)
    Path("conf/local/mine.yaml").write_text("track:\n  project: mine\n")
    assert publish.track_of(SETTINGS).project == "mine"
    assert publish.track_of(SETTINGS).mode == "offline"


def test_without_a_run_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["publish"])
    with pytest.raises(SystemExit, match="make repro"):
        publish.main()


def test_every_stage_with_metrics_is_sent_in_one_group_offline(finished: Path) -> None:
    """In a process of its own, as `make publish` does; W&B writes its files and asks no network."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_API_KEY": "", "PIPELINE_RUN": "run-7"}
    told = subprocess.run(
        [sys.executable, "-m", "apps.publish"], cwd=finished, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "sent 3 stages and the whole run as group run-7 of project proof" in told.stdout
    written = sorted(path.name for path in finished.glob(".run/wandb/wandb/offline-run-*/run-*.wandb"))
    assert written == ["run-run-7-align-dpo.wandb", "run-run-7-corpus.wandb", "run-run-7-pipeline.wandb", "run-run-7-pretrain.wandb"]
    content = next(finished.glob(".run/wandb/wandb/offline-run-*/run-run-7-pretrain.wandb")).read_bytes()
    assert b"val_loss" in content
    assert b"run-7" in content
    (whole,) = wandb_runs.runs(str(finished / ".run/wandb"))
    assert whole.name == "run-7"
    assert whole.settings["pretrain"] == SETTINGS["pretrain"]
    assert "track" not in whole.settings
    assert whole.metrics == {"align/dpo": {"accuracy": 0.9}, "corpus": {"documents": 3}, "pretrain": {"val_loss": 1.5}}
    assert whole.curves == {"pretrain": [{"step": 1.0, "loss": 4.5}, {"step": 2.0, "loss": 3.5, "val_loss": 3.25}]}


def test_under_an_agent_of_a_sweep_the_whole_run_is_the_one_that_is_waited_for_and_no_stage_is(finished: Path) -> None:
    agent = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": "r1", "WANDB_API_KEY": "", "PYTHONPATH": str(ROOT), "PIPELINE_RUN": "run-8"}
    Path("metrics/align/dpo.json").unlink()
    Path("metrics/corpus.json").unlink()
    subprocess.run([sys.executable, "-m", "apps.publish"], cwd=finished, env=os.environ | agent, capture_output=True, check=True)
    found = {}
    for path in finished.glob(".run/wandb/wandb/offline-run-*/*.wandb"):
        run = next(record.run for record in wandb_runs.records(path) if record.WhichOneof("record_type") == "run")
        found[run.job_type] = run.run_id, run.sweep_id
    assert found == {"pretrain": ("run-8-pretrain", ""), "pipeline": ("r1", "s1")}


def test_trackio_keeps_the_same_runs_in_a_database_here_and_asks_no_network(finished: Path) -> None:
    pytest.importorskip("trackio", reason="an optional package: .venv/bin/pip install 'trackio>=0.43,<0.44'")
    Path("params.yaml").write_text(yaml.safe_dump(SETTINGS | {"track": TRACK | {"kind": "trackio", "folder": ".run/trackio"}}))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    nobody = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    environment = {**os.environ, **nobody, "PYTHONPATH": path, "PIPELINE_RUN": "run-9"}
    command = [sys.executable, "-m", "apps.publish"]
    told = subprocess.run(command, cwd=finished, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "as group run-9 of project proof; trackio's files lie in .run/trackio" in told.stdout
    rows: dict[str, list[tuple[int, dict[str, object]]]] = {}
    with closing(sqlite3.connect(finished / ".run/trackio/proof.db")) as database:
        for name, step, metrics in database.execute("select run_name, step, metrics from metrics order by id"):
            rows.setdefault(name, []).append((step, json.loads(metrics)))
    assert {*rows} == {"run-9", "run-9-corpus", "run-9-pretrain", "run-9-align/dpo"}
    assert rows["run-9-pretrain"][:2] == [(1, {"loss": 4.5}), (2, {"loss": 3.5, "val_loss": 3.25})]
    assert rows["run-9-pretrain"][-1][1] == {"val_loss": 1.5}
    last = rows["run-9"][-1][1]
    assert (last["pretrain/val_loss"], last["corpus/documents"], last["align/dpo/accuracy"]) == (1.5, 3, 0.9)


SENT = """
import logging, sys
from pipeline.core.track import PipelineRun, Track
from stages._run import send_whole
logging.basicConfig(format="%(message)s", stream=sys.stdout)
def made(name):
    print("made", name)
    return PipelineRun(name=name, job="pipeline", config={}, metrics={"loss": 1.5}, curves={}, tables={}, page=None, artifacts={}, files={})
for kind, folder in (("none", "a"), ("wandb", "here"), ("wandb", "file")):
    send_whole(Track(kind=kind, project="p", mode="offline", folder=folder), "run-1", logging.getLogger(), made)
"""


def test_the_report_sends_the_whole_run_under_dvc_and_no_fault_of_a_tracker_stops_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_API_KEY": ""}
    environment.pop("DVC_STAGE", None)

    def said(**more: str) -> list[str]:
        command = [sys.executable, "-c", SENT]
        done = subprocess.run(command, cwd=tmp_path, env=environment | more, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert said() == [], "by hand params.yaml is not what ran"
    assert said(DVC_STAGE="report") == ["made run-1", "made run-1", "the run as a whole was not sent to wandb; make publish sends it"]
    (file,) = tmp_path.glob("here/wandb/offline-run-*/*.wandb")
    assert file.name == "run-run-1-pipeline.wandb"


def test_the_whole_is_a_run_of_its_own_while_that_of_the_last_stage_is_open(tmp_path: Path) -> None:
    code = """
from pathlib import Path
from pipeline.core.track import PipelineRun, Track, send, tracker_for
track = Track(kind="wandb", project="p", mode="offline", folder="here")
Path("here").mkdir()
own = tracker_for(track, group="run-1", stage="report", config={})
nothing = dict(config={}, curves={}, tables={}, page=None, files={}, artifacts={})
send(track, PipelineRun(name="run-1", job="pipeline", metrics={"a/b": 0.5}, **nothing))
own.log(1, {"words": 2.0})
own.finish({"words": 3})
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true"}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    found = {path.name: path.read_bytes() for path in tmp_path.glob("here/wandb/offline-run-*/*.wandb")}
    assert sorted(found) == ["run-run-1-pipeline.wandb", "run-run-1-report.wandb"]
    assert b"a/b" in found["run-run-1-pipeline.wandb"]
    assert b"words" in found["run-run-1-report.wandb"]

"""The runner: wrong settings and inputs stop a stage before it begins, each with its mend, and leave nothing behind."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
import yaml
from omegaconf import OmegaConf

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.errors import PipelineError
from pipeline.core.params import Params
from stages import _run
from stages._run import Stage, run_stage, stage
from stages._settings import compose, read_settings, typed


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float
    kind: Literal["linear", "cosine"]


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    target: Corpus
    steps: int
    folder: Path
    shares: tuple[float, ...]
    inner: Inner


SECTION = {
    "source": "data/source",
    "target": "data/probe",
    "steps": 3,
    "folder": "data/input",
    "shares": [0.5, 1],
    "inner": {"rate": 1, "kind": "linear"},
}
JOBS = {"cluster": "local", "partition": None, "minutes": 1, "memory_gb": 1, "items": 1}
HARDWARE = {"device": "cpu", "threads": 1, "workers": 1, "ranks": 1, "nodes": 1, "parallel": "data", "engine": "threading", "jobs": JOBS}
TRACK = {"kind": "none", "project": "p", "mode": "auto", "folder": ".run/wandb"}
ROWS = pa.table({"id": ["a"], "source": ["books"], "origin": ["a.txt"], "text": ["Once."]})


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a whole input, settings, and a meaning of the stage's code, as under DVC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_run, "code_fingerprint", lambda stage: {"code": "1"})
    Corpus("data/source").write(ROWS, sides={}, texts={})
    return tmp_path


def walk(recipe, section=SECTION, hardware=HARDWARE):
    """Run a recipe as the stage `probe`."""
    run_stage(Stage(Config, recipe, ("probe",)), {"probe": section, "hardware": hardware, "track": TRACK}, None)


def recipe(cfg, run):
    (run.scratch / "checkpoint").write_text("half way")
    rows = run.map(lambda row: row["text"], cfg.source.read().to_pylist())
    cfg.target.write(cfg.source.read(), sides={}, texts={})
    run.curve([{"step": 1, "loss": 0.25, "val": None}, {"step": 2, "loss": 0.125, "val": 0.5}])
    return {"documents": len(rows)}


def test_a_section_becomes_a_frozen_typed_config():
    cfg = typed(Config, SECTION, at="probe")
    assert (cfg.source.path, cfg.folder, cfg.shares, cfg.inner.rate) == (Path("data/source"), Path("data/input"), (0.5, 1.0), 1.0)


def test_all_faults_of_a_section_are_told_at_once_with_their_keys():
    section = {**SECTION, "steps": "3", "inner": {"rate": True, "kind": "cubic", "extra": 1}, "unknown": 1}
    with pytest.raises(PipelineError) as fault:
        typed(Config, section, at="probe")
    for key in ("probe.steps", "probe.inner.rate", "probe.inner.kind", "probe.inner.extra", "probe.unknown"):
        assert key in fault.value.message
        assert key in fault.value.mend


def test_a_missing_key_is_named():
    with pytest.raises(PipelineError, match=r"probe\.steps"):
        typed(Config, {key: value for key, value in SECTION.items() if key != "steps"}, at="probe")


def test_a_key_that_hydra_does_not_know_is_refused():
    with pytest.raises(PipelineError, match="lrr"):
        compose(["align.dpo.lrr=1"])


def test_a_group_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(PipelineError, match=r"minhash(.|\n)*mend"):
        compose(["dedup=fuzzy"])
    for word, mend in (
        ("model=llamma", "model=llama"),
        ("align=[dpo,ppoo]", "align=[dpo,ppo]"),
        ("track=mlflow", "track=FILE, one of none, trackio, wandb"),
    ):
        with pytest.raises(PipelineError, match=f"conf/{word.partition('=')[0]} has no") as fault:
            compose([word])
        assert fault.value.mend.startswith(mend)


def test_a_stage_writes_its_artifact_metrics_curve_and_log_and_cleans_up(place):
    walk(recipe)
    assert all(word in Path(".run/log/probe.log").read_text() for word in ("begin", '"steps": 3', '"documents": 1'))
    assert json.loads(Path("metrics/probe.json").read_text()) == {"documents": 1}
    assert Corpus("data/probe").facts == {"shards": 1, "documents": 1}
    assert Path("plots/probe.csv").read_text() == "step,loss,val\n1,0.25,\n2,0.125,0.5\n"
    assert list(Path(".run/probe").iterdir()) == []
    assert json.loads(Path(".run/log/probe.json").read_text())["inputs"] == {"data/source": Corpus("data/source").digest}


def test_a_damaged_input_stops_the_stage_before_it_begins(place):
    path = Path("data/source/documents/00000.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(PipelineError, match=r"00000\.parquet is damaged(.|\n)*mend: make heal, then \.venv/bin/dvc"):
        walk(recipe)
    assert not Path("metrics/probe.json").exists()
    assert not Path("data/probe").exists()


def test_a_stage_that_fails_leaves_no_metrics_and_keeps_its_scratch(place):
    def fail(cfg, run):
        (run.scratch / "checkpoint").write_text("half way")
        raise PipelineError("the loss is not a number", mend="a smaller learning rate")

    with pytest.raises(PipelineError, match="not a number"):
        walk(fail)
    assert not Path("metrics/probe.json").exists()
    assert [path.name for path in Path(".run/probe").glob("*/*")] == ["checkpoint"]


def test_another_setting_code_or_input_never_sees_that_scratch(place, monkeypatch):
    found = []

    def fail(cfg, run):
        found.append((run.scratch.name, sorted(path.name for path in run.scratch.iterdir())))
        (run.scratch / "checkpoint").write_text("half way")
        raise PipelineError("stopped", mend="go on")

    def attempt(section=SECTION):
        with pytest.raises(PipelineError, match="stopped"):
            walk(fail, section)

    attempt()
    attempt()
    other = {**SECTION, "steps": 4}
    attempt(other)
    monkeypatch.setattr(_run, "code_fingerprint", lambda stage: {"code": "2"})
    attempt(other)
    Corpus("data/source").write(pa.concat_tables([ROWS, ROWS]), sides={}, texts={})
    attempt(other)
    outside = Path("data/input/one.txt")  # what a setting names is an input too, although it is no artifact
    outside.parent.mkdir()
    for text in ("bad", "mended"):
        outside.write_text(text)
        attempt(other)
    names = [name for name, _ in found]
    assert names[0] == names[1]
    assert len(set(names)) == 6
    assert [left for _, left in found] == [[], ["checkpoint"], [], [], [], [], []]


def test_hardware_does_not_change_the_key(place):
    keys = []

    def look(cfg, run):
        keys.append(run.scratch.name)
        return {}

    walk(look)
    walk(look, hardware={**HARDWARE, "workers": 2})
    assert keys[0] == keys[1]


PROBE = """
import logging, os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from stages import _run
from stages._run import Stage, run_stage
from tests.stages.test_runner import Config, HARDWARE, SECTION, TRACK
_run.code_fingerprint = lambda stage: {{"code": "1"}}

def recipe(cfg, run):
    with open({ran!r}, "a") as file:
        file.write("ran\\n")
    print("in", flush=True)
    while os.environ["TURN"] == "1" and not os.path.exists({ran!r} + ".seen"):
        time.sleep(0.01)
    if {fails!r} and os.environ["TURN"] == "1":
        raise SystemExit(1)
    cfg.target.write(cfg.source.read(), sides={{}}, texts={{}})
    run.curve([{{"step": 1, "loss": 0.5}}])
    return {{"documents": 1}}

run_stage(Stage(Config, recipe, ("probe",)), {{"probe": SECTION, "hardware": HARDWARE, "track": TRACK}}, None)
"""


@pytest.mark.parametrize("fails", [False, True])
def test_two_experiments_that_share_a_stage_compute_it_once(place, tmp_path, fails):
    """Two workspaces, one .run of the checkout: the second waits and takes the result, or does the work where the first failed."""
    ran, root = tmp_path / "ran", str(Path(__file__).parents[2])
    code = PROBE.format(root=root, ran=str(ran), fails=fails)
    processes = []
    for turn in ("1", "2"):
        workspace = tmp_path / f"experiment-{turn}"
        shutil.copytree("data", workspace / "data", copy_function=shutil.copy2)
        environment = os.environ | {"DVC_ROOT": str(tmp_path), "TURN": turn, "PYTHONPATH": root}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=workspace, env=environment, **pipes))
        if turn == "1":
            assert "in" in processes[0].stdout.readline()
    waits = processes[1].stdout.readline()
    Path(f"{ran}.seen").touch()
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [int(fails), 0], said
    assert "waiting for its result" in waits
    assert ran.read_text().count("ran") == 1 + fails
    second = tmp_path / "experiment-2"
    assert json.loads((second / "metrics/probe.json").read_text()) == {"documents": 1}
    assert (second / "plots/probe.csv").read_text() == "step,loss\n1,0.5\n"
    if not fails:
        assert Corpus(second / "data/probe").digest == Corpus(tmp_path / "experiment-1/data/probe").digest


def test_a_stage_without_metrics_writes_no_file_of_them(place):
    walk(lambda cfg, run: None)
    assert not Path("metrics").exists()
    assert Path(".run/log/probe.json").is_file()


def test_cuda_without_a_device_is_refused_with_the_mend(place):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(PipelineError, match="finds no CUDA device") as fault:
        walk(lambda cfg, run: {"device": run.device}, hardware={**HARDWARE, "device": "cuda"})
    assert "hardware=cpu" in fault.value.mend


@dataclass(frozen=True, kw_only=True)
class Entry:
    source: str
    tasks: dict[str, int]
    model: str = ""
    target: str = ""


LISTS = {
    "align": {"one": {"method": "dpo", "source": "a", "reads": "b"}, "two": {"method": "dpo", "source": "c", "reads": "d"}},
    "evaluate": {"source": "s", "target": "data/evaluate"},
    "models": {"base": "data/pretrain", "sft": "data/sft"},
    "tasks": {"books": 1},
}


def test_an_entry_is_told_its_own_keys_and_the_shared_ones_but_not_what_is_dvc_s():
    entry = Stage(Entry, recipe, ("align", "dpo"), shared=("tasks",))
    assert entry.section(LISTS, "two") == {"source": "c", "tasks": {"books": 1}}
    assert (entry.at("two"), entry.entries(LISTS)) == ("align.two", ["one", "two"])


def test_one_run_for_each_model_has_a_target_of_its_own():
    each = Stage(Entry, recipe, ("evaluate",), shared=("tasks",), each=("models", "model"))
    assert each.section(LISTS, "sft") == {"source": "s", "model": "data/sft", "target": "data/evaluate/sft", "tasks": {"books": 1}}
    assert (each.at("sft"), each.entries(LISTS)) == ("evaluate", ["base", "sft"])


def test_by_hand_the_entry_is_named_unless_there_is_one():
    entry = Stage(Entry, recipe, ("align", "dpo"))
    assert entry.chosen(LISTS, ["two"]) == "two"
    assert entry.chosen({"align": {"one": LISTS["align"]["one"]}}, []) == "one"
    for words, said in (([], "several entries"), (["three"], "no entry three")):
        with pytest.raises(PipelineError, match=said) as fault:
            entry.chosen(LISTS, words)
        assert "one, two" in fault.value.mend
    with pytest.raises(PipelineError, match="takes no word"):
        Stage(Entry, recipe, ("sft",)).chosen(LISTS, ["word"])


def test_a_recipe_elsewhere_is_a_stage_by_the_name_of_its_file():
    assert stage(Entry)(recipe).path == ("test_runner",)


def test_facts_of_a_machine_may_only_be_hardware_and_track(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "probe")
    Path("params.yaml").write_text("hardware: {threads: 1}\ntrack: {kind: none}\nprobe: {lr: 3e-4}\n")
    Path("conf/local").mkdir(parents=True)
    Path("conf/local/mine.yaml").write_text("hardware: {threads: 2}\n")
    settings = read_settings([])
    assert settings["hardware"]["threads"] == 2
    assert settings["probe"]["lr"] == 0.0003
    Path("conf/local/mine.yaml").write_text("probe: {lr: 1.0}\n")
    with pytest.raises(PipelineError, match=r"mine\.yaml sets probe"):
        read_settings([])


def test_params_are_read_as_omegaconf_reads_them(tmp_path):
    text = "a: 1e-05\nb: [1.5, 2.5e3, 4.e-1, .5e3, .5e+3, 7, -3E+2, 2001-02-03, yes, null, '1e3', 1.0]\nc: {d: text, e: ~}\nf: -.inf\n"
    (tmp_path / "params.yaml").write_text(text)
    assert yaml.load(text, Params) == OmegaConf.to_container(OmegaConf.load(tmp_path / "params.yaml"))
    whole = Path(__file__).parents[2] / "params.yaml"
    assert yaml.load(whole.read_bytes(), Params) == OmegaConf.to_container(OmegaConf.load(whole))

"""The rules of the house: dvc.yaml, conf/, stages/ and README.md say the same."""

import dataclasses
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.core.artifact.base import Artifact

ROOT = Path(__file__).parents[2]
BLOCKS = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = [name for name in BLOCKS if name != "plan"]
TEXT_STAGES = ["corpus", "clean", "select", "dedup", "dialogues", "split", "tokenizer", "tokenize"]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))
SIZES = sorted(path.stem for path in (ROOT / "conf/size").glob("*.yaml"))


def composed(*overrides: str) -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)


def typed(stage: str, settings: dict):
    from stages._run import typed

    return typed(importlib.import_module(f"stages.{stage}").main.config, settings[stage], at=stage)


def paths(value) -> list[str]:
    """Every path that a Config names, nested ones too."""
    if isinstance(value, Artifact):
        return [value.path.as_posix()]
    if isinstance(value, Path):
        return [value.as_posix()]
    if dataclasses.is_dataclass(value):
        return [path for field in dataclasses.fields(value) for path in paths(getattr(value, field.name))]
    return [path for item in value for path in paths(item)] if isinstance(value, tuple | list) else []


def test_params_yaml_is_what_conf_says():
    assert OmegaConf.to_container(OmegaConf.load(ROOT / "params.yaml")) == composed()
    assert OmegaConf.to_container(OmegaConf.load(ROOT / "plan/composed.yaml")) == composed()


def test_each_stage_is_a_file_a_block_a_group_and_a_line_in_the_readme():
    files = sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))
    assert files == sorted(BLOCKS)
    readme = (ROOT / "README.md").read_text()
    for stage in STAGES:
        assert (ROOT / "conf" / stage).is_dir(), stage
        assert f"`{stage}`" in readme, stage


@pytest.mark.parametrize("stage", STAGES)
def test_every_path_that_a_stage_is_told_is_a_dep_or_an_out_of_its_block(stage):
    block, told = BLOCKS[stage], set(paths(typed(stage, composed())))
    templates = {dep: OmegaConf.select(OmegaConf.create(composed()), dep[2:-1]) for dep in block["deps"] if dep.startswith("${")}
    declared = {templates.get(dep, dep) for dep in block["deps"]} | set(block["outs"])
    assert told <= declared
    data = {path for path in declared if path.startswith("data/")}
    assert data <= told, "a dep that the stage is not told reruns it for nothing"
    assert block["deps"][0] == f"plan/{stage}.json"
    assert block["params"] == [stage]
    assert block["outs"] == [f"data/{stage}"]
    assert block["cmd"] == f"stages/python -m stages.{stage}"


def test_the_plan_writes_the_meaning_of_every_stage():
    outs = [out for out in BLOCKS["plan"]["outs"] if isinstance(out, str)]
    assert outs == [f"plan/{stage}.json" for stage in STAGES]


@pytest.mark.parametrize("stage", BLOCKS)
def test_a_stage_file_is_one_screen(stage):
    assert len((ROOT / f"stages/{stage}.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("size", SIZES)
def test_every_size_composes_and_every_section_is_typed(size):
    settings = composed(f"size={size}")
    for stage in STAGES:
        typed(stage, settings)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_changes_something(experiment):
    settings = composed(f"experiment={experiment}")
    assert settings != composed()
    for stage in STAGES:
        typed(stage, settings)


@pytest.mark.parametrize("group", [group for group in STAGES if len(list((ROOT / "conf" / group).glob("*.yaml"))) > 1])
def test_every_way_of_a_stage_is_typed(group):
    for path in (ROOT / "conf" / group).glob("*.yaml"):
        typed(group, composed(f"{group}={path.stem}"))


def test_no_stage_section_depends_on_hardware_or_track():
    quiet, loud = composed("hardware=auto", "track=none"), composed("hardware=gpu", "track=wandb")
    assert {stage: quiet[stage] for stage in STAGES} == {stage: loud[stage] for stage in STAGES}


def bare_keys(path: Path) -> list[str]:
    """Keys that hold a value of their own (no path of data/, no interpolation) and have no comment beside or above."""
    lines = path.read_text().splitlines()
    found = []
    for above, line in zip(["", *lines], lines, strict=False):
        key, _, value = line.strip().partition(": ")
        own = value and not key.startswith(("#", "-", "defaults")) and not value.startswith(("data/", "${", "#"))
        if own and "#" not in value and not above.strip().startswith("#"):
            found.append(f"{path.parent.name}/{path.name}: {key}")
    return found


@pytest.mark.parametrize("group", [*STAGES, "model", "hardware", "track"])
def test_every_value_of_conf_has_a_comment(group):
    ways = sorted((ROOT / "conf" / group).glob("*.yaml"))
    assert ways
    assert [key for path in ways for key in bare_keys(path)] == []


@pytest.mark.parametrize("stage", TEXT_STAGES)
def test_a_text_stage_never_imports_torch(stage):
    code = f"import sys, stages.{stage}; sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'trl')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_rooms_know_only_whom_they_may():
    checked = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_drawing_in_the_readme_is_the_pipeline():
    assert subprocess.run([sys.executable, "-m", "apps.drawing", "--check"], cwd=ROOT, check=False).returncode == 0


def test_make_alone_prints_every_target():
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, env=environment).stdout
    for target in ("setup", "repro", "test", "chat", "publish", "reset", "accept", "bench-chain"):
        assert f"make {target}" in printed


def readme_commands() -> list[str]:
    """Every command of the README's code blocks and code spans, without its comment."""
    text = (ROOT / "README.md").read_text()
    blocks = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    spans = re.findall(r"`((?:make|dvc|\.venv)[^`]*)`", text)
    return [command.split("#")[0].strip() for command in [*blocks, *spans]]


def test_the_readme_names_only_targets_that_make_has():
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    named = {command.split()[1] for command in readme_commands() if command.startswith("make ")}
    assert {"repro", "test"} <= named
    assert named <= targets


@pytest.mark.parametrize("command", [command for command in readme_commands() if " -S " in command or " -m stages." in command])
def test_every_override_in_the_readme_composes(command):
    words = shlex.split(command)
    overrides = [word for word in words if "=" in word]
    swept = [override.split(",")[0] for override in overrides]
    settings = composed(*(override.replace("DIR", "data/input") for override in swept))
    for stage in STAGES:
        typed(stage, settings)

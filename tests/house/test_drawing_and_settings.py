"""The rules of the house: dvc.yaml, conf/, stages/ and README.md say the same."""

import copy
import importlib
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest
import yaml
from dvc.dependency.param import ParamsDependency
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.core.blocks import Block, blocks_of, edges_of
from pipeline.core.errors import PipelineError
from pipeline.core.params import Params
from pipeline.model.folder import FOLDER, INIT_FROM
from stages._checks import check_openvino, check_rounding, faults_between, faults_of
from stages._settings import typed
from tests.checkpoint import checkpoint

ROOT = Path(__file__).parents[2]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
TEXT_STAGES = ["corpus", "clean", "select", "dedup", "dialogues", "split", "tokenizer", "tokenize", "baselines"]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))
SIZES = sorted(path.stem for path in (ROOT / "conf/size").glob("*.yaml"))
DATA = sorted(path.stem for path in (ROOT / "conf/data").glob("*.yaml"))
LISTS = ("preferences", "align", "export", "tasks")  # groups of which several files are in force at once
GROUPS = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "local")
FILES = sorted(path for path in (ROOT / "stages").rglob("[!_]*.py"))


def composed(*overrides: str) -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)


def blocks(settings: dict) -> list[Block]:
    """All stages but the plan, the lists written out."""
    return blocks_of(PIPELINE, settings)[1:]


def faults(settings: dict) -> list[str]:
    """What the plan would complain of."""
    return [fault.message for block in blocks(settings) for fault in faults_of(block, settings)]


DEFAULT = composed()
BLOCKS = {block.name: block for block in blocks(DEFAULT)}


def test_params_yaml_is_what_conf_says():
    assert OmegaConf.to_container(OmegaConf.load(ROOT / "params.yaml")) == composed()
    assert OmegaConf.to_container(OmegaConf.load(ROOT / "plan/composed.yaml")) == composed()


def test_each_stage_is_a_file_a_block_a_group_and_a_line_in_the_readme():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES} - {"stages.plan"}
    every = composed(*(f"{group}=[{','.join(path.stem for path in (ROOT / 'conf' / group).glob('*.yaml'))}]" for group in LISTS))
    assert {block.module for block in blocks(every)} == modules
    readme = (ROOT / "README.md").read_text()
    for name in PIPELINE["stages"]:
        assert name == "plan" or (ROOT / "conf" / name).is_dir(), name
        assert name == "plan" or f"`{name}`" in readme, name


def test_dvc_sees_the_same_stages_deps_and_outs():
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        seen = {stage.addressing: stage for stage in repo.index.stages}
    ours = {block.name: block for block in blocks_of(PIPELINE, yaml.load((ROOT / "params.yaml").read_bytes(), Params))}
    assert set(seen) == set(ours)
    for name, block in ours.items():
        deps = {dep.def_path for dep in seen[name].deps if not isinstance(dep, ParamsDependency)}
        assert deps == set(block.deps), name
        params = {key for dep in seen[name].deps if isinstance(dep, ParamsDependency) for key in dep.params}
        assert params == set(block.params), name


@pytest.mark.parametrize("name", BLOCKS)
def test_every_path_that_a_stage_is_told_is_a_dep_or_an_out_of_its_block(name):
    block = BLOCKS[name]
    stage = importlib.import_module(block.module).main
    cfg = typed(stage.config, stage.section(DEFAULT, block.entry), at=name)
    told = {path.as_posix() for path in stage.paths(cfg)}
    known = [*block.deps, *block.outs, *block.notes]
    assert [path for path in told if not any(Path(path).is_relative_to(one) for one in known)] == []
    data = {path for path in known if path.startswith("data/")}
    assert [path for path in data if not any(Path(one).is_relative_to(path) for one in told)] == [], "reruns the stage for nothing"
    assert block.deps[0] == f"plan/code/{'/'.join(stage.path)}.json"
    assert block.params[0] == stage.at(block.entry)
    assert set(block.params[1:]) == {*stage.shared, *([f"{stage.each[0]}.{block.entry}"] if stage.each else [])} or name == "contest"
    assert block.outs == (f"data/{block.folder}",)


def test_the_plan_watches_every_section_but_hardware_and_track():
    assert set(PIPELINE["stages"]["plan"]["params"]) == set(DEFAULT) - {"hardware", "track"}


def test_no_two_entries_share_a_dependency_that_only_one_reads():
    assert "data/reward" in BLOCKS["align@ppo"].deps
    assert "data/reward" not in BLOCKS["align@dpo"].deps
    assert "data/align/ppo" not in BLOCKS["evaluate@dpo"].deps


def test_dvc_yaml_is_short():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stage_file_is_one_screen(path):
    assert len(path.read_text().splitlines()) <= 60 or (path.stem == "contest" and len(path.read_text().splitlines()) <= 72)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("data", DATA)
def test_every_size_composes_with_every_data_and_every_section_is_typed(size, data):
    settings = composed(f"size={size}", f"data={data}")
    assert faults(settings) == []
    assert list(faults_between(settings)) == []


@pytest.mark.parametrize("kind", [path.stem for path in sorted((ROOT / "conf/model").glob("*.yaml")) if path.stem != FOLDER])
def test_every_kind_of_model_is_typed_at_the_smallest_size_and_its_faults_name_the_key(kind):
    model = composed(f"model={kind}", "size=smoke")["model"]
    pretrain = DEFAULT["pretrain"] | {"shape": model}
    assert typed(importlib.import_module("stages.pretrain").main.config, pretrain, at="pretrain").shape.model_type
    with pytest.raises(PipelineError, match=r"^settings that can't be used\n  pretrain\.shape\.layers: Input should be greater than"):
        typed(importlib.import_module("stages.pretrain").main.config, pretrain | {"shape": model | {"layers": -1}}, at="pretrain")


def test_the_desktop_model_has_ten_million_weights_in_blocks_of_32():
    from pipeline.model import count
    from pipeline.model.build import build

    settings = composed("size=desktop")
    module = build(settings["model"], vocabulary=settings["tokenizer"]["vocab_size"], seed=1)
    assert count.parameters(module) == pytest.approx(10e6, rel=0.02)
    assert all(weight.shape[1] % 32 == 0 for weight in module.parameters() if weight.ndim == 2)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_changes_something(experiment):
    settings = composed(f"experiment={experiment}")
    assert settings != DEFAULT
    assert faults(settings) == []


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in ("size", "experiment", "method")])
def test_every_file_of_a_group_is_typed(group):
    for path in (ROOT / "conf" / group).glob("*.yaml"):
        word = f"{group}=[{path.stem}]" if group in LISTS else f"{group}={path.stem}"
        more = [f"{INIT_FROM}={checkpoint()}"] if path.stem == FOLDER and group == "model" else []
        assert faults(composed(word, *more)) == [], word


@pytest.mark.parametrize("size", SIZES)
def test_all_entries_of_alignment_go_together(size):
    names = sorted(path.stem for path in (ROOT / "conf/align").glob("*.yaml"))
    settings = composed(f"size={size}", f"align=[{','.join(names)}]")
    assert sorted(settings["align"]) == names
    assert faults(settings) + list(faults_between(settings)) == []


@pytest.mark.parametrize("group", LISTS)
def test_a_list_may_be_empty(group):
    assert faults(composed(f"{group}=[]")) == []


def test_a_chain_of_methods_is_two_words():
    settings = composed("align=[dpo,ppo]", "align.ppo.source=data/align/dpo")
    assert faults(settings) == []
    assert ("align@dpo", "align@ppo") in edges_of(blocks(settings))


def test_what_a_model_made_itself_is_read_by_two_words():
    settings = composed("preferences=[constitution]", "align.dpo.dialogues=data/preferences/constitution")
    settings["reward"]["dialogues"] = "data/preferences/constitution"
    assert faults(settings) == []
    edges = edges_of(blocks(settings))
    assert {reader for writer, reader in edges if writer == "preferences@constitution"} == {"reward", "align@dpo", "report"}


def test_a_merge_comes_after_the_models_that_it_is_made_of():
    settings = composed("align=[merge,dpo,kto]", "align.merge.models=[data/align/dpo,data/align/kto]")
    assert faults(settings) == []
    assert {("sft", "align@merge"), ("align@dpo", "align@merge"), ("align@kto", "align@merge")} <= set(edges_of(blocks(settings)))
    (fault,) = faults(composed("align=[dpo,merge]", "align.merge.weights=[1,1,1]"))
    assert "2 models and 3 weights" in fault


def test_one_stage_may_learn_few_parameters_while_the_others_learn_all():
    settings = composed("sft=lora", "sft.adapter.r=4", "align=[dpo_lora,dpo]")
    assert faults(settings) == []
    found = [settings["sft"]["adapter"], *(settings["align"][name]["adapter"] for name in ("dpo_lora", "dpo"))]
    assert [(one["method"], one.get("r")) for one in found] == [("lora", 4), ("lora", 8), ("full", None)]


def test_four_bits_are_refused_before_anything_runs_where_there_is_no_cuda_device():
    check_rounding(composed("adapter=lora"))
    with pytest.raises(PipelineError, match=r"sft\.adapter is qlora, which is for a CUDA device, and there is none") as fault:
        check_rounding(composed("adapter=qlora", "hardware=cpu"))
    assert fault.value.mend == "adapter=lora"


def test_a_reader_that_is_not_installed_is_told_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = composed("export=[onnx]", "export.onnx.openvino=true")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_openvino(composed("export=[onnx]")["export"])
    with pytest.raises(PipelineError, match=r"export\.onnx\.openvino is true, and OpenVINO is not installed") as fault:
        check_openvino(settings["export"])
    assert "pip install openvino" in str(fault.value)


def test_a_path_that_dvc_does_not_watch_is_a_fault():
    settings = composed("align.ppo.reward_model=data/elsewhere", "align.ppo.reads=data/reward")
    assert faults(settings) == ["align.ppo names data/elsewhere, which DVC does not watch for it"]


def test_a_target_other_than_the_out_of_dvc_yaml_is_a_fault():
    (fault,) = faults(composed("tokenizer.target=data/thesis"))
    assert fault == "tokenizer.target is data/thesis, and dvc.yaml says that the stage writes data/tokenizer"


def test_no_stage_section_depends_on_hardware_or_track():
    quiet, loud = composed("hardware=auto", "track=none"), composed("hardware=gpu", "track=wandb")
    assert {key for key in quiet if quiet[key] != loud[key]} <= {"hardware", "track"}


def bare_keys(path: Path) -> list[str]:
    """Keys that hold a value of their own (no path of data/, no interpolation) and have no comment beside or above."""
    lines = path.read_text().splitlines()
    found = []
    for above, line in zip(["", *lines], lines, strict=False):
        key, _, value = line.strip().partition(": ")
        own = value and not key.startswith(("#", "-", "defaults")) and not value.startswith(("data/", "${", "{", "#"))
        if own and "#" not in value and not above.strip().startswith("#"):
            found.append(f"{path.parent.name}/{path.name}: {key}")
    return found


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in ("size", "experiment")])
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
    daily = ("setup", "repro", "smoke", "test", "groups", "chat", "heal", "publish", "reset", "accept")
    for target in (*daily, "launch", "bench-chain", "bench-gpu", "gpu-check"):
        assert f"make {target}" in printed


def leaves(section, at="") -> list[str]:
    """The dotted keys of all values."""
    if isinstance(section, dict) and section:
        return [key for name, value in section.items() for key in leaves(value, f"{at}.{name}" if at else name)]
    return [at]


ODD = ["-1", "0", "1e30", "text", "null", "[]", "true", "{a: 1}"]
KEYS = [key for key in leaves(DEFAULT) if key.split(".")[0] not in ("hardware", "track", "budget", "model", "files", "models", "seed")]


@pytest.mark.parametrize("group", sorted({key.split(".")[0] for key in KEYS}))
def test_an_odd_value_of_any_key_is_taken_or_named_and_never_a_traceback(group):
    told = [block for block in BLOCKS.values() if group in {param.split(".")[0] for param in block.params}]
    for key in (key for key in KEYS if key.split(".")[0] == group):
        for value in ODD:
            settings = copy.deepcopy(DEFAULT)
            *path, last = key.split(".")
            reduce(lambda place, name: place[name], path, settings)[last] = yaml.safe_load(value)
            for block in told:
                assert all(isinstance(fault, PipelineError) for fault in faults_of(block, settings)), f"{key}={value}"


@pytest.mark.parametrize(
    "word",
    [
        "sft.batch_size=0", "reward.duration=0", "align.ppo.kl_target=0", "align.dpo.duration=0",
        "align.ppo.mini_batch_size=0", "tasks.text.ngram=9",
        "evaluate.batch_size=0", "evaluate.resamples=0", "contest.resamples=0", "export.gguf.rows=0", "pretrain.adamw.beta1=1.5",
        "pretrain.adamw.beta2=1.0", "align.dpo.beta=0", "align.dpo.beta=-1", "align.ppo.kl_coef=-1", "tasks.facts.max_new_tokens=0",
        "tasks.text.overlap=1", "export.gguf.strings=0", "pretrain.normuon.momentum=1.0", "sft.warmup_steps=1000",
        "align.ppo.max_new_tokens=0", "sft.micro_batch=0", "sft.micro_batch=3", "reward.micro_batch=32", "align.dpo.micro_batch=-1",
        "align.ppo.micro_batch=65", "pretrain.micro_batch=0",
        "pretrain.decay_ratio=1.5", "sft.learning_rate=-1",
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_refused_before_anything_runs(word):
    *_, key = word.split("=")[0].split(".")
    assert any(key in message or "Value error" in message for message in faults(composed(word))), word


def test_a_batch_that_micro_batches_do_not_make_up_is_refused_before_anything_runs():
    told = [fault.mend for fault in faults_between(composed("pretrain.micro_batch=7"))]
    assert told == ["pretrain.batch_tokens=896"]
    assert list(faults_between(composed("pretrain.micro_batch=4"))) == []
    for two in ("hardware.ranks=2", "hardware.nodes=2"):
        assert [fault.mend for fault in faults_between(composed(two, "pretrain.micro_batch=12"))] == ["pretrain.micro_batch=6"]
        assert list(faults_between(composed(two))) == []


def test_rows_longer_than_the_model_reads_are_refused_before_anything_runs():
    whole = ("pretrain.micro_batch=1", "pretrain.batch_tokens=1000")
    told = [fault.mend for fault in faults_between(composed("tokenize.sequence_length=1000", "sft.max_length=512", *whole))]
    assert told == ["tokenize.sequence_length=256, or model.context=1000", "sft.max_length=256, or model.context=512"]


def test_a_task_longer_than_the_model_reads_is_refused_before_anything_runs():
    tasks = ("tasks=[text,dialogues,world,blimp]", "tasks.blimp.context=257")
    assert [fault.mend for fault in faults_between(composed(*tasks))] == ["tasks.blimp.context=256, or model.context=257"]

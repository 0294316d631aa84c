"""What users spoil: each is told with its place and, where it can be, with words that mend it."""

import copy
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.blocks import Block
from pipeline.core.errors import Diverged, PipelineError
from pipeline.core.local import overlaid
from pipeline.core.mends import command_of, words_of
from pipeline.core.params import read_mapping
from stages._checks import (
    check_apart,
    faults_between,
    faults_of,
    faults_of_benchmarks,
    faults_of_paths,
    faults_of_sources,
    looked_at,
    refuse_other_sections,
    unnamed,
)
from stages._defaults import mended
from stages._gentler import gentler_told
from stages._mends import in_full
from stages._plan import pipeline_of
from stages._settings import compose, plain, typed
from stages.sft import main as sft

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return plain(compose([]))


@pytest.fixture(scope="module")
def blocks(settings: dict[str, Any]) -> dict[str, Block]:
    return {block.name: block for block in pipeline_of(settings)}


@pytest.mark.parametrize(
    ("words", "told", "mend"),
    [
        (["sft.learning_rat=1"], "there is no setting sft.learning_rat", "sft.learning_rate=1"),
        (["stf.batch_size=4"], "there is no setting stf.batch_size", "sft.batch_size=4"),
        (["pretrian=adamw"], "there is no setting pretrian", "pretrain=adamw"),
        (["pretrain.learning_ratee=1"], "pretrain has source, ", "stages.pretrain --help"),
        (["pretrain=adamww"], "conf/pretrain has no adamww", "pretrain=adamw"),
        (["pretrain=zzz"], "conf/pretrain has no zzz", "pretrain=FILE, one of adafactor, adam, adamw, "),
        (["experiment=adamww"], "conf/experiment has no adamww", "experiment=adamw"),
        (["align=[dpo,foo]"], "conf/align has no foo", "align=[dpo]"),
        (["align=[dpo,dpo]"], "align names dpo twice", "align=[dpo]"),
        (["sft.learning_rate=0,001"], "a comma parts values", "sft.learning_rate=0.001"),
        (["size"], "'size' says no value", "KEY=VALUE"),
        (["-S", "size=smoke"], "'-S' says no value", "without -S"),
    ],
)
def test_a_wrong_word_is_told_with_the_right_one(words: list[str], told: str, mend: str) -> None:
    with pytest.raises(PipelineError) as found:
        compose(words)
    assert told in found.value.message
    assert mend in found.value.mend


def test_all_wrong_words_are_told_at_once_with_one_command() -> None:
    with pytest.raises(PipelineError) as found:
        compose(["sft.learning_rat=1", "pretrain=adamww", "size=smoke", "align=[dpo,ppoo]"])
    assert {"conf/align", "conf/pretrain", "there"} <= set(found.value.message.split())
    assert in_full(found.value).endswith("go on from here: make repro SET='align=[dpo,ppo] pretrain=adamw sft.learning_rate=1'")


def test_a_misspelt_key_of_a_file_is_told_with_the_file_and_not_with_where_its_value_is_from(spoil, blocks) -> None:
    spoil(SFT, lambda text: text.replace(b"\nprecision:", b"\nprecison:"))
    settings = plain(compose([]))
    (fault,) = mended(list(faults_of(blocks["sft"], settings)), settings)
    assert "sft.precison: Unexpected keyword argument: meant is sft.precision" in fault.message
    assert f"git checkout {SFT}" in fault.mend


@pytest.mark.parametrize("asked", ["--check", "--params"])
def test_a_quote_that_is_not_closed_is_told_with_how_to_say_it(asked: str) -> None:
    command = [sys.executable, "-m", "stages.plan", asked, "--set", "sft.learning_rate='0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No closing quotation\n  mend: SET=" in done.stderr
    assert "usage" not in done.stderr


def test_a_word_that_is_told_without_a_mend_is_not_said_again() -> None:
    assert unnamed(["size=smoke", "+align.ppo.x=1", "align.ppo.xs=2"], "align.ppo.x") == ["size=smoke", "align.ppo.xs=2"]
    told = looked_at(["size=smoke", "align=[ppo]", "align.ppo.clip_high=0", "+align.ppo.x=1"])
    assert told["words"] == ["size=smoke", "align=[ppo]", "align.ppo.clip_high=0"]
    assert command_of(told["faults"][0]["mend"], told["words"]) == "make repro SET='size=smoke align=[ppo] align.ppo.clip_high=0.2'"


@pytest.fixture
def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[bytes], bytes]], None]:
    """Change a file of a copy of conf/, which is what is composed from then on."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    monkeypatch.chdir(tmp_path)
    return lambda name, change: Path(name).write_bytes(change(Path(name).read_bytes())) and None


SFT = "conf/sft/default.yaml"


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        (SFT, lambda old: b"# caf\xe9\n" + old, f"{SFT}, line 1, is not UTF-8"),
        (SFT, lambda old: old.replace(b"{budget.max_loss}", b"{budget.loss}"), f"{SFT}, line "),
        (SFT, lambda old: old.replace(b"\nbatch_size", b"\n\tbatch_size"), SFT),
        (SFT, lambda old: old.replace(b"\nbatch_size", b"\n<<<<<<< HEAD\nbatch_size"), SFT),
        ("conf/config.yaml", lambda old: old.replace(b"- sft:", b"- stf:"), "there is no folder conf/stf"),
    ],
)
def test_a_spoiled_file_of_conf_is_named(file: str, change: Callable[[bytes], bytes], told: str, spoil: Any) -> None:
    spoil(file, change)
    with pytest.raises(PipelineError) as found:
        compose([])
    assert told in found.value.message
    assert found.value.mend.startswith(f"git checkout {file}")


def test_marks_and_line_ends_of_windows_change_no_setting(settings: dict[str, Any], spoil: Any) -> None:
    spoil(SFT, lambda old: b"\xef\xbb\xbf" + old.replace(b"\n", b"\r\n"))
    assert plain(compose([])) == settings


@pytest.mark.parametrize("content", [b"sft:\n\tcolour: red\n", b"<<<<<<< HEAD\nsft: {}\n", b"", b"- a\n", b"caf\xe9: 1\n"])
def test_a_params_file_that_a_hand_has_spoiled_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    with pytest.raises(PipelineError, match=r"params\.yaml (can't be read|holds no keys)"):
        read_mapping(file, mend="make reset")


def test_sections_that_are_missing_or_that_nobody_reads_are_told(settings: dict[str, Any]) -> None:
    refuse_other_sections(settings)
    with pytest.raises(PipelineError, match="lacks sft"):
        refuse_other_sections({name: section for name, section in settings.items() if name != "sft"})
    with pytest.raises(PipelineError, match="no stage reads the section experiment"):  # a file without # @package _global_
        refuse_other_sections({**settings, "experiment": {"sft": {"batch_size": 3}}})


def test_hardware_and_tracker_are_checked_before_the_first_stage(settings: dict[str, Any]) -> None:
    spoiled = {**settings, "hardware": {**settings["hardware"], "threads": "many", "device": "tpu"}}
    spoiled["track"] = {**settings["track"], "mode": "onlien"}
    with pytest.raises(PipelineError) as found:
        check_apart(spoiled)
    assert all(key in found.value.message for key in ("hardware.threads", "hardware.device", "track.mode"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hardware: {thread: 2}", "hardware has no thread"),
        ("sft: {}", "sets sft"),
        ("hardware:\n\tthreads: 2", "is no YAML"),
        ("\n# \udcff", "line 2: no UTF-8"),
    ],
)
def test_a_local_file_is_named(settings: dict[str, Any], content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "conf/local").mkdir(parents=True)
    (tmp_path / "conf/local/mine.yaml").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(PipelineError) as found:
        overlaid(settings, tmp_path)
    assert told in found.value.message
    assert "conf/local/mine.yaml" in found.value.message


def test_what_does_not_go_together_in_a_section_is_said_without_the_section(settings: dict[str, Any]) -> None:
    with pytest.raises(PipelineError) as found:
        typed(sft.config, {**settings["sft"], "micro_batch": 64}, at="sft")
    assert "sft: batch_size 8 is no multiple of micro_batch 64" in found.value.message
    assert "data/pretrain" not in found.value.message


BOUNDS: list[tuple[str, dict[str, Any], str, str | None]] = [  # of a stage: values, what is told, the mend
    ("split", {"split.val": 1.4}, "split.val: Input should be less than 1 (found 1.4)", "split.val=0.05"),
    ("split", {"split.val": 0.6, "split.test": 0.5}, "val 0.6 and test 0.5 leave nothing for train", "split.val=0.05 split.test=0.05"),
    ("sft", {"seed": -1, "sft.seed": -1}, "  seed: Input should be greater than or equal to 0 (found -1)", "seed=1"),
    ("split", {"split.seed": -1}, "  split.seed: Input should be greater", "split.seed=1"),
    ("split", {"split.overlap.ngram": 5}, "min_words 4 <= short_ngram 8 <= ngram 5", "split.overlap.ngram=13"),
    ("tokenizer", {"tokenizer.vocab_size": 100}, "vocab_size=100 has no room for 256 bytes and 6 special", "tokenizer.vocab_size=262"),
    ("tokenizer", {"tokenizer.kind": "word", "tokenizer.vocab_size": 5}, "vocab_size=5 has no room", "tokenizer.vocab_size=8"),
    ("tokenizer", {"tokenizer.vocab_size": 263, "tokenizer.think_tokens": True}, "and 8 special tokens", "tokenizer.vocab_size=264"),
    ("sft", {"sft.learning_rate": math.inf}, "sft.learning_rate: Input should be a finite number", None),
    ("dedup", {"dedup.near.threshold": 1.5}, "threshold: Input should be less than or equal to 1", "dedup.near.threshold=0.8"),
    ("dedup", {"dedup.near.bands": 0}, "dedup.near.bands: Input should be greater than 0", None),
    ("dedup", {"dedup.paragraph.min_words": 0}, "dedup.paragraph.min_words: Input should be greater than 0", None),
    ("select", {"select.min_score": 2}, "select.min_score: Input should be less than or equal to 1", "select.min_score=null"),
    ("select", {"select.score.training.epochs": 0}, "select.score.training.epochs: Input should be greater than 0", None),
    ("select", {"select.rules": [{"name": "a", "statistic": "words", "min": 2, "max": 1}]}, "invalid rules: a", None),
    ("select", {"select.rules": [{"name": "a", "statistic": "word", "min": 2, "max": None}]}, "unknown statistics word; clean", None),
    ("clean", {"clean.repairs": ["ocrr"]}, "clean: repairs: 'ocrr' is none of encoding, ", "clean.repairs=null"),
    (
        "corpus",
        {"corpus.world.chapters": [7, 5]},
        "chapters (7, 5) is not at least 1, minimum before",
        "corpus.world.chapters=[5,7]",
    ),
    ("corpus", {"corpus.shard_bytes": 0}, "corpus.shard_bytes: Input should be greater than or equal to 1", None),
    ("dialogues", {"dialogues.world.val": 0.0}, "dialogues.world.val: Input should be greater than 0", None),
    ("dialogues", {"dialogues.max_bad_fraction": 2}, "max_bad_fraction: Input should be less than or equal to 1", None),
    (
        "dialogues",
        {"dialogues.hub": [{"path": "hub:a/b", "revision": "main", "split": "train", "subset": None}]},
        "dialogues.hub.0.revision: String should match",
        None,
    ),
    ("report", {"report.shown.excerpt": 0}, "report.shown.excerpt: Input should be greater than 0", None),
]


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ([], "corpus.sources is empty"),
        ([{"name": "a", "path": "b", "weight": -1}], "weight=-1.0 is negative"),
        ([{"name": "a", "pth": "b", "weight": "x"}], "corpus.sources.0.pth: Unexpected keyword"),
    ],
)
def test_a_wrong_source_is_told_before_anything_runs(sources: list[Any], told: str, settings: dict[str, Any]) -> None:
    (fault,) = faults_of_sources({**settings["corpus"], "reader": "sources", "sources": sources})
    assert told in fault.message


def with_values(settings: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    spoiled = copy.deepcopy(settings)
    for key, value in values.items():
        *above, last = key.split(".")
        reduce(lambda section, name: section[name], above, spoiled)[last] = value
    return spoiled


@pytest.mark.parametrize(("stage", "values", "told", "mend"), BOUNDS)
def test_a_setting_out_of_its_bound_is_told_with_what_mends_it(
    stage: str, values: dict[str, Any], told: str, mend: str | None, settings: dict[str, Any], blocks: dict[str, Block]
) -> None:
    spoiled = with_values(settings, values)
    (fault,) = mended(list(faults_of(blocks[stage], spoiled)), spoiled)
    assert told in fault.message
    assert mend is None or fault.mend == mend
    if "go on from here: make repro SET=" in in_full(fault):
        words = dict(word.split("=", 1) for word in words_of(fault.mend))
        right = with_values(spoiled, {key: yaml.safe_load(value) for key, value in words.items()})
        assert list(faults_of(blocks[stage], with_values(right, {f"{stage}.seed": right["seed"]} if "seed" in words else {}))) == []


def test_a_file_of_conf_that_a_hand_has_spoiled_is_named_with_the_command_that_brings_it_back(spoil: Any, blocks: dict[str, Block]) -> None:
    spoil(SFT, lambda old: old.replace(b"\nbatch_size:", b"\nbatch_sizes: 3\nbatch_size:"))
    spoiled = plain(compose([]))
    (fault,) = mended(list(faults_of(blocks["sft"], spoiled)), spoiled)
    assert "sft.batch_sizes: Unexpected keyword argument: meant is sft.batch_size" in fault.message
    assert fault.mend == f"git checkout {SFT}"


@pytest.mark.parametrize("word", ["pretrain.micro_batch=100000", "pretrain.batch_tokens=1000", "hardware.ranks=64"])
def test_batches_that_do_not_divide_are_told_with_what_does(word: str) -> None:
    (fault,) = faults_between(plain(compose([word])))
    assert list(faults_between(plain(compose([word, fault.mend])))) == []


def test_a_benchmark_of_another_shape_is_told_before_anything_runs_and_read_once(settings: dict[str, Any], tmp_path: Path) -> None:
    task = plain(compose(["tasks=[text,dialogues,prompts,piqa]"]))["tasks"]["piqa"] | {"files": "piqa/*.jsonl"}
    asked = {"evaluate": {**settings["evaluate"], "benchmarks": str(tmp_path)}, "tasks": {"piqa": task}}
    (tmp_path / "piqa").mkdir()
    checked: list[str] = []
    for content, told in (
        ('{"goal": "x"}\n', "a.jsonl:1 has not the shape of this benchmark"),
        ("{cut\n", "a.jsonl, line 1: malformed_json"),
    ):
        (tmp_path / "piqa/a.jsonl").write_text(content)
        (fault,) = faults_of_benchmarks(asked, checked, 0)
        assert told in fault.message
        assert fault.message.startswith("tasks.piqa.files")
    (tmp_path / "piqa/a.jsonl").write_text('{"goal": "Open it.", "sol1": "Pull.", "sol2": "Push.", "label": 0}\n')
    assert list(faults_of_benchmarks(asked, checked, 0)) == []
    assert len(checked) == 1
    assert list(faults_of_benchmarks(asked, checked, 0)) == []
    assert len(checked) == 1


def test_votes_that_are_not_there_are_told_with_the_command_that_makes_them_and_a_model_with_one_that_is() -> None:
    for words, mend in (
        (
            ["preferences=[votes]", "preferences.votes.source=data/none.jsonl"],
            "make vote, whose votes stand in data/none.jsonl",
        ),
        (["align.ppo.source=data/align/dop"], "align.ppo.source=data/align/dpo, or another of"),
    ):
        other = plain(compose(words))
        assert mend in next(faults_of_paths(pipeline_of(other), other)).mend


def test_a_training_that_diverges_is_told_with_half_of_its_learning_rates() -> None:
    section = {"matrices": {"lr": 0.02, "weight_decay": 0.0}, "embeddings": {"lr": None}, "learning_rate": 3e-3, "embedding_lr_scale": 1.0}
    with pytest.raises(Diverged) as found, gentler_told(section, at="pretrain"):
        raise Diverged("the loss is nan", mend="smaller learning rates, or pretrain.precision=fp32")
    assert found.value.mend == "pretrain.matrices.lr=0.01 pretrain.learning_rate=0.0015, or pretrain.precision=fp32"
    assert in_full(found.value).endswith("SET='pretrain.matrices.lr=0.01 pretrain.learning_rate=0.0015'")

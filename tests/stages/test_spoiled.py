"""What users spoil: each is told with its place and, where it can be, with words that mend it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import PipelineError
from pipeline.core.local import overlaid
from pipeline.core.params import read_mapping
from stages._checks import check_apart, faults_between, faults_of_benchmarks, refuse_other_sections
from stages._mends import in_full
from stages._settings import compose, plain, typed
from stages.sft import main as sft

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return plain(compose([]))


@pytest.mark.parametrize(
    ("words", "told", "mend"),
    [
        (["sft.learning_rat=1"], "there is no setting sft.learning_rat", "sft.learning_rate=1"),
        (["stf.batch_size=4"], "there is no setting stf.batch_size", "sft.batch_size=4"),
        (["pretrian=adamw"], "there is no setting pretrian", "pretrain=adamw"),
        (["pretrain.learning_ratee=1"], "pretrain has source, ", "stages.pretrain --help"),
        (["pretrain=adamww"], "conf/pretrain has no adamww", "pretrain=adamw"),
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

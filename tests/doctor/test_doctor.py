"""The doctor on good and on spoiled settings, machines and data."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps import doctor
from pipeline.core import arithmetic
from pipeline.core.artifact.scores import Scores
from pipeline.core.blocks import Block, read_blocks
from pipeline.core.files import write_json
from pipeline.core.remaining import told_key
from pipeline.doctor import data, machine
from pipeline.doctor.stages import DRY, LAST, OTHER, lacks, times, with_memory
from pipeline.model.build import blank
from pipeline.pretraining.dry_step import vocabulary_of
from pipeline.tokens.kinds.bpe import train as train_bpe
from stages._settings import compose, plain

ROOT = Path(__file__).parents[2]
ONE = {"message": "one", "mend": "this"}  # fault of the settings


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return plain(compose(["size=smoke"]))


@pytest.fixture(scope="module")
def blocks(settings) -> list[Block]:
    return read_blocks(ROOT / "dvc.yaml", settings)


def named(blocks: list[Block], name: str) -> Block:
    return next(block for block in blocks if block.name == name)


def takes(mend: str) -> dict[str, Any]:
    """What the settings become by a mend that is a command, or words: it must be one that the chain takes."""
    said = shlex.split(mend.split(", or ")[0].split(", and ")[0])
    words = next((shlex.split(word.removeprefix("SET=")) for word in said if word.startswith("SET=")), said)
    return plain(compose(["size=smoke", *words]))


def test_a_full_disk_is_told_before_the_run(blocks, tmp_path, monkeypatch) -> None:
    lock = {"stages": {"corpus": {"outs": [{"size": 3_000_000}]}}}
    assert machine.disk(tmp_path, blocks, lock, weights=1000, checkpoint=3000).mend is None
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 5_000_000}))
    found = machine.disk(tmp_path, blocks, lock, weights=1000, checkpoint=3000)
    assert found.told == "5 MB free; what is to do writes about 6 MB"
    assert (found.mend or "").startswith("make gc")


def test_a_file_of_others_stops_a_run_that_would_remove_it(told, blocks, monkeypatch, capsys) -> None:
    """DVC empties a folder before its stage runs, so the stage, which refuses to write over such a file, never sees it."""
    with Scores(Path("data/evaluate/base")).writing() as draft:
        write_json(draft.path / "scores.json", [])
    assert machine.foreign_files(blocks, Path()) == []
    mine = Path("data/evaluate/base/notes.txt")
    mine.write_text("mine")
    monkeypatch.setattr(sys, "argv", ["doctor", "--brief"])
    with pytest.raises(SystemExit) as end:
        doctor.main()
    assert end.value.code == 1
    said = capsys.readouterr().out
    assert f"{mine} is no file of ours, and would go with data/evaluate/base" in said
    subprocess.run(said.partition("mend: ")[2].strip(), shell=True, check=True)
    assert (Path("notes.txt").read_text(), mine.exists()) == ("mine", False)


def test_a_folder_that_dvc_does_not_know_is_told(tmp_path) -> None:
    assert machine.repository(ROOT) == []
    assert [one.mend for one in machine.repository(tmp_path)] == ["git checkout .dvc"]


def test_packages_that_differ_are_told_with_their_versions(tmp_path) -> None:
    (tmp_path / "requirements.lock").write_text("pydantic==0.0.1\n")
    found = machine.packages(tmp_path / "requirements.lock")
    assert "pydantic" in found.told
    assert found.mend == "make setup"


def test_a_precision_and_threads_that_the_machine_has_not_are_told(settings, monkeypatch) -> None:
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "x86_64")
    spoiled = {**settings, "pretrain": {**settings["pretrain"], "precision": "bf16"}, "hardware": {**settings["hardware"], "threads": 4096}}
    assert [one.mend for one in machine.computing(settings, "cpu")] == [None]
    threads, precision = [one for one in machine.computing(spoiled, "cpu") if one.mend]
    assert takes(threads.mend or "")["hardware"]["threads"] == 0
    assert takes(precision.mend or "")["pretrain"]["precision"] == "fp32"
    half = {**settings, "pretrain": {**settings["pretrain"], "precision": "fp16"}}
    assert "fp16" in next(one for one in machine.computing(half, "cpu") if one.mend).told
    eighth = {**settings, **{name: {**settings[name], "precision": "fp8"} for name in ("sft", "reward")}}
    (found,) = [one for one in machine.computing(eighth, "cpu") if one.mend]
    assert "H100" in found.told
    assert found.mend == "sft.precision=fp32 reward.precision=fp32"
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "aarch64")
    assert [one.mend for one in machine.computing(half, "cpu")] == [None]


def test_a_tracker_is_told_to_be_off_offline_without_an_account_or_out_of_reach(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    track = {"kind": "wandb", "project": "p", "mode": "auto", "folder": ".run/wandb"}
    assert machine.tracker({"kind": "none"}, reach=True).mend is None
    assert "no account" in machine.tracker(track, reach=True).told
    assert "wandb login" in (machine.tracker(track | {"mode": "online"}, reach=True).mend or "")
    monkeypatch.setenv("WANDB_API_KEY", "x")
    away = machine.tracker(track, reach=True)
    assert "does not answer" in away.told
    assert takes(away.mend or "")["track"]["mode"] == "offline"
    assert machine.tracker(track, reach=False).mend is None


def test_a_text_that_is_read_too_often_is_told_with_a_duration_that_the_chain_takes(settings, tmp_path) -> None:
    (tmp_path / "tokenize.json").write_text(json.dumps({"train": {"tokens": 1000}}))
    (tmp_path / "dialogues.json").write_text(json.dumps({"instructions_by_part": {"train": 2}}))
    text, dialogues = data.passes(settings, tmp_path)
    assert takes(text.mend or "")["pretrain"]["duration"] == "4epochs"
    assert takes(dialogues.mend or "")["sft"]["duration"] == "20epochs"
    assert all(one.mend is None for one in data.passes(settings, tmp_path / "none"))
    (tmp_path / "tokenize.json").write_text("{}")
    (tmp_path / "dialogues.json").write_text("[")
    assert [one.mend for one in data.passes(settings, tmp_path)] == [None], "what a stage writes anew stops no look"


def test_a_chain_that_ends_with_pretrain_is_told_before_it_runs(settings) -> None:
    assert data.ending(settings) == []
    (found,) = data.ending(plain(compose(["objective=masked"])))
    assert takes(found.mend or "")["objective"]["kind"] == "causal"


def test_a_dialogue_is_shown_with_what_is_trained_on(tmp_path) -> None:
    shown = data.dialogue(tmp_path)
    assert "".join(piece for piece, _ in shown.pieces) == "<|endoftext|><|user|>What is this?<|end|><|assistant|>An example.<|end|>"
    assert [piece for piece, trained in shown.pieces if trained] == ["An example.<|end|>"]
    assert shown.finding.mend is None


def test_time_is_that_of_the_last_run_with_these_settings_else_a_dry_step_else_of_other_settings(settings, blocks, tmp_path) -> None:
    def ran(name: str, seconds: float, told: str) -> None:
        (tmp_path / f"{name}.json").write_text(json.dumps({"seconds": seconds, "told": told, "peak_megabytes": 100}))

    ran("clean", 7, told_key(named(blocks, "clean"), settings))
    ran("pretrain", 9, "other")
    ran("sft", 3, "other")
    looks = {look.name: look for look in times(blocks, settings, tmp_path, dry=60.0)}
    assert [(looks[name].seconds, looks[name].by) for name in ("clean", "pretrain", "sft")] == [(7, LAST), (60, DRY), (3, OTHER)]
    assert looks["clean"].memory == 100 << 20
    assert looks["report"].seconds is None


def test_every_training_stage_has_an_estimate_and_a_lack_names_rows_that_fit(settings, blocks, tmp_path) -> None:
    module = blank(settings["model"], vocabulary=512)
    some = [block for block in blocks if block.folder.split("/")[0] in ("pretrain", "sft", "reward", "align")]
    looks = times(some, settings, tmp_path)
    plenty = [with_memory(look, block, settings, module, free=1 << 40) for look, block in zip(looks, some, strict=True)]
    assert all(look.memory for look in plenty)
    assert lacks(plenty) == []
    block = named(blocks, "pretrain")
    (look,) = times([block], settings, tmp_path)
    need = with_memory(look, block, settings, module, free=None).memory or 0
    (lack,) = lacks([with_memory(look, block, settings, module, free=int(0.9 * need))])
    assert 0 < takes(lack.mend or "")["pretrain"]["micro_batch"] < settings["pretrain"]["micro_batch"]


def test_memory_is_estimated_by_the_objective_and_by_the_vocabulary_that_is_imported(settings, blocks, tmp_path) -> None:
    module, block = blank(settings["model"], vocabulary=512), named(blocks, "pretrain")

    def need(*words: str) -> int:
        other = plain(compose(["size=smoke", *words]))
        return with_memory(times([block], other, tmp_path)[0], block, other, module, free=None).memory or 0

    assert need("objective=multi_token") > need() > 0
    assert need("objective=span") == 0, "its module is another: nothing is said"
    train_bpe(["the old fox " * 9], vocab_size=270, pattern="gpt2").save(str(tmp_path / "tokenizer.json"))
    assert vocabulary_of(plain(compose(["tokenizer=import", f"tokenizer.path={tmp_path}"])), tmp_path / "none") == 270


@pytest.fixture
def told(settings, monkeypatch, tmp_path) -> Any:
    """The doctor's words and exit status for what the plan says, in a folder where nothing has run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    (tmp_path / "params.yaml").write_text(json.dumps(settings))
    monkeypatch.setattr(doctor, "TIMED_S", 0.0)

    def run(faults: list[dict[str, str]], *words: str) -> int:
        monkeypatch.setattr(
            doctor, "checked", lambda words: {"settings": settings, "faults": faults, "changed": [], "words": ["size=smoke"]}
        )
        monkeypatch.setattr(sys, "argv", ["doctor", *words])
        with pytest.raises(SystemExit) as end:
            doctor.main()
        return int(end.value.code or 0)

    return run


def test_good_settings_end_well_and_spoiled_ones_with_every_fault(told, capsys) -> None:
    assert told([]) == 0
    good = capsys.readouterr().out
    assert "a dry step took" in good
    assert "[[An example.<|end|>]]" in good
    assert told([ONE, {"message": "two", "mend": "that"}]) == 1
    spoiled = capsys.readouterr().out
    assert "✗ one\n  mend: this\n✗ two\n  mend: that\n" in spoiled
    assert "dry step took" not in spoiled, "nobody waits for the time of a run that can't be"
    assert "are looked at when the settings are right" in spoiled
    assert "tracker" in spoiled


def test_own_data_that_can_not_be_used_end_with_1_and_settings_with_faults_hide_them_not(
    told, settings, tmp_path, monkeypatch, capsys
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.setitem(
        settings, "corpus", {**settings["corpus"], "reader": "sources", "path": "mine", "sources": [{"name": "a", "path": "."}]}
    )
    for faults in ([], [ONE]):
        assert told(faults) == 1
        assert "✗ text: mine is empty\n  mend: put text files into it" in capsys.readouterr().out


def test_settings_of_wrong_types_stop_no_other_look(settings, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    spoiled = {**settings, "hardware": {**settings["hardware"], "threads": "many"}, "align": None}
    assert [one.what for one in doctor.around(spoiled)] == ["tracker"]
    assert doctor.around({}) == []


def test_in_brief_it_is_a_line_and_imports_no_torch(told, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["doctor", "--brief"])
    doctor.main()
    assert capsys.readouterr().out.startswith("doctor: 22 of 22 stages to do, no time known yet; disk ")


def test_what_make_doctor_says_reaches_the_plan_as_it_takes_it(monkeypatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(doctor, "in_full", lambda words, _: asked.append(list(words)))
    for argv in (["--data", "", "--set", ""], ["--data", "mine", "--set", "size=smoke align.dpo.beta=0.3"]):
        monkeypatch.setattr(sys, "argv", ["doctor", *argv])
        with pytest.raises(SystemExit) as end:
            doctor.main()
        assert end.value.code == 0
        assert asked.pop() == argv


def test_one_command_says_every_mend_that_is_a_value_and_the_words_that_were_only_looked_at(capsys) -> None:
    findings = [
        machine.Finding("", "too many", "pretrain.batch_tokens=768 split.val=0.05"),
        machine.Finding("", "a typo", "git checkout conf/sft/default.yaml"),
        machine.Finding("text", "too much is bad", "corpus.max_bad_fraction=0.5, or correct it"),
        machine.Finding("tracker", "nobody answers", "make repro SET=track=none, or later"),
        machine.Finding("threads", "too many", "make repro SET=hardware.threads=0", stops=False),
    ]
    doctor.tell_faults(findings, doctor.Console(width=500), ["data=own", "data.path=/my texts", "split.val=3"])
    *told, last = capsys.readouterr().out.strip().split("\n")
    said = ["data=own", "data.path=/my texts", "split.val=0.05", "pretrain.batch_tokens=768", "corpus.max_bad_fraction=0.5"]

    def words(line: str) -> list[str]:
        return shlex.split(shlex.split(line[line.index("SET=") :].partition(", or")[0])[0].removeprefix("SET="))

    assert last.startswith("go on from here: make repro SET=")
    assert words(last) == said
    assert [line for line in told if "too many" in line or "typo" in line] == ["✗ too many", "✗ a typo", "! threads: too many"]
    assert [words(line) for line in told if "make repro" in line] == [[*said, "track=none"], [*said, "hardware.threads=0"]]


def test_of_the_time_that_is_told_nothing_is_said_of_what_is_known() -> None:
    def told(*by: str) -> str:
        return doctor.total([doctor.Look(one, 60.0 if one else None, one) for one in by])

    assert told(LAST, DRY) == "about 2:00"
    assert told(LAST, OTHER) == "about 2:00 (1 by other settings)"
    assert told(DRY, "", "") == "about 1:00 (2 unknown)"
    assert told("") == "no time known yet"


def test_a_dry_step_computes_as_the_stages_do() -> None:
    """Their arithmetic stands in the environment before torch is imported."""
    code = (
        "import os, sys; from apps import doctor; sys.argv = ['doctor']; "
        "doctor.in_full = lambda *_: print(os.environ['CUBLAS_WORKSPACE_CONFIG'], 'torch' in sys.modules); doctor.main()"
    )
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, text=True)
    assert told.split() == [":4096:8", "False"]

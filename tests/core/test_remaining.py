"""What of the pipeline is still to do, by dvc.lock and the logs of the last run."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.blocks import blocks_of
from pipeline.core.remaining import head_line, to_do, told_key

PIPELINE = {
    "stages": {
        "plan": {"cmd": "-m stages.plan", "outs": ["plan/code"]},
        "corpus": {"deps": ["plan/code/corpus.json"], "params": ["corpus"], "outs": ["data/corpus"]},
        "clean": {"deps": ["plan/code/clean.json", "data/corpus"], "params": ["clean"], "outs": ["data/clean"]},
        "facts": {"deps": ["plan/code/facts.json", "data/corpus"], "params": ["facts"], "outs": ["data/facts"]},
        "report": {"deps": ["plan/code/report.json", "data"], "params": ["report"], "outs": ["page"]},
    }
}
SETTINGS: dict[str, Any] = {name: {"rate": 1e-5} for name in ("corpus", "clean", "facts", "report")}
BLOCKS = blocks_of(PIPELINE, SETTINGS)
CODE = hashlib.md5(b"{}").hexdigest()


def locked() -> dict[str, Any]:
    """A lock in which all is done."""

    def dep(path: str) -> dict[str, str]:
        return {"path": path, "md5": CODE if path.startswith("plan") else f"of {path}"}

    return {
        "stages": {
            block.name: {
                "deps": [dep(path) for path in block.deps],
                "params": {"params.yaml": {param: copy.deepcopy(SETTINGS[param]) for param in block.params}},
                "outs": [{"path": path, "md5": f"of {path}"} for path in block.outs],
            }
            for block in BLOCKS
        }
    }


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS[1:]:
        path = Path("plan/code", f"{block.name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return tmp_path


def names(lock: dict[str, Any], settings: dict[str, Any] = SETTINGS, **more: Any) -> list[str]:
    return [block.name for block in to_do(BLOCKS, settings, lock, **more)]


def test_all_is_to_do_without_a_lock_and_nothing_after_a_whole_run() -> None:
    assert names({}) == ["corpus", "clean", "facts", "report"]
    assert names(locked()) == []


def test_a_changed_value_reaches_its_stage_and_its_readers() -> None:
    assert names(locked(), SETTINGS | {"clean": {"rate": 2e-5}}) == ["clean", "report"]


def test_changed_code_and_other_bytes_of_an_input_count_as_dvc_counts_them() -> None:
    Path("plan/code/facts.json").write_text("[]")
    assert names(locked()) == ["facts", "report"]
    lock = locked()
    lock["stages"]["corpus"]["outs"][0]["md5"] = "other"
    assert names(lock) == ["clean", "facts", "report"]


def test_a_stage_that_runs_though_the_lock_has_it_counts_with_its_readers() -> None:
    assert names(locked(), running="clean") == ["clean", "report"]


def test_the_head_line_counts_skipped_stages_and_leaves_out_times_of_other_settings() -> None:
    log = Path("log")
    log.mkdir()
    changed = SETTINGS | {"clean": {"rate": 2e-5}}
    for block, seconds, told in ((BLOCKS[2], 65, changed), (BLOCKS[4], 5, changed)):
        (log / f"{block.name}.json").write_text(json.dumps({"seconds": 1, "whole_seconds": seconds, "told": told_key(block, told)}))
    assert head_line("clean", BLOCKS, changed, locked(), log) == "stage 3 of 4, clean: about 1:05; about 1:10 left"
    again = head_line("clean", BLOCKS, SETTINGS, locked(), log)
    assert again == "stage 3 of 4, clean; about 0:05 left, and clean not timed yet with these settings"
    assert head_line("facts", BLOCKS, SETTINGS, locked(), Path("none")) == "stage 3 of 4, facts; not timed yet with these settings"

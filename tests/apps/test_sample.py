"""A model's text becomes a file that a corpus can read, or no file."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from apps import sample
from pipeline.core.artifact.model import Model
from pipeline.evaluate.synthetic import REASONS
from tests.apps.taught import write_run

MILD = ["--documents", "12", "--tokens", "60", "--characters", "20", "--copied", "1.0", "--repeated", "1.0", "--ngram", "6"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder / "data")
    return folder


@pytest.fixture
def here(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(run)
    return run


def written(monkeypatch: pytest.MonkeyPatch, target: Path, *options: str) -> list[dict[str, Any]]:
    monkeypatch.setattr(sys, "argv", ["sample", "--target", str(target), *MILD, *options])
    sample.main()
    return [json.loads(line) for line in target.read_text().splitlines()]


def test_rows_hold_the_text_the_model_and_how_likely_it_finds_it(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = written(monkeypatch, tmp_path / "own.jsonl")
    assert rows
    assert {row["model"] for row in rows} == {Model(here / "data" / "pretrain").digest}
    assert all(row["text"].endswith((".", "!", "?")) and row["logprob"] < 0 and "prompt" not in row for row in rows)


def test_the_same_seed_gives_the_same_bytes(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        written(monkeypatch, tmp_path / f"{name}.jsonl", "--seed", seed)
    first, again, other = ((tmp_path / f"{name}.jsonl").read_bytes() for name in "abc")
    assert first == again != other


def test_a_prompt_is_the_beginning_of_a_training_paragraph(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = written(monkeypatch, tmp_path / "own.jsonl", "--prompt", "2")
    assert rows
    assert all(row["text"].startswith(row["prompt"]) and len(row["prompt"].split()) == 2 for row in rows)


def test_the_counts_are_told_and_add_up(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = written(monkeypatch, tmp_path / "own.jsonl", "--quantile", "0.5")
    told = dict(line.split() for line in capsys.readouterr().out.splitlines() if len(line.split()) == 2)
    counts = {name: int(count.replace(",", "")) for name, count in told.items()}
    assert counts["drawn"] == 12 == counts["kept"] + sum(counts[reason] for reason in REASONS)
    assert counts["kept"] == len(rows)
    assert counts["unlikely"] > 0


def test_where_nothing_is_left_there_is_no_file(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"none of 12 texts is worth keeping: 12 empty"):
        written(monkeypatch, tmp_path / "own.jsonl", "--characters", "9999")
    assert list(tmp_path.iterdir()) == []


def test_options_that_cannot_be_meant_are_told_at_once(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        SystemExit, match=r"--tokens 0 is not above 0; --quantile 2\.0 is no share of 0 to 1; --target .*own\.txt is no \.jsonl"
    ):
        written(monkeypatch, tmp_path / "own.txt", "--quantile", "2", "--tokens", "0")


def test_a_file_that_the_user_wrote_is_never_written_over(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"text": "mine"}\n')
    with pytest.raises(SystemExit, match="is not written over"):
        written(monkeypatch, own)
    assert own.read_text() == '{"text": "mine"}\n'

"""`make logs`: the last run of a stage, and the list of all."""

import os
import sys

import pytest

from apps import logs


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".run/log/align"
    folder.mkdir(parents=True)
    days = (("01", "old"), ("02", "new"))
    lines = [f"2026-01-{day} 10:00:00,000 INFO {word}\n" for day, said in days for word in ("begin", said)]
    (folder / "dpo.log").write_text("".join(lines))
    (folder / "dpo.json").write_text('{"seconds": 75}')

    def said(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["logs", *words])
        logs.main()
        return capsys.readouterr().out

    return said


@pytest.mark.parametrize("name", ["align/dpo", "align@dpo", "align.dpo"])
def test_the_last_run_of_a_stage_is_shown_by_any_of_its_names(name, run) -> None:
    assert run(name) == "2026-01-02 10:00:00,000 INFO begin\n2026-01-02 10:00:00,000 INFO new\n"


def test_all_stages_are_listed_with_time_and_last_words(run) -> None:
    line = run().splitlines()[1]
    assert line.split()[0] == "align/dpo"
    assert "1:15" in line
    assert line.rstrip().endswith("INFO new")


def test_a_stage_without_a_log_is_told_with_those_that_have_one(run) -> None:
    with pytest.raises(SystemExit, match="one of align/dpo"):
        run("sft")


def test_the_other_ranks_of_the_last_run_stand_behind_their_stage_and_can_be_shown(run, capsys, monkeypatch) -> None:
    line = "2026-01-02 10:00:00,000 INFO begin\n"
    for name in ("pretrain", "pretrain-rank1", "pretrain-rank10", "pretrain-rank2"):
        (logs.LOG / f"{name}.log").write_text(line)
    os.utime(logs.LOG / "pretrain-rank10.log", (0, 0))  # of a run before
    os.utime(logs.LOG / "align/dpo.log", (0, 0))
    assert logs.names() == ["align/dpo", "pretrain", "pretrain-rank1", "pretrain-rank2"]
    assert run("pretrain-rank2") == line
    monkeypatch.setattr(sys, "argv", ["logs", "pretrain"])
    logs.main()
    said = capsys.readouterr()
    assert said.out == line
    assert "make logs STAGE=pretrain-rank1 …" in said.err


def test_names_and_times_stand_whole_in_a_narrow_terminal(run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    (logs.LOG / "evaluate").mkdir()
    (logs.LOG / "evaluate/specialize.log").write_text(f"2026-01-02 10:00:00,000 INFO {'word ' * 30}\n")
    line = run().splitlines()[-1]
    assert line.startswith("evaluate/specialize  20")
    assert line.rstrip().endswith("…")

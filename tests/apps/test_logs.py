"""`make logs`: the last run of a stage, and the list of all."""

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

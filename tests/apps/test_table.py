"""The table at the end of a run: every stage, also one that has not run."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from apps import table


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


STAGES = ["corpus", "select", "align/dpo", "evaluate/base", "report"]


def write(path: str, value: object) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(value))


def printed(width: int = 200) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(table.table(STAGES, width))
    return capture.get().splitlines()


def test_a_stage_without_metrics_has_not_run() -> None:
    rows = printed()[1:-1]
    assert [row.split()[0] for row in rows] == list(STAGES)
    assert all("not run" in row for row in rows)


def test_a_stage_tells_its_numbers_and_seconds_and_the_seconds_are_summed() -> None:
    write("metrics/corpus.json", {"documents": 134, "bytes": 3_640_157})
    write("metrics/select.json", {"documents": 116, "dropped": {"empty": 6, "foreign": 12}})
    write(".run/log/corpus.json", {"seconds": 4.14})
    write(".run/log/select.json", {"seconds": 1.5})
    lines = {line.split()[0]: line for line in printed()}
    assert "documents 134" in lines["corpus"]
    assert lines["corpus"].endswith("4.1")
    assert "dropped 18" in lines["select"]
    assert lines["total"].endswith("5.6")


def test_a_stage_from_the_cache_has_no_seconds() -> None:
    write("metrics/corpus.json", {"documents": 1, "bytes": 1})
    assert printed()[1].endswith("cached")


def test_metrics_that_lack_a_number_do_not_break_the_table() -> None:
    for stage in STAGES:
        write(f"metrics/{stage}.json", {})
    assert "–" in "".join(printed())


def test_an_entry_tells_what_it_measures_and_no_more() -> None:
    write("metrics/align/dpo.json", {"accuracy": 0.9, "margin": 0.5})
    line = next(line for line in printed() if line.startswith("align/dpo"))
    assert "ranks correctly 90.0%" in line
    assert "KL" not in line


def test_the_report_s_numbers_lie_beside_its_page() -> None:
    write("data/report/numbers.json", {"bytes": 2_000_000, "absent": 1})
    assert "size 2 MB" in next(line for line in printed() if line.startswith("report"))


def test_a_narrow_terminal_breaks_no_number_from_its_name() -> None:
    write("metrics/corpus.json", {"documents": 134, "bytes": 3_640_157})
    assert any("text 3.64 MB" in line for line in printed(70))


def test_it_says_where_to_go_on() -> None:
    assert table.ways_on() == ["[dim]nothing to open yet:[/dim] make repro"]
    write("data/report/index.html", "")
    write("data/export/gguf/model-Q4_0.gguf", "")
    write("data/export/transformers/safetensors/config.json", {})
    page, files, talk = table.ways_on()
    assert page.endswith("data/report/index.html")
    assert files.endswith("data/export: gguf/model-Q4_0.gguf, transformers/safetensors/")
    assert talk.endswith("make chat")


def test_the_whole_prints_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    table.main()
    assert "make repro" in capsys.readouterr().out

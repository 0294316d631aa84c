"""What is printed about a document, and about the sources."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apps import why
from tests.apps.taught import write_run
from tests.apps.tiny import write_chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    write_chain(folder)
    return folder


def output(asked: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys, "argv", ["why", *asked])
    why.main()
    return capsys.readouterr().out


def printed(asked: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines, white space apart."""
    return [" ".join(line.split()) for line in output(asked, folder, monkeypatch, capsys).splitlines()]


def test_a_life_is_told_in_plain_lines(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(["dee"], chain, monkeypatch, capsys)
    assert lines[0] == "dee-0004"
    assert "origin b.jsonl:4 of the source pages" in lines
    assert "mute 0.9 gibberish: at most 0.2, broken" in lines
    assert "select dropped as gibberish, measured 0.9" in lines


def test_a_chain_without_tokens_says_where_it_ends(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        printed(["ada"], chain, monkeypatch, capsys)[-1] == "tokenize not known: data/tokenize is not there; .venv/bin/dvc repro tokenize"
    )


def test_markup_in_the_data_is_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_chain(tmp_path, {"[red]ada[/x]": "[/bold]", "dee-0004": "x", "fin-0006": "", "bo-0002": "b", "eve-0005": "e", "cy-0003": "c"})
    assert printed(["[red]ada[/x]"], tmp_path, monkeypatch, capsys)[0] == "[red]ada[/x]"


def test_a_row_in_quarantine_tells_its_reason(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(["a.jsonl:9"], chain, monkeypatch, capsys)
    assert lines[0] == "a.jsonl:9"
    assert lines[-1].startswith("corpus no_text offset 812")


def test_what_nothing_is_called_is_an_error_with_near_matches(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"no document is called ada-0009\n  mend: make why ID=ada-0001"):
        printed(["ada-0009"], chain, monkeypatch, capsys)


def test_an_id_or_the_sources_but_not_both(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for asked in ([], ["ada", "--sources"]):
        with pytest.raises(SystemExit):
            printed(asked, chain, monkeypatch, capsys)
        assert "give an ID, or --sources" in capsys.readouterr().err


def test_a_life_is_told_without_torch(chain: Path, root: Path) -> None:
    code = "import sys, apps.why; sys.argv = ['why', 'ada']; apps.why.main(); assert 'torch' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=chain, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_one_source_is_nothing_to_weigh(chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(["--sources"], chain, monkeypatch, capsys)[0].endswith("there is nothing to weigh.")


def test_the_proposal_is_a_table_and_the_yaml_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "data")
    entries = [{"name": "books", "path": "books", "weight": 1.0, "tags": ["old"]}, {"name": "pages", "path": "*.jsonl", "weight": 2.0}]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": entries}}))
    out = output(["--sources", "--temperature", "0.5"], tmp_path, monkeypatch, capsys)
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["source", "books", "pages"]
    pasted = yaml.safe_load(out[out.index("sources:") :])["sources"]
    assert [entry | {"weight": 0} for entry in pasted] == [entry | {"weight": 0} for entry in entries]
    weights = [entry["weight"] for entry in pasted]
    assert min(weights[0] - 1.0, weights[1] - 2.0) < 0 < max(weights[0] - 1.0, weights[1] - 2.0)  # one gives what the other takes

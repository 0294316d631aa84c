"""The drawing of the pipeline is DVC's, and stands between its markers. (That README.md is fresh is a rule of the house.)"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apps import drawing

PIPELINE = {
    "stages": {
        "plan": {"outs": [{"plan/composed.yaml": {"cache": False}}, "plan/read.json"]},
        "read": {"deps": ["plan/read.json", "${read.path}"], "outs": ["data/read"], "metrics": [{"metrics/read.json": {"cache": False}}]},
        "learn": {"deps": ["data/read"], "outs": ["data/learn"]},
        "tell": {"deps": ["${tell.source}", "metrics/read.json"], "outs": ["data/tell"]},
    }
}
SETTINGS = {"read": {"path": "data/input"}, "tell": {"source": "data/learn"}}
README = f"before\n{drawing.START}\nold\n{drawing.END}\nafter\n"


def test_it_has_the_edges_that_dvc_sees() -> None:
    """The oracle is DVC's own drawing, without plan, which feeds every stage."""
    pipeline, settings = yaml.safe_load(Path("dvc.yaml").read_text()), yaml.safe_load(Path("params.yaml").read_text())
    told = subprocess.run([sys.executable, "-m", "dvc", "dag", "--mermaid"], capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(node\d+)\["?([\w-]+)"?\]', told))
    edges = {(names[source], names[reader]) for source, reader in re.findall(r"(node\d+)-->(node\d+)", told)}
    assert edges, told
    assert set(drawing.edges_of(pipeline, settings)) == {edge for edge in edges if edge[0] != "plan"}


def test_an_arrow_leads_from_who_writes_to_who_reads() -> None:
    assert drawing.edges_of(PIPELINE, SETTINGS) == [("read", "learn"), ("read", "tell"), ("learn", "tell")]


def test_only_the_text_between_the_markers_changes() -> None:
    drawn = drawing.redrawn(README, "flowchart TD")
    assert drawn == f"before\n{drawing.START}\n```mermaid\nflowchart TD\n```\n{drawing.END}\nafter\n"
    assert drawing.redrawn(drawn, "flowchart TD") == drawn


def test_a_readme_without_markers_is_refused_with_the_mend() -> None:
    with pytest.raises(SystemExit, match="mend: put"):
        drawing.redrawn("no markers", "x")


def test_check_says_stale_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text(README)
    Path("dvc.yaml").write_text(yaml.safe_dump(PIPELINE, sort_keys=False))
    Path("params.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.setattr(sys, "argv", ["drawing", "--check"])
    with pytest.raises(SystemExit, match="make docs"):
        drawing.main()
    assert Path("README.md").read_text() == README
    monkeypatch.setattr(sys, "argv", ["drawing"])
    drawing.main()
    assert "learn --> tell" in Path("README.md").read_text()
    monkeypatch.setattr(sys, "argv", ["drawing", "--check"])
    drawing.main()

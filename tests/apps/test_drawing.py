"""The drawing of the pipeline is DVC's, and stands between its markers. (That README.md is fresh is a rule of the house.)"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apps import drawing
from pipeline.core.blocks import blocks_of, edges_of

PIPELINE = {
    "stages": {
        "plan": {"outs": [{"plan/composed.yaml": {"cache": False}}, "plan/code"]},
        "read": {
            "deps": ["plan/code/read.json", "${read.path}"],
            "outs": ["data/read"],
            "metrics": [{"metrics/read.json": {"cache": False}}],
        },
        "learn": {"deps": ["data/read"], "outs": ["data/learn"]},
        "align": {"foreach": "${align}", "do": {"deps": ["${item.source}"], "outs": ["data/align/${key}"]}},
        "tell": {"deps": ["data/align", "metrics/read.json"], "outs": ["data/tell"]},
    }
}
SETTINGS = {"read": {"path": "data/input"}, "align": {"dpo": {"source": "data/learn"}, "more": {"source": "data/align/dpo"}}}
README = f"before\n{drawing.START}\nold\n{drawing.END}\nafter\n"


def test_it_has_the_edges_that_dvc_sees() -> None:
    """The oracle is DVC's own drawing, without plan, which feeds every stage."""
    pipeline, settings = yaml.safe_load(Path("dvc.yaml").read_text()), yaml.safe_load(Path("params.yaml").read_text())
    told = subprocess.run([sys.executable, "-m", "dvc", "dag", "--mermaid"], capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(node\d+)\["?([\w@-]+)"?\]', told))
    edges = {(names[source], names[reader]) for source, reader in re.findall(r"(node\d+)-->(node\d+)", told)}
    assert edges, told
    assert set(edges_of(blocks_of(pipeline, settings))) == edges


def test_an_arrow_leads_from_who_writes_to_who_reads_and_a_list_is_one_node() -> None:
    drawn = drawing.mermaid(PIPELINE, SETTINGS)
    arrows = re.findall(r"(\w+) --> (\w+)", drawn)
    assert arrows == [("read", "learn"), ("learn", "align"), ("read", "tell"), ("align", "tell")]
    assert "align[align: one an entry]" in drawn


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
    assert "learn --> align" in Path("README.md").read_text()
    monkeypatch.setattr(sys, "argv", ["drawing", "--check"])
    drawing.main()

"""What README.md and the guides state is so: the figures of the run, the files that they show."""

import json
import re
from pathlib import Path

from pipeline.report.figures import number
from pipeline.text.dialogues.files import read_dialogues
from tests.house.test_drawing_and_settings import ROOT
from tests.text.dialogue_tools import rules

METRICS = json.loads((ROOT / "metrics.json").read_text())


def test_the_table_of_a_run_in_the_readme_has_the_figures_of_the_committed_run():
    run = (ROOT / "README.md").read_text().split("## A run\n")[1].split("\n## ")[0]
    base, file = (METRICS[name] for name in ("base", "file"))
    contest, sft = (json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in ("contest", "evaluate/sft"))
    dpo, ppo = (contest[name]["against_reference"] for name in ("dpo", "ppo"))
    wanted = [f"{base[name]:.3f}" for name in ("bpb", "bpb_source", "bpb_ngram")]
    right = sft["facts_held_out"]["right"]  # metrics.json has four digits of it, which rounded again are others
    wanted += [f"{100 * share:.1f} %" for share in (right, METRICS["reward"]["acc"], dpo["gold_win"], ppo["gold_win"])]
    wanted += [f"{dpo['kl']:.2f} and {ppo['kl']:.2f} nats", f"Q4_0 {file['bytes'] / 1e6:.3g} MB", f"{file['kl']:.4f} nats".lstrip("0")]
    wanted += [
        f"{METRICS['text']['docs']} documents",
        f"{METRICS['vocab']['bytes']:.2f} bytes a token",
        f"{METRICS['text']['leaks']} leaks left",
    ]
    assert [figure for figure in wanted if figure not in run] == []


def test_the_files_of_the_guide_to_own_preferences_are_read_as_it_says(tmp_path: Path):
    text = (ROOT / "docs/own-preferences.md").read_text()
    files = re.findall(r"`(mine/[\w.]+)`[^\n]*\n```json\n(.*?)```", text, re.DOTALL)
    assert len(files) == 2
    for name, content in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found = read_dialogues(tmp_path / "mine", (), rules(0.0, "keep"), seed=1)
    assert {name: len(rows) for name, rows in found.tables.items() if rows} == {"instructions": 1, "preferences": 1}
    assert found.bad == []


def test_the_glossary_is_linked_and_its_number_of_terms_is_told_right():
    told = (ROOT / "docs/glossary.md").read_text()
    assert f"The {number(told.count('</a>**'))} terms" in told
    assert "docs/glossary.md" in (ROOT / "README.md").read_text()

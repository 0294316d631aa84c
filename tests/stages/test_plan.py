"""The plan: settings that merge, sections that are checked once, strays that are removed, and what --help prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from stages import _plan
from stages._help import comments_of, groups, leaves
from stages._plan import check_sections, moved, pipeline_before, pipeline_of, remove_strays
from stages._settings import compose, plain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict:
    return plain(compose([]))


def prints(settings: dict) -> dict[Path, str]:
    """A fingerprint for every stage file."""
    return dict.fromkeys(_plan.code_files().values(), "code")


def test_a_section_is_checked_once_and_again_when_it_or_its_code_changes(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_plan, "CHECKED", tmp_path / "checked.json")
    seen: list[str] = []
    monkeypatch.setattr(_plan, "faults_of", lambda block, settings: seen.append(block.name) or ())
    blocks = pipeline_of(settings)
    check_sections(blocks, settings, prints(settings))
    assert seen == [block.name for block in blocks[1:]]
    seen.clear()
    check_sections(blocks, settings, prints(settings))
    assert seen == []
    changed = {**settings, "select": {**settings["select"], "min_score": 0.5}}
    check_sections(blocks, changed, prints(settings))
    assert seen == ["select"]
    seen.clear()
    check_sections(blocks, settings, prints(settings) | {Path("plan/code/align/dpo.json"): "new"})
    assert seen == ["align@dpo"]


def test_faults_of_several_sections_are_told_at_once_and_are_not_remembered(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_plan, "CHECKED", tmp_path / "checked.json")
    wrong = {**settings, "clean": {**settings["clean"], "quotes": 3}, "split": {**settings["split"], "val": "much"}}
    text = [block for block in pipeline_of(wrong) if block.name in ("clean", "split", "dedup")]
    for _ in range(2):
        with pytest.raises(PipelineError) as fault:
            check_sections(text, wrong, prints(settings))
        assert "clean.quotes" in fault.value.message
        assert "split.val" in fault.value.mend
    assert not (tmp_path / "checked.json").exists()


def test_stages_that_come_go_or_read_something_else_are_told(settings) -> None:
    before = pipeline_of(settings)
    after = pipeline_of(plain(compose(["align=[dpo,dpo_strong]"])))
    told = list(moved(before, after))
    assert {"no align@ppo", "align@dpo_strong", "no evaluate@ppo", "evaluate@dpo_strong"} <= set(told)
    assert "export@gguf on data/align/dpo_strong" in told
    assert list(moved(before, before)) == []
    assert pipeline_before({"align": {}}) == []


def test_what_no_entry_names_is_removed_and_what_the_product_did_not_write_stays(settings, tmp_path, monkeypatch) -> None:
    blocks = pipeline_of(settings)
    monkeypatch.chdir(tmp_path)
    for name in ("base", "gone"):
        with Scores(f"data/evaluate/{name}").writing() as draft:
            write_json(draft.path / "scores.json", [])
        write_json(Path(f"metrics/evaluate/{name}.json"), {})
    Path("data/evaluate/thesis").mkdir()
    Path("data/evaluate/thesis/chapter.txt").write_text("mine")
    Path("plots/align").mkdir(parents=True)
    Path("plots/align/gone.csv").write_text("step\n")
    remove_strays(blocks)
    assert sorted(path.name for path in Path("data/evaluate").iterdir()) == ["base", "thesis"]
    assert [path.name for path in Path("metrics/evaluate").iterdir()] == ["base.json"]
    assert list(Path("plots/align").iterdir()) == []


def printed(*words: str) -> str:
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_tells_what_a_stage_does_and_each_key_with_its_comment() -> None:
    said = printed("stages.select", "--help")
    assert "reads" in said
    assert "select.examples=data/examples" in said
    assert "select.score.max_characters=20000" in said
    assert "of each example, from its beginning" in said


def test_cfg_prints_the_section_as_it_would_run() -> None:
    assert "vocab_size: 777" in printed("stages.tokenizer", "--cfg", "tokenizer.vocab_size=777")


def test_a_sweep_by_hydra_is_refused_with_what_to_use_instead() -> None:
    done = subprocess.run([sys.executable, "-m", "stages.select", "-m"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dvc exp run --queue" in done.stderr


def test_the_groups_are_listed_with_what_each_file_is() -> None:
    told = "\n".join(groups())
    assert "align=[dpo_strong]" in told
    assert "dedup=exact" in told
    assert all(path.stem in told for path in (ROOT / "conf").glob("*/*.yaml"))


def test_comments_are_found_by_their_dotted_key() -> None:
    found = comments_of(["pretrain"], {"pretrain": "muon"})
    assert found["adamw.lr"] == "a step"
    assert found["muon.ns_steps"] == "Newton-Schulz iterations"


def test_leaves_are_words_for_the_command_line() -> None:
    assert dict(leaves({"a": {"b": 1, "c": None}, "d": [1, 2], "e": "x"})) == {"a.b": "1", "a.c": "null", "d": "[1, 2]", "e": "x"}
    assert json.dumps(dict(leaves({"long": "y" * 99})))[-5:] == '..."}'

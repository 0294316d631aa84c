"""Nothing is ever stale, and nothing runs for nothing: real `dvc repro`, exact sets of stages.

The tests run in the order of the file; each leaves the clone as it found it.
"""

import re

import pytest
import yaml

pytestmark = pytest.mark.smoke


@pytest.fixture
def untouched(clone):
    """The clone; afterwards git and the cache of DVC bring it back."""
    yield clone
    clone.run("git", "reset", "--hard", "--quiet")
    clone.run("git", "clean", "-dfq")
    for path in (clone.folder / "data/input").glob("*.txt"):
        path.unlink()
    clone.dvc("checkout", "--force")
    assert clone.reran() == set()


def params(clone) -> dict:
    return yaml.safe_load((clone.folder / "params.yaml").read_text())


def test_nothing_changed_nothing_runs(clone):
    assert clone.reran() == set()
    assert "up to date" in clone.dvc("status")


def test_a_comment_reruns_only_the_plan(untouched):
    untouched.append("pipeline/align/ppo.py", "\n# a comment\n")
    assert untouched.reran() == {"plan"}


def test_a_constant_of_ppo_reruns_ppo_and_what_reads_it(untouched):
    untouched.edit("pipeline/align/ppo.py", "\nSMOOTHING = 0.95", "\nSMOOTHING = 0.5")
    assert untouched.reran() == {"plan", "ppo", "evaluate", "export", "contest", "report"}


def test_a_threshold_reruns_the_selection_and_what_its_documents_reach(untouched):
    untouched.edit("conf/select/default.yaml", "min: 32,", "min: 33,")
    assert untouched.reran() == {"plan", "select", "report"}, "the same documents were kept: only what shows the threshold may follow"
    untouched.edit("conf/select/default.yaml", "min: 33,", "min: 5500,")
    assert untouched.reran("split") == {"plan", "select", "dedup", "split"}, "nothing is measured again for one book less"
    stale = re.findall(r"^(\w+):", untouched.dvc("status"), re.MULTILINE)
    assert {"tokenizer", "tokenize"} <= set(stale), "what was not asked for is stale, and says so"


def test_the_beta_of_dpo_reruns_dpo_and_what_reads_it(untouched):
    assert untouched.reran("exp", "run", "-S", "dpo.beta=0.3") == {"dpo", "evaluate", "contest", "report"}
    assert params(untouched)["dpo"]["beta"] == 0.3
    untouched.edit("conf/size/smoke.yaml", "contest:\n  resamples: 5", "contest:\n  resamples: 6")
    assert untouched.reran() == {"plan", "contest", "report"}, "an edit in conf/ after an applied experiment"
    assert params(untouched)["dpo"]["beta"] == 0.3, "the experiment's override survives"


def test_hardware_and_track_rerun_nothing(untouched):
    assert untouched.reran("exp", "run", "-S", "hardware=cpu", "-S", "track=wandb") == set()


def test_an_edit_in_conf_reruns_its_stage_under_plain_repro(untouched):
    untouched.edit("conf/size/smoke.yaml", "contest:\n  resamples: 5", "contest:\n  resamples: 6")
    assert untouched.reran() == {"plan", "contest", "report"}


def test_another_export_source_in_conf_is_taken_in_two_steps_and_never_stale(untouched):
    untouched.edit("conf/export/default.yaml", "source: data/ppo ", "source: data/dpo ")
    said = untouched.dvc("repro", check=False)
    assert "dvc.yaml now depends on export.source=data/dpo" in said
    assert untouched.reran() == {"plan", "export", "contest", "report"}
    assert untouched.reran() == set()


def test_a_corpus_folder_that_is_not_there_is_named_before_anything_runs(untouched):
    untouched.edit("conf/corpus/world.yaml", "path: data/input", "path: data/nowhere")
    said = untouched.dvc("repro", check=False)
    assert "there is no corpus.path=data/nowhere" in said
    assert "mend: correct the path" in said


def test_a_file_added_to_the_corpus_folder_reruns_the_text_stages(untouched):
    texts = untouched.folder / "data/input"
    for number in range(40):
        story = " ".join(f"the {word}{number} and a house of wood stood by the water" for word in "abcdefghij")
        ending = f"It was {number} and it was good that they were there with him."
        (texts / f"{number}.txt").write_text(f"A tale {number}\n\n{story}.\n\n{ending}\n")
    untouched.edit("conf/config.yaml", "- corpus: world ", "- corpus: folder ")
    assert untouched.reran("clean") == {"plan", "corpus", "clean"}
    (texts / "more.txt").write_text((texts / "7.txt").read_text().replace("house", "barn"))
    assert untouched.reran("clean") == {"corpus", "clean"}

"""Nothing is ever stale, and nothing runs for nothing: real `dvc repro`, exact sets of stages.

The tests run in the order of the file; each leaves the clone as it found it.
"""

import json
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


def exported(clone) -> str:
    """The model of the exported files."""
    return json.loads((clone.folder / "data/export/gguf/manifest.json").read_text())["facts"]["source"]


def test_nothing_changed_nothing_runs(clone):
    assert clone.reran() == set()
    assert "up to date" in clone.dvc("status")


def test_a_comment_reruns_only_the_plan(untouched):
    untouched.append("pipeline/align/ppo.py", "\n# a comment\n")
    assert untouched.reran() == {"plan"}


def test_a_constant_of_ppo_reruns_ppo_and_what_reads_it(untouched):
    untouched.edit("pipeline/align/ppo_losses.py", "\n_TINY = 1e-8", "\n_TINY = 1e-1")
    assert untouched.reran() == {"plan", "align@ppo", "evaluate@ppo", "export@transformers", "export@gguf", "contest", "report"}


def test_a_threshold_reruns_the_selection_and_what_its_documents_reach(untouched):
    untouched.edit("conf/select/default.yaml", "min: 32,", "min: 33,")
    assert untouched.reran() == {"plan", "select", "report"}, "the same documents were kept: only what shows the threshold may follow"
    untouched.edit("conf/select/default.yaml", "min: 33,", "min: 5500,")
    assert untouched.reran("split") == {"plan", "select", "dedup", "split"}, "nothing is measured again for one book less"
    stale = re.findall(r"^(\w+):", untouched.dvc("status"), re.MULTILINE)
    assert {"tokenizer", "tokenize"} <= set(stale), "what was not asked for is stale, and says so"


def test_the_beta_of_dpo_reruns_dpo_and_what_reads_it(untouched):
    assert untouched.reran("exp", "run", "-S", "align.dpo.beta=0.3") == {"plan", "align@dpo", "evaluate@dpo", "contest", "report"}
    assert params(untouched)["align"]["dpo"]["beta"] == 0.3
    untouched.edit("conf/size/smoke.yaml", "contest:\n  resamples: 5", "contest:\n  resamples: 6")
    assert untouched.reran() == {"plan", "contest", "report"}, "an edit in conf/ after an applied experiment"
    assert params(untouched)["align"]["dpo"]["beta"] == 0.3, "the experiment's override survives"


def test_another_reward_model_reruns_no_dpo(untouched):
    ran = untouched.reran("exp", "run", "-S", "reward.learning_rate=9.0e-4")
    assert {"reward", "align@ppo", "evaluate@ppo"} <= ran
    assert not {"align@dpo", "evaluate@dpo", "evaluate@base", "baselines"} & ran


def test_an_entry_more_runs_itself_and_what_reads_it_and_one_less_leaves_no_trace(untouched):
    exported = {"export@transformers", "export@gguf", "contest", "report"}
    ran = untouched.reran("exp", "run", "-S", "align=[dpo,ppo,dpo_strong]")
    assert ran == {"plan", "align@dpo_strong", "evaluate@dpo_strong", *exported}
    assert (untouched.folder / "metrics/align/dpo_strong.json").is_file()
    ran = untouched.reran("exp", "run", "-S", "align=[dpo]")
    assert ran == {"plan", *exported}
    assert "align@dpo_strong" not in (untouched.folder / "dvc.lock").read_text()
    left = {
        path.name
        for folder in ("data/align", "data/evaluate", "metrics/align", "plots/align")
        for path in (untouched.folder / folder).iterdir()
    }
    assert left == {"dpo", "base", "sft", "dpo.json", "dpo.csv"}
    assert untouched.reran("exp", "run", "-S", "align=[dpo,ppo]") <= {"plan", *exported, "report"}, "all else is in the cache"


def test_a_chain_of_methods_reruns_what_it_reaches(untouched):
    ran = untouched.reran("exp", "run", "-S", "align.ppo.source=data/align/dpo", "align@ppo")
    assert ran == {"plan", "align@ppo"}


def test_hardware_and_track_rerun_nothing(untouched):
    assert untouched.reran("exp", "run", "-S", "hardware=cpu", "-S", "track=wandb") == set()


def test_an_edit_in_conf_reruns_its_stage_under_plain_repro(untouched):
    untouched.edit("conf/size/smoke.yaml", "contest:\n  resamples: 5", "contest:\n  resamples: 6")
    assert untouched.reran() == {"plan", "contest", "report"}


def test_another_list_in_conf_is_taken_in_two_steps_and_never_stale(untouched):
    untouched.edit("conf/config.yaml", "- align: [dpo, ppo] ", "- align: [ppo, dpo] ")
    said = untouched.dvc("repro", check=False)
    assert "the pipeline has changed: export@transformers on data/align/dpo; export@gguf on data/align/dpo" in said
    assert untouched.reran() == {"plan", "contest", "report"}, "dpo was exported before: that is in the cache"
    assert exported(untouched) == "dpo"
    assert untouched.reran() == set()


def test_make_repro_brings_another_list_up_to_date_in_one_step(untouched):
    untouched.edit("conf/config.yaml", "- align: [dpo, ppo] ", "- align: [dpo] ")
    untouched.bring_up()
    assert untouched.reran() == {"plan", "report"}, "all else is in the cache; the page tells what differs from conf/, and now nothing does"
    assert exported(untouched) == "dpo"
    assert not (untouched.folder / "data/align/ppo").exists()


def test_a_corpus_folder_that_is_not_there_is_named_before_anything_runs(untouched):
    untouched.edit("conf/corpus/world.yaml", "path: data/input", "path: data/nowhere")
    said = untouched.dvc("repro", check=False)
    assert "there is no corpus.path=data/nowhere" in said
    assert "mend: corpus.path=DIR, a folder that is there; or mkdir -p data/nowhere" in said


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

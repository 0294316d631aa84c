"""The plan: settings that merge, sections that are checked once, strays that are removed, and what --help prints."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from pipeline.model.build import build, configure
from pipeline.model.shapes import checked
from pipeline.tokens.kinds.bpe import train as train_bpe
from stages import _checks, _plan
from stages._checks import faults_between, faults_of_kinds, faults_of_names, faults_of_paths, faults_of_sections
from stages._help import comments_of, groups, leaves, ways
from stages._mends import in_full, joined
from stages._plan import moved, pipeline_before, pipeline_of, print_end, remove_strays
from stages._settings import compose, plain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict:
    return plain(compose([]))


def prints(settings: dict) -> dict[Path, str]:
    """A fingerprint for every stage file."""
    return dict.fromkeys(_plan.code_files().values(), "code")


def test_a_section_is_checked_once_and_again_when_it_or_its_code_changes(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_checks, "CHECKED", tmp_path / "checked.json")
    seen: list[str] = []
    monkeypatch.setattr(_checks, "faults_of", lambda block, settings: seen.append(block.name) or ())
    blocks = pipeline_of(settings)
    faults_of_sections(blocks, settings, prints(settings))
    assert seen == [block.name for block in blocks[1:]]
    seen.clear()
    faults_of_sections(blocks, settings, prints(settings))
    assert seen == []
    changed = {**settings, "select": {**settings["select"], "min_score": 0.5}}
    faults_of_sections(blocks, changed, prints(settings))
    assert seen == ["select"]
    seen.clear()
    faults_of_sections(blocks, settings, prints(settings) | {Path("plan/code/align/dpo.json"): "new"})
    assert seen == ["align@dpo"]


def test_faults_of_several_sections_are_told_at_once_and_are_not_remembered(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_checks, "CHECKED", tmp_path / "checked.json")
    wrong = {**settings, "clean": {**settings["clean"], "quotes": 3}, "split": {**settings["split"], "val": "much"}}
    text = [block for block in pipeline_of(wrong) if block.name in ("clean", "split", "dedup")]
    for _ in range(2):
        fault = joined(faults_of_sections(text, wrong, prints(settings)))
        assert "clean.quotes" in fault.message
        assert "split.val" in fault.mend
    assert len(json.loads((tmp_path / "checked.json").read_text())) == 1, "dedup, which is right"


def test_the_plan_says_where_the_chain_ends_for_a_model_that_only_reads(settings, capsys) -> None:
    print_end(settings)
    assert capsys.readouterr().out == ""
    print_end(settings | {"objective": {"kind": "masked"}})
    assert "objective=masked" in (said := capsys.readouterr().out)
    assert "dvc repro pretrain" in said


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


def mends(settings: dict) -> list[str]:
    return [fault.mend for fault in faults_of_names(settings)]


def test_names_that_hide_another_or_do_not_fit_are_refused(settings) -> None:
    assert mends(settings) == []
    dpo = settings["align"]["dpo"]
    hidden = {**settings, "align": {**settings["align"], "base": dpo}, "models": {**settings["models"], "base": "data/align/base"}}
    assert mends(hidden) == ["another name for the entry"]
    assert mends({**settings, "align": {"dpo": dpo}}) == ["align=[dpo,ppo], or take ppo out of models"]
    assert mends({**settings, "align": {**settings["align"], "ipo": dpo}})[0].startswith("models: {ipo: data/align/ipo}")
    dashed = {**settings, "align": {**settings["align"], "a-b": dpo}, "models": {**settings["models"], "a-b": "data/align/a-b"}}
    assert mends(dashed) == ["snake_case: a_b"]


def test_a_dependency_that_nobody_makes_is_named_before_anything_runs(settings) -> None:
    assert list(faults_of_paths(pipeline_of(settings), settings)) == []
    for words, told in (("align.ppo.source=data/align/dop", "align@ppo reads data/align/dop"), ("final_model=data/x", "reads data/x")):
        other = plain(compose([words]))
        found = [fault.message for fault in faults_of_paths(pipeline_of(other), other)]
        assert any(told in message for message in found), found
    alone = plain(compose(["align=[rft]", "preferences=[best_of_n]"]))
    (fault,) = faults_of_paths(pipeline_of(alone), alone)
    assert fault.mend == "preferences=[best_of_n,rejection]", "it only isn't chosen"
    candidate = plain(compose(["+models.mine=data/candidates/mine"]))
    (fault,) = faults_of_paths(pipeline_of(candidate), candidate)
    assert fault.mend.startswith("data/candidates/mine with a model's config.json"), "its own scores are no model"


def test_a_contest_needs_questions_and_a_reference_among_the_models(settings) -> None:
    assert list(faults_between(settings)) == []
    assert [fault.mend for fault in faults_between({**settings, "tasks": {}})] == ["tasks=[text,dialogues,prompts]"]
    elsewhere = {**settings, "contest": {**settings["contest"], "reference": "data/sfx"}}
    assert "none of the models" in next(iter(faults_between(elsewhere))).message
    nobody = {**settings, "corpus": {**settings["corpus"], "reader": "packages", "claims": {"told": [2], "contrary": 1, "each": 1}}}
    assert [fault.mend for fault in faults_between(nobody)] == ["corpus.claims.told=[]"]


def test_a_kind_of_model_that_a_format_can_not_hold_is_refused_before_it_is_trained() -> None:
    found = {
        words: list(faults_of_kinds(plain(compose(list(words)))))
        for words in ((), ("model=llama",), ("model=gpt2",), ("model=mixtral",), ("model=bloom",))
    }
    (fault,) = found.pop(("model=bloom",))
    assert not any(found.values()), found
    assert fault.message == "a model of kind bloom has no GGUF form here; gpt2, llama, qwen3 have"
    assert in_full(fault).endswith("go on from here: make repro SET='export=[transformers]'")
    for word in fault.mend.split(", or "):
        assert list(faults_of_kinds(plain(compose(["model=bloom", word])))) == []
    (fault,) = faults_of_kinds(plain(compose(["model=mistral"])))
    assert list(faults_of_kinds(plain(compose(["model=mistral", fault.mend.split(", or ")[1]])))) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["export=[compressed]", "export.compressed.group_size=128"],
            "intermediate_size 352 are no multiples",
        ),
        (["export=[compressed]", "model=gpt2"], "compressed-tensors packs the layers of llama, mistral, qwen3"),
        (["export=[onnx]", "model=bloom"], "a model of kind bloom has no ONNX graph here"),
        (["export.gguf.types=[F16,Q4_K]"], "Q4_K need rows that 256 divides; hidden_size is 128"),
    ],
)
def test_a_shape_that_a_format_can_not_hold_is_refused_before_it_is_trained(words: list[str], message: str) -> None:
    (fault,) = faults_of_kinds(plain(compose(words)))
    assert message in fault.message
    for word in fault.mend.split(", or "):
        assert list(faults_of_kinds(plain(compose([*words, word])))) == []


def test_a_kind_that_transformers_does_not_know_is_not_exported() -> None:
    folder, file = faults_of_kinds(plain(compose(["model=lstm"])))
    assert folder.message == "transformers has no model of kind lstm: no other program could read its folder"
    assert folder.mend == file.mend.split(", or ")[0] == "export=[]"
    assert list(faults_of_kinds(plain(compose(["model=lstm", folder.mend])))) == []


@pytest.mark.parametrize("kind", ["bpe_characters", "wordpiece", "unigram", "word", "character", "byte"])
def test_a_tokenizer_that_llama_cpp_can_not_take_is_refused_before_anything_runs(kind: str) -> None:
    (fault,) = faults_of_kinds(plain(compose([f"tokenizer={kind}"])))
    assert f"kind {kind} has no GGUF form" in fault.message
    assert in_full(fault).endswith("go on from here: make repro SET='export=[transformers]'")
    for words in ([f"tokenizer={kind}", "export=[transformers]"], ["tokenizer=bpe", "tokenizer.pattern=gpt4"]):
        assert list(faults_of_kinds(plain(compose(words)))) == []


def test_a_tokenizer_to_import_is_looked_at_before_anything_runs(tmp_path: Path) -> None:
    words = ["tokenizer=import", f"tokenizer.path={tmp_path}"]
    (fault,) = faults_of_kinds(plain(compose(words)))
    assert "tokenizer.json, which is not there" in fault.message
    train_bpe(["the old fox " * 9], vocab_size=264, pattern="gpt2").save(str(tmp_path / "tokenizer.json"))
    assert list(faults_of_kinds(plain(compose(words)))) == []


def test_a_checkpoint_is_looked_at_before_anything_runs_by_its_own_kind_and_widths(tmp_path: Path) -> None:
    words = ["model=folder", f"model.init_from={tmp_path}"]

    def found(*more: str) -> list[tuple[str, str]]:
        return [(fault.message, fault.mend) for fault in faults_of_kinds(plain(compose([*words, *more])))]

    assert "is empty" in found()[0][0]
    shape = plain(compose(["model=bloom"]))["model"] | {"hidden_size": 96, "context": 300}
    configure(checked(shape), vocabulary=270).save_pretrained(tmp_path)
    assert "has no weights in safetensors" in found()[0][0]
    build(shape, vocabulary=270, seed=1).save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")
    (form, _), (tokenizer, program) = found()
    assert form.startswith("a model of kind bloom has no GGUF form")
    assert tokenizer.endswith("tokenizer.json, which is not there")
    assert program.startswith(f".venv/bin/python -c \"from transformers import AutoTokenizer as A; A.from_pretrained('{tmp_path}')")
    train_bpe(["the old fox " * 9], vocab_size=270, pattern="gpt2").save(str(tmp_path / "tokenizer.json"))
    assert found("export=[transformers]") == []
    (short,) = found("export=[transformers]", "model.context=512")
    assert short == (f"{tmp_path} reads 300 tokens, model.context is 512", "model.context=300")
    (other,) = found("export=[transformers]", "model=llama")
    assert other == (f"{tmp_path} is a model of kind bloom, the settings have llama", "model=bloom")


def test_a_copy_of_an_entry_that_kept_its_target_is_refused_though_the_section_was_checked(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_checks, "CHECKED", tmp_path / "checked.json")
    assert faults_of_sections(pipeline_of(settings), settings, prints(settings)) == []
    copy = {**settings, "align": {**settings["align"], "copy": settings["align"]["dpo"]}}
    copy["models"] = {**settings["models"], "copy": "data/align/copy"}
    assert "align.copy.target is data/align/dpo" in joined(faults_of_sections(pipeline_of(copy), copy, prints(settings))).message


def test_two_tasks_that_are_empty_folders_are_made_for_dvc(settings, tmp_path, monkeypatch) -> None:
    blocks = pipeline_of(settings)
    monkeypatch.chdir(tmp_path)
    remove_strays(blocks)
    assert all(Path(name).is_dir() for name in ("data/evaluate", "data/export", "metrics", "plots"))


def test_a_file_of_conf_that_is_no_yaml_is_named_with_its_line(tmp_path, monkeypatch) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    for text in ("retention: 1\n\tlength: 2\n", "length: 1\nlength: 2\n"):
        (tmp_path / "conf/tokenize/default.yaml").write_text(text)
        with pytest.raises(PipelineError, match=r"tokenize/default\.yaml(.|\n)*line 2"):
            compose([])


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
    assert all(path.stem in told for path in (ROOT / "conf").glob("*/*.yaml") if path.parent.name != "local")


def test_comments_are_found_by_their_dotted_key() -> None:
    found = comments_of(ways("pretrain"), "pretrain")
    assert found["pretrain.adamw.lr"] == "a step"
    assert found["pretrain.normuon.ns_steps"] == "Newton-Schulz iterations"


def test_leaves_are_words_for_the_command_line() -> None:
    assert dict(leaves({"a": {"b": 1, "c": None}, "d": [1, 2], "e": "x"})) == {"a.b": "1", "a.c": "null", "d": "[1, 2]", "e": "x"}
    assert json.dumps(dict(leaves({"long": "y" * 99})))[-5:] == '..."}'

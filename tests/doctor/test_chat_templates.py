"""What the doctor says of chat templates: ours, those of models that are judged, that of a checkpoint to go on from."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.doctor.data import dialogue
from pipeline.doctor.finding import Finding
from pipeline.doctor.templates import templates
from pipeline.tokens.kinds.bpe import train as train_bpe
from pipeline.tokens.tokenizer import save
from tests.checkpoint import checkpoint

PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + PLAIN


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A released model, as far as its tokenizer goes."""
    shutil.copytree(checkpoint(), tmp_path / "theirs")
    return tmp_path / "theirs"


def found(folder: Path, template: str | None, *, start: bool = False) -> Finding:
    told: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told | ({} if template is None else {"chat_template": template})))
    model = {"kind": "folder" if start else "qwen3", "init_from": str(folder)}
    (one,) = templates({"models": {} if start else {"guest": str(folder)}, "model": model})
    return one


@pytest.mark.parametrize(
    ("template", "told", "mend", "stops"),
    [
        (PLAIN, "has a chat template of its own", None, True),
        (None, "has no chat template", "the template as it was released", False),
        ("{% for m in", "refuses a dialogue", "the template as it was released", True),
        (NO_SYSTEM, "refuses a system prompt", "or tasks and dialogues without that", False),
    ],
)
def test_the_template_of_a_model_that_is_judged_is_tried(
    theirs: Path, template: str | None, told: str, mend: str | None, stops: bool
) -> None:
    one = found(theirs, template)
    assert told in one.told
    assert one.told.startswith("models.guest: ")
    assert (one.mend is None) == (mend is None)
    assert mend is None or (mend in str(one.mend) and one.stops == stops)


@pytest.mark.parametrize("template", [PLAIN, None, "{% for m in"])
def test_a_checkpoint_to_go_on_from_is_taught_our_template_whatever_its_own_is(theirs: Path, template: str | None) -> None:
    one = found(theirs, template, start=True)
    assert one.mend is None
    assert one.told.startswith("model.init_from: sft teaches our chat template")


def test_its_tokens_are_shown_through_template_and_mask(tmp_path: Path) -> None:
    shown = dialogue(tmp_path, Path(checkpoint()))
    assert [piece for piece, trained in shown.pieces if trained] == ["An example.<|end|>"]
    assert shown.finding.mend is None
    assert f"tokens of {checkpoint()}" in shown.by


def test_a_template_that_renders_what_is_not_taught_is_told_with_a_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.doctor.data.TEMPLATE", PLAIN)
    one = dialogue(tmp_path / "none", Path(checkpoint())).finding
    assert "renders other tokens" in one.told
    assert str(one.mend).startswith("make repro SET=tokenizer=bpe")


def test_a_template_of_ours_that_a_hand_has_changed_is_told(tmp_path: Path) -> None:
    save(train_bpe(["the old fox " * 9], vocab_size=264, pattern="gpt2"), Tokenizer(tmp_path / "tokenizer"))
    assert dialogue(tmp_path).finding.mend is None
    (tmp_path / "tokenizer/chat_template.jinja").write_text(PLAIN)
    one = dialogue(tmp_path).finding
    assert "chat_template.jinja" in one.told
    assert one.mend


def test_a_dialogue_of_which_nothing_is_trained_on_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.doctor.data.SPOKEN", [{"role": "user", "content": "What is this?"}])
    one = dialogue(tmp_path).finding
    assert one.told == "no turn of an assistant is trained on"
    assert one.mend

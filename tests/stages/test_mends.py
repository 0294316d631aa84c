"""A mend that names values is a whole command."""

from pathlib import Path

import pytest

from pipeline.core.errors import PipelineError
from pipeline.core.mends import together
from stages._mends import in_full
from stages._settings import compose, typed


@pytest.mark.parametrize(
    ("mend", "command"),
    [
        ("split.seed=0", "SET=split.seed=0"),
        (
            "sft.max_length=768 model.context=768 (budget.max_length=768 is for all)",
            "SET='sft.max_length=768 model.context=768'",
        ),
        ("align.dpo.micro_batch=8, or model.context=64", "SET=align.dpo.micro_batch=8"),
        ("tasks=[text,dialogues,prompts]", "SET='tasks=[text,dialogues,prompts]'"),
        ("hardware=auto or hardware=cpu", "SET=hardware=auto"),
        ("corpus.path=/home/me/texts", "SET=corpus.path=/home/me/texts"),
        ("pretrain.duration='9 steps' seed=1, or less", """SET="'pretrain.duration=9 steps' seed=1\""""),
        ("split.val=0.05; git checkout conf/sft/default.yaml", "SET=split.val=0.05"),
        ("align.ppo.max_kl=null goes on with the broken model", None),
        ("corpus.path=FOLDER", None),
        ("data=own corpus.path=data/input/NAME", None),
        ("lower the learning rate (sft.learning_rate)", None),
        ("python -m stages.sft sft.duration=3", None),
        ("dvc repro dpo", None),
    ],
)
def test_the_command_is_told_where_the_mend_is_values(mend: str, command: str | None) -> None:
    said = in_full(PipelineError("wrong", mend=mend)).split("\n")
    assert said[:2] == ["wrong", f"  mend: {mend}"]
    assert said[2:] == ([f"  go on from here: make repro {command}"] if command else [])


def test_of_several_mends_the_words_make_one_command() -> None:
    assert together(["a=1", "git checkout b", "c='2 steps' d=3", "a=1", "e=4, or f"]) == "a=1 c='2 steps' d=3; git checkout b; e=4, or f"


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("pretrain.steps=1e3", "pretrain.duration=1e3"),
        ("budget.rollouts.steps=7", "budget.rollouts.duration=7"),
        ("align.dpo.steps=7", "align.dpo.duration=7"),
        ("align.dpo.betta=1", "align.dpo.beta=1"),
        ("pretrain.zzz=1", "one of these; .venv/bin/python -m stages.pretrain --help says what each is"),
        ("nothing.steps=1", "`make groups` lists the groups"),
    ],
)
def test_an_unknown_key_is_told_as_the_one_that_was_meant(word: str, mend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(PipelineError) as fault:
        compose(["seed=2", word])
    assert fault.value.mend == mend


def test_a_file_with_an_old_key_is_told_the_new_one() -> None:
    from stages.reward import Config
    from tests.house.test_drawing_and_settings import DEFAULT

    with pytest.raises(PipelineError, match=r"reward\.steps: Unexpected keyword argument: meant is reward\.duration \(found 5\)"):
        typed(Config, DEFAULT["reward"] | {"steps": 5}, at="reward")

"""A mend that names values is a whole command."""

import pytest

from pipeline.core.errors import PipelineError
from stages._mends import in_full


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
        ("align.ppo.max_kl=null goes on with the broken model", None),
        ("corpus.path=FOLDER", None),
        ("data=own corpus.path=data/input/NAME", None),
        ("lower the learning rate (sft.learning_rate)", None),
        ("python -m stages.sft sft.steps=3", None),
        ("dvc repro dpo", None),
    ],
)
def test_the_command_is_told_where_the_mend_is_values(mend: str, command: str | None) -> None:
    said = in_full(PipelineError("wrong", mend=mend)).split("\n")
    assert said[:2] == ["wrong", f"  mend: {mend}"]
    assert said[2:] == ([f"  go on from here: make repro {command}"] if command else [])

"""Each method takes each unit: epochs and tokens of its own rows, and a time that a killed run does not measure again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tokenizers

from pipeline.core import progress
from pipeline.core.errors import PipelineError
from pipeline.train.settle import KEPT, TRIAL
from tests.align import methods
from tests.align.methods import ALL, RECIPE, SETTINGS, TIMED, How
from tests.align.tiny import examples, ordered, pairs, same, workspace

TIME = "1.5 s"
ROWS = 10
OF_PAIRS = sum(2 * len(one.prompt) + len(one.chosen) + len(one.rejected) for one in pairs(ROWS))
READ = {"sft": sum(len(one.ids) for one in examples(ROWS)), "reward": OF_PAIRS, "dpo": OF_PAIRS, "simpo": OF_PAIRS}  # tokens of all rows


@pytest.mark.parametrize("method", READ)
@pytest.mark.parametrize(("said", "steps"), [("2 epochs", 5), ("0.9 epochs", 3)])
def test_an_epoch_is_every_row_once(method: str, said: str, steps: int, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    outcome = ALL[method](tokenizer, workspace(tmp_path), how=How(duration=said))
    tokens = round(steps * RECIPE.batch_size * READ[method] / ROWS)
    assert outcome.history[-1]["step"] == steps
    assert outcome.metrics == {"steps": steps, "epochs": steps * RECIPE.batch_size / ROWS, "tokens": tokens}


@pytest.mark.parametrize("method", READ)
def test_tokens_are_those_that_the_model_reads(method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    asked = 2 * READ[method]
    outcome = ALL[method](tokenizer, workspace(tmp_path), how=How(duration=f"{asked} tokens"))
    assert outcome.metrics["tokens"] == asked
    assert outcome.metrics["epochs"] == 2


def test_rollouts_pass_over_the_prompts_and_sample_at_most_so_many_tokens(tmp_path: Path) -> None:
    by_epochs = methods.ppo(None, workspace(tmp_path / "epochs"), how=How(duration="1 epoch"))
    assert by_epochs.metrics["steps"] == 2, "ten prompts, six answers a step"
    assert by_epochs.metrics["epochs"] == 1.2
    asked = 3 * SETTINGS.rollout_batch * SETTINGS.new_tokens
    by_tokens = methods.ppo(None, workspace(tmp_path / "tokens"), how=How(duration=f"{asked} tokens"))
    assert by_tokens.metrics["steps"] == 3
    assert by_tokens.metrics["tokens"] <= asked
    assert by_tokens.metrics["tokens"] == pytest.approx(sum(row["tokens"] for row in by_tokens.history) * SETTINGS.rollout_batch)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer, root: Path) -> Path:
    """The scratch of all methods, each killed in its fifth step of a time."""
    folder = tmp_path_factory.mktemp("killed")
    tokenizer.save(str(folder / "tokenizer.json"))
    subprocess.run([sys.executable, "-m", "tests.align.victim", str(folder), "5", TIME], check=True, cwd=root, timeout=120)
    return folder


@pytest.mark.parametrize("method", TIMED)
def test_a_time_is_measured_once_and_gives_the_bits_of_as_many_steps_also_after_a_kill(
    method: str, killed: Path, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    steps = json.loads((killed / method / KEPT).read_text())["steps"]
    assert steps > 5
    timed = ALL[method](tokenizer, workspace(killed / method), how=How(duration=TIME))
    counted = ALL[method](tokenizer, workspace(tmp_path), how=How(duration=f"{steps} steps"))
    assert same(timed.weights, counted.weights)
    assert ordered(timed.history) == ordered(counted.history)
    assert timed.metrics == counted.metrics
    assert timed.metrics["steps"] == steps
    assert not (killed / method / "trial").exists()


@pytest.mark.parametrize("method", ["sft", "ppo"])  # TRL's loop and ours
def test_while_a_time_is_measured_no_total_is_told(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("QUIET_S", "EVERY_S"):
        monkeypatch.setattr(progress, name, 0.0)
    ALL[method](tokenizer, workspace(tmp_path), how=How(duration=TIME))
    lines = capsys.readouterr().err.splitlines()
    assert "align.dpo, measuring how many steps 1.5 s are: 1, " in "\n".join(lines)
    assert not [line for line in lines if f" of {TRIAL}, " in line]


def test_too_few_steps_for_the_warm_up_are_refused_when_they_are_known(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(PipelineError, match=r"sft\.duration=0\.1 epochs comes to 1 step, no more than sft\.warmup_steps") as fault:
        methods.sft(tokenizer, workspace(tmp_path, section="sft"), how=How(duration="0.1 epochs"))
    assert fault.value.mend == "sft.warmup_steps=0, or a longer sft.duration"
    with pytest.raises(PipelineError, match=r"sft\.duration=0\.001 s comes to 1 step"):
        methods.sft(tokenizer, workspace(tmp_path, section="sft"), how=How(duration="0.001 s"))
    assert list(tmp_path.iterdir()) == [], "what was refused is measured anew"
    with pytest.raises(ValueError, match="warmup_steps 1 must be below the 1 step,"):
        How(duration="1 step").recipe()

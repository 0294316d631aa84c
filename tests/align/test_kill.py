"""A run that is killed without warning loses one interval at most, and no bit of the result."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.tiny import ordered, same, workspace


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer, root: Path) -> tuple[Path, int]:
    """The scratch of all methods after kill -9, and the step at which it came: another one in each run of the tests."""
    folder = tmp_path_factory.mktemp("killed")
    tokenizer.save(str(folder / "tokenizer.json"))
    step = int(np.random.default_rng().integers(1, methods.SETTINGS.steps + 1))
    subprocess.run([sys.executable, "-m", "tests.align.victim", str(folder), str(step)], check=True, cwd=root, timeout=120)
    return folder, step


@pytest.mark.parametrize("method", methods.ALL)
def test_a_killed_run_started_again_ends_with_the_same_bits_and_history(
    method: str, tokenizer: tokenizers.Tokenizer, killed: tuple[Path, int], undisturbed: Undisturbed
) -> None:
    folder, step = killed
    whole = undisturbed(method)
    steps: list[int] = []
    again = methods.ALL[method](tokenizer, workspace(folder / method, lambda done, _: steps.append(done)))
    assert same(whole.weights, again.weights), f"killed at step {step}"
    assert ordered(whole.history) == ordered(again.history), f"killed at step {step}"
    interval = methods.SETTINGS.checkpoint_every if method in methods.SAMPLING else methods.RECIPE.checkpoint_every
    assert steps[0] == (step - 1) // interval * interval + 1  # the checkpoint of its own step was not yet written

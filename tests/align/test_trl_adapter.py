"""What goes into TRL is what we made, and what comes out is equal to the bit, whatever happened on the way."""

import math
import os
import signal
from pathlib import Path

import pytest
import tokenizers
import torch
import torch.nn.functional as F

from pipeline.align.order import order_of_rows
from pipeline.align.sft import train_sft, val_loss
from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import Example
from pipeline.train.stop import Interrupted
from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.methods import METHODS, OWN_TRAINER, RECIPE
from tests.align.tiny import examples, ordered, pairs, same, tiny, workspace


@pytest.mark.parametrize("method", OWN_TRAINER)
def test_a_run_that_was_asked_to_stop_goes_on_to_the_same_bits_and_history(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, undisturbed: Undisturbed
) -> None:
    whole = undisturbed(method)

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="after step"):
        METHODS[method](tokenizer, workspace(tmp_path / "stopped", stop_at))
    again = METHODS[method](tokenizer, workspace(tmp_path / "stopped"))
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)
    assert [row["step"] for row in whole.history] == list(range(1, RECIPE.steps + 1))


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    whole = METHODS["sft"](tokenizer, workspace(tmp_path))
    newest, older = tmp_path / f"checkpoint-{RECIPE.steps}", tmp_path / "checkpoint-6"
    assert newest.is_dir()
    weights = newest / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (older.parent / "checkpoint-99").mkdir()  # torn: it has no manifest
    seen: list[int] = []
    again = METHODS["sft"](tokenizer, workspace(tmp_path, lambda step, values: seen.append(step)))
    assert seen == [7]
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)


def test_a_user_turn_is_never_trained_on(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    example = examples(1)[0]
    first = methods.sft(tokenizer, workspace(tmp_path), rows=[example]).history[0]
    logits = tiny(1)(input_ids=torch.tensor([example.ids])).logits[0, :-1]
    spoken = [at for at, label in enumerate(example.labels[1:]) if label != -100]
    expected = F.cross_entropy(logits[spoken], torch.tensor(example.ids[1:])[spoken])
    assert first["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_the_mean_is_over_the_tokens_of_the_step_so_padding_weighs_nothing(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    rows = examples(9)
    lengths = [len(row.ids) for row in rows]
    order = order_of_rows(lengths, steps=RECIPE.steps, batch=RECIPE.batch_size, seed=seed_of(RECIPE.seed, "sft"))
    batch = [rows[number] for number in order[: RECIPE.batch_size]]
    first = methods.sft(tokenizer, workspace(tmp_path), rows=rows).history[0]
    assert first["loss"] == pytest.approx(val_loss(tiny(1), batch, batch=1), rel=1e-5)


def test_the_first_dpo_loss_is_that_of_a_policy_that_is_its_own_reference(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    history = methods.dpo(tokenizer, workspace(tmp_path), sft_weight=0.0).history
    assert history[0]["loss"] == pytest.approx(math.log(2), rel=1e-5)
    assert history[-1]["loss"] < history[0]["loss"]


def test_the_sft_term_adds_the_likelihood_of_the_chosen_answers(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    rows = pairs(10)
    lengths = [len(row.prompt) + len(row.chosen) + len(row.rejected) for row in rows]
    order = order_of_rows(lengths, steps=RECIPE.steps, batch=RECIPE.batch_size, seed=seed_of(RECIPE.seed, "dpo"))
    batch = [rows[number] for number in order[: RECIPE.batch_size]]
    nats = -answer_logprobs(tiny(1), [(row.prompt, row.chosen) for row in batch], batch=1).sum().item()
    expected = math.log(2) + 3.0 * nats / sum(len(row.chosen) for row in batch)
    assert methods.dpo(tokenizer, workspace(tmp_path), sft_weight=3.0).history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_reward_loss_is_bradley_and_terry_s(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    pair = pairs(1)[0]
    first = methods.reward(tokenizer, workspace(tmp_path), rows=[pair]).history[0]
    judge = methods.fresh_reward()
    chosen, rejected = (judge(input_ids=torch.tensor([[*pair.prompt, *answer]])).logits[0, 0] for answer in (pair.chosen, pair.rejected))
    assert first["loss"] == pytest.approx(torch.log1p((rejected - chosen).exp()).item(), rel=1e-4)


def test_nothing_is_cut_or_dropped_however_long_it_is(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    long = examples(1)[0]
    long = type(long)([*long.ids, *[9] * (60 - len(long.ids))], [*long.labels, *[9] * (60 - len(long.ids))])
    first = methods.sft(tokenizer, workspace(tmp_path), rows=[long]).history[0]
    assert first["loss"] == pytest.approx(val_loss(tiny(1), [long], batch=1), rel=1e-5)


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_mend(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    module = tiny(1)
    with torch.no_grad():
        module.get_input_embeddings().weight[9] = torch.nan
    with pytest.raises(PipelineError, match="sft in step 1: the loss is nan") as fault:
        train_sft(module, tokenizer, [Example([0, 9, 8], [-100, -100, 8])], RECIPE, workspace(tmp_path, section="sft"))
    assert "smaller learning rates" in fault.value.mend


def test_only_scratch_is_written_to(tmp_path: Path, tokenizer: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    methods.dpo(tokenizer, workspace(tmp_path / "scratch"))
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert {path.name.split("-")[0] for path in (tmp_path / "scratch").iterdir()} == {"checkpoint"}

"""Methods that learn from good and bad answers: what their first step says, and that they learn what they are for."""

import math
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch

from pipeline.align import direct, kto
from pipeline.align.implicit import implicit_rewards
from pipeline.align.labels import Labelled, both_sides, read_labels
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import Pair, Room
from tests.align import methods
from tests.align.methods import LABELS, PAIRS, RECIPE
from tests.align.tiny import pairs, tiny, workspace

PAIR = pairs(1)
FIRST = {  # of a policy that is its own reference, beta 0.1: no answer has moved
    "sigmoid": math.log(2),
    "ipo": (1 / (2 * 0.1)) ** 2,
    "hinge": 1.0,
    "sigmoid_norm": math.log(2),
    "nca_pair": 2 * math.log(2),
    "sppo_hard": 2 * (0.5 / 0.1) ** 2,
    "apo_zero": 1.0,
    "apo_down": 1.0,
}


@pytest.mark.parametrize("loss", FIRST)
def test_the_first_loss_of_each_relative_of_dpo(loss: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    history = methods.dpo(tokenizer, workspace(tmp_path), sft_weight=0.0, loss=loss).history
    assert history[0]["loss"] == pytest.approx(FIRST[loss], rel=1e-5)
    assert history[-1]["rewards/margins"] > history[0]["rewards/margins"]


def said(answers: list[list[int]]) -> direct.Said:
    nats = answer_logprobs(tiny(1), [(PAIR[0].prompt, answer) for answer in answers], batch=1)
    return direct.Said(nats, torch.tensor([len(answer) for answer in answers]))


@pytest.mark.parametrize("method", PAIRS)
def test_the_first_loss_is_that_of_the_scoring_room_s_log_probabilities(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    _, settings, own = PAIRS[method]
    recipe, chosen, rejected = settings(**vars(RECIPE), **own), said([PAIR[0].chosen]), said([PAIR[0].rejected])
    expected = recipe.losses(chosen, rejected) - recipe.sft_weight * chosen.mean
    history = methods.pairwise(method, tokenizer, workspace(tmp_path), rows=PAIR).history
    assert history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)
    margin = (recipe.reward(chosen) - recipe.reward(rejected)).item()
    assert history[0]["rewards/margins"] == pytest.approx(margin, rel=1e-4, abs=1e-6)


def test_kto_begins_at_half_of_what_an_answer_weighs(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    first = methods.kto(tokenizer, workspace(tmp_path), rows=both_sides(PAIR)).history[0]
    assert first["loss"] == pytest.approx(0.5 * (LABELS["desirable_weight"] + LABELS["undesirable_weight"]) / 2)
    assert first["kl"] == 0.0


def test_a_stranger_is_the_next_answer_to_another_prompt_and_never_makes_a_row_longer() -> None:
    rows = [
        {"prompt_ids": [0, 7], "answer_ids": [20, 5], "good": [1]},
        {"prompt_ids": [0, 7], "answer_ids": [21, 5], "good": [0]},
        {"prompt_ids": [0, 8, 9], "answer_ids": [31, 32, 33, 5], "good": [1]},
    ]
    batch = kto.with_strangers(rows)
    spoken = [ids[mask.bool()].tolist() for ids, mask in zip(batch["input_ids"], batch["completion_mask"], strict=True)]
    assert spoken[:3] == [[20, 5], [21, 5], [31, 32, 33, 5]]
    assert spoken[3:] == [[31, 32, 33, 5], [31, 32, 33, 5], [20, 5]]
    assert batch["good"].flatten().tolist() == [1, 0, 1, 1, 1, 1], "whether each is good; whether there is a stranger"
    wide = [rows[0], {"prompt_ids": [0, *[9] * 6], "answer_ids": [5], "good": [1]}, rows[2]]
    assert kto.with_strangers(wide)["input_ids"].shape[1] == 8
    assert not kto.with_strangers(wide)["completion_mask"][4, 8:].any()


@pytest.mark.parametrize("method", [*PAIRS, "kto"])
def test_held_out_pairs_are_ranked_better_after_training(method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    policy, train, test = tiny(1), pairs(24), pairs(25)
    recipe: Any
    if method == "kto":
        recipe = kto.Labels(**vars(RECIPE.lasting(16)), **LABELS)
        found, _ = kto.value((policy, tiny(1)), tokenizer, both_sides(train), (both_sides(test), test), recipe, workspace(tmp_path))
        assert found["labels"]["accuracy"] > 0.6
    else:
        trainer, settings, own = PAIRS[method]
        recipe = settings(**vars(RECIPE.lasting(16)), **own)
        found, _ = direct.prefer(trainer, policy, tokenizer, (train, test), recipe, workspace(tmp_path))
    assert method == "cpo" or found["accuracy"] > 0.9, "cpo's sums count the length of an answer first"
    assert found["kinds"].keys() == {"rude", "wrong"}
    moved = implicit_rewards(policy, tiny(1), [(one.prompt, one.chosen) for one in test], beta=1.0, batch=8)
    away = implicit_rewards(policy, tiny(1), [(one.prompt, one.rejected) for one in test], beta=1.0, batch=8)
    assert (moved > away).float().mean() > 0.9


def test_labels_of_files_are_read_by_part_and_the_long_are_counted(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    ask = [{"role": "user", "content": "sat?"}]
    rows = [("train", "the cat", True), ("train", "x" * 99, False), ("test", "a dog", False)]
    source = Dialogues(tmp_path / "dialogues")
    with source.writing() as draft:
        labels = [
            {"id": str(n), "part": part, "prompt": ask, "completion": said, "label": good} for n, (part, said, good) in enumerate(rows)
        ]
        write_jsonl(draft.path / "labels.jsonl", labels)
    room = Room(tokens=40, key="align.kto.max_length", max_dropped=1.0, context=640, spare=0)
    train, test = read_labels(source, ("train", "test"), tokenizer, room)
    assert train.counts == {"rows": 1, "dropped": {"answer_does_not_fit": 1}}
    assert [one.good for one in (*train.rows, *test.rows)] == [True, False]
    assert tokenizer.decode(train.rows[0].answer, skip_special_tokens=True) == "the cat"


def test_a_pair_is_a_good_and_a_bad_answer() -> None:
    assert both_sides([Pair([1], [2], [3], "rude")]) == [Labelled([1], [2], True), Labelled([1], [3], False)]


def test_an_answer_without_another_prompt_beside_it_tells_no_distance() -> None:
    first, second = ({"prompt_ids": [1, 2], "answer_ids": [3], "good": [1]}, {"prompt_ids": [1, 2], "answer_ids": [4], "good": [0]})
    assert kto.with_strangers([first, second])["good"].flatten().tolist() == [1, 0, 0, 0]
    assert kto.with_strangers([first, second | {"prompt_ids": [5]}])["good"].flatten().tolist() == [1, 0, 1, 1]

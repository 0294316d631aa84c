"""Dialogues that share a row learn what they would learn alone, in fewer tokens."""

import dataclasses
from pathlib import Path

import pytest
import tokenizers
import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align import packing, trl_adapter
from pipeline.align.packing import PackedRow, pack
from pipeline.align.sft import train_packed, train_sft, val_loss
from pipeline.model.build import build
from pipeline.tokens.dialogues import IGNORE_INDEX, Example
from tests.align.methods import RECIPE
from tests.align.tiny import VOCABULARY, examples, weights, workspace
from tests.model.every_kind import shape_of

ROW = 40
WHOLE = dataclasses.replace(RECIPE, duration=dataclasses.replace(RECIPE.duration, amount=1), checkpoint_every=9, warmup_steps=0)


def test_every_dialogue_is_whole_in_one_row_and_begins_at_position_zero() -> None:
    dialogues = examples(50)
    found = []
    for row in pack(dialogues, length=ROW):
        assert len(row.ids) == len(row.labels) == len(row.positions) <= ROW
        begins = [at for at, place in enumerate(row.positions) if place == 0]
        for first, last in zip(begins, [*begins[1:], len(row.ids)], strict=True):
            assert row.positions[first:last] == list(range(last - first))
            found.append(Example(row.ids[first:last], row.labels[first:last]))
    assert sorted(found, key=repr) == sorted(dialogues, key=repr)


def test_the_end_of_a_dialogue_never_foretells_the_next() -> None:
    learned = Example([7, 8, 9], [7, 8, 9])  # a row of pretraining text whose first token has a label
    (row,) = pack([learned, learned], length=6)
    assert row.labels == [IGNORE_INDEX, 8, 9, IGNORE_INDEX, 8, 9]


def test_little_of_the_rows_is_padding() -> None:
    dialogues = examples(200)
    tokens, longest = sum(len(one.ids) for one in dialogues), max(len(one.ids) for one in dialogues)
    alone = tokens / (len(dialogues) * longest)
    filled = packing.fill(pack(dialogues, length=ROW), length=ROW)
    assert filled > 0.97 > alone + 0.3


def test_a_dialogue_that_is_longer_than_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="a dialogue of 6 tokens does not fit a row of 5"):
        pack([Example([1] * 6, [1] * 6)], length=5)


@pytest.mark.parametrize("kind", ["qwen3", "gpt2", "transformer", "mamba2", "lstm"])
def test_packed_rows_learn_what_their_dialogues_learn_alone(
    kind: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step over all dialogues, down the gradient itself: the loss, and every weight after it."""
    monkeypatch.setattr(trl_adapter, "_optimizer", lambda module, recipe: torch.optim.SGD(module.parameters(), lr=1.0))
    dialogues = examples(12)
    rows = pack(dialogues, length=ROW)
    packed_module, alone = (build(shape_of(kind), vocabulary=VOCABULARY, seed=1).double() for _ in range(2))
    packed = train_packed(packed_module, tokenizer, rows, dataclasses.replace(WHOLE, batch_size=len(rows)), workspace(tmp_path / "packed"))
    plain = train_sft(alone, tokenizer, dialogues, dataclasses.replace(WHOLE, batch_size=len(dialogues)), workspace(tmp_path / "alone"))
    assert len(rows) < len(dialogues) / 2
    for figure in ("loss", "grad_norm"):
        assert packed.history[0][figure] == pytest.approx(plain.history[0][figure], rel=1e-6)
    for name, weight in weights(alone).items():
        torch.testing.assert_close(weights(packed_module)[name], weight, rtol=0, atol=1e-6, msg=name)
    assert packed.amount["tokens"] == plain.amount["tokens"]


def test_a_dialogue_sees_nothing_of_its_neighbours() -> None:
    first, second = examples(2)
    module: PreTrainedModel = build(shape_of("qwen3"), vocabulary=VOCABULARY, seed=1)
    (row,) = pack([first, second], length=ROW)
    order = [first, second] if row.ids[: len(first.ids)] == first.ids else [second, first]

    def read(one: PackedRow) -> Tensor:
        inputs = {"input_ids": torch.tensor([one.ids]), "position_ids": torch.tensor([one.positions])}
        return module(**inputs, attention_mask=None, use_cache=False).logits[0]

    alone = [module(input_ids=torch.tensor([one.ids])).logits[0] for one in order]
    torch.testing.assert_close(read(row), torch.cat(alone), rtol=1e-5, atol=1e-6)


def test_the_first_loss_of_packed_rows_is_that_of_scoring(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    dialogues = examples(12)
    rows = pack(dialogues, length=ROW)
    module = build(shape_of("qwen3"), vocabulary=VOCABULARY, seed=1)
    wanted = val_loss(module, dialogues, batch=4)
    recipe = dataclasses.replace(WHOLE, batch_size=len(rows))
    assert train_packed(module, tokenizer, rows, recipe, workspace(tmp_path)).history[0]["loss"] == pytest.approx(wanted, rel=1e-5)

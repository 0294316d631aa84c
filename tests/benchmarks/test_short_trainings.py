"""Small experiments and the benchmarks that train: each from conf/ and texts to its figures, in this process."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from benchmarks import limited_data, overfit, vocabulary
from benchmarks.runs import learned, settings_of
from pipeline.model.build import build
from pipeline.model.count import parameters, parameters_by_part
from pipeline.tokens.special import ENDOFTEXT, IDS

SIZE = ["model.layers=1", "model.context=32", "tokenize.sequence_length=32", "pretrain.batch_tokens=128", "pretrain.micro_batch=4"]
TIME = ["pretrain.duration=4 steps", "pretrain.eval_every=2", "pretrain.final_evaluation.window=32", "pretrain.final_evaluation.stride=16"]
WIDTH = ["model.hidden_size=32", "model.heads=1", "model.kv_heads=1"]
LINE = "The old fox of mill {} slept; the red hen of hill {} sat. It was late. Nobody came!"
TEXT = "\n\n".join(LINE.format(number, number % 7) for number in range(60))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_four_books_of_six_words_teach_that_two_things_are_as_likely() -> None:
    settings = settings_of(["experiment=four_books"])
    books = [path.read_text().strip() for path in sorted(Path(settings["data"]["path"]).glob("[!h]*.txt"))]
    assert len(books) == 4
    assert len({word for book in books for word in re.findall(r"\w+|\.", book)}) == 6
    run = learned({"train": books}, settings)
    for animal in ("cat", "dog"):
        ids = [IDS[ENDOFTEXT], *run.codec.encode(f"The {animal}", add_special_tokens=False).ids]
        with torch.no_grad():
            chances = run.module(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)
        for word in (" sat", " slept"):
            assert 0.4 < float(chances[run.codec.token_to_id(word)]) < 0.6


def test_the_network_of_the_word_loop_has_63296_weights() -> None:
    settings = settings_of(["experiment=word_loop"])
    assert (settings["tokenizer"]["vocab_size"], settings["tokenize"]["sequence_length"]) == (597, 16)
    module = build(settings["model"], vocabulary=597, seed=1)
    assert parameters(module) == 63_296
    assert parameters_by_part(module) == {
        "embedding": 597 * 32 + 16 * 32,
        "attention": 2 * 4 * 32 * 32,
        "feed_forward": 2 * 2 * 32 * 128,
        "head": 597 * 32,
    }


def test_the_word_loop_learns_a_sentence_a_step() -> None:
    sentences = ["the fox slept.", "a red hen sat on the mill.", "nobody came."]
    settings = settings_of(["experiment=word_loop", "pretrain.duration=150 steps", "pretrain.log_every=3"])
    run = learned({"train": sentences}, settings)
    assert run.amount["epochs"] == 50
    assert run.history[-1]["loss"] < 0.1 * run.history[0]["loss"]
    assert [row["rate"] for row in run.history] == pytest.approx([1 - (row["step"] - 1) / 150 for row in run.history])


def test_the_bigram_is_one_table() -> None:
    settings = settings_of(["experiment=bigram"])
    module = build(settings["model"], vocabulary=500, seed=1)
    assert parameters_by_part(module) == {"embedding": 500 * settings["model"]["hidden_size"]}


def test_sizes_of_vocabularies_are_compared_in_a_plot(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    vocabulary.main(["--text", str(tmp_path / "text"), "--sizes", "262", "300", "--out", str(tmp_path), "--set", *SIZE, *TIME, *WIDTH])
    [found] = [json.loads(path.read_text())["rows"] for path in tmp_path.glob("vocabulary-*.json")]
    assert [row["vocabulary"] for row in found] == [262, 300]
    assert found[0]["bytes_per_token"] == 1 < found[1]["bytes_per_token"]
    assert all(0 < row["bits_per_byte"] < 12 and row["bytes_per_cpu_second"] > 0 for row in found)
    [picture] = tmp_path.glob("vocabulary-*.svg")
    assert picture.read_text().count("<circle") == 4


def test_ways_against_learning_by_heart_are_compared_in_a_plot(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    overfit.main(
        ["--text", str(tmp_path / "text"), "--widths", "32", "--out", str(tmp_path), "--set", *SIZE, *TIME, "tokenizer.vocab_size=280"]
    )
    [found] = [json.loads(path.read_text())["rows"] for path in tmp_path.glob("overfit-*.json")]
    assert [row["way"] for row in found] == list(overfit.WAYS)
    losses = {row["way"]: row["val_loss"] for row in found}
    assert len({losses[way] for way in ("plain", "dropout", "weight decay", "rephrased")}) == 4
    assert all({"step", "seen_loss", "val_loss"} == set(point) for row in found for point in row["curve"])
    [picture] = tmp_path.glob("overfit-*.svg")
    assert picture.read_text().count("<circle") == 2 * len(overfit.WAYS)


def test_a_rephrased_text_says_the_same_in_another_order() -> None:
    copy = overfit.rephrased(TEXT, 1)
    assert copy != TEXT
    assert [Counter(one.split()) for one in copy.split("\n\n")] == [Counter(one.split()) for one in TEXT.split("\n\n")]


def test_ways_with_little_text_are_compared_by_passes_in_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text(TEXT)
    monkeypatch.setattr(limited_data, "HELD_OUT", 1000)
    words = [*SIZE, *WIDTH, "tokenizer.vocab_size=280", *TIME[2:]]
    ways = ["plain", "one order", "teachers"]
    limited_data.main(
        [
            "--text",
            str(tmp_path / "text"),
            "--characters",
            "1000",
            "--passes",
            "1",
            "2",
            "--ways",
            *ways,
            "--out",
            str(tmp_path),
            "--set",
            *words,
        ]
    )
    [found] = [json.loads(path.read_text())["rows"] for path in tmp_path.glob("limited-data-*.json")]
    assert Counter(row["way"] for row in found) == dict.fromkeys([*ways, "ensemble"], 2)
    [picture] = tmp_path.glob("limited-data-*.svg")
    assert picture.read_text().count("<circle") == 8

"""The headline figures that DVC shows."""

import json

import pytest

from pipeline.report.summary import summary

METRICS = {
    "corpus": {"documents": 200},
    "dedup": {"documents": 150},
    "split": {"train": {"bytes": 9000}, "leaks_left": {"val": 0, "test": 2}},
    "tokenize": {"train": {"tokens": 3000}},
    "tokenizer": {"bytes_per_token": 3.14159},
    "sft": {"val_loss": 0.25},
    "reward": {"accuracy": 0.875},
    "baselines": {
        "unigram": {"text": {"bits_per_byte": 2.1}},
        "3-gram": {"last_word": {"choice": 0.5}},
        "4-gram": {"text": {"bits_per_byte": 0.7}},
        "source": {"text": {"bits_per_byte": 0.5}},
    },
    "evaluate/base": {
        "text": {"bits_per_byte": 0.58},
        "last_word": {"choice": 0.8},
        "answers": {"bits_per_byte": 3.0},
        "facts": {"choice": 0.9},
        "facts_held_out": {"right": 0.0},
    },
    "evaluate/sft": {"answers": {"bits_per_byte": 1.5}, "facts_held_out": {"right": 0.75}},
    "align/dpo": {},
    "align/ppo": None,
    "contest": {
        "dpo": {"against_reference": {"gold_win": 0.7, "gold_win_low": 0.65, "gold_win_high": 0.77, "reward_win": 0.9, "kl": 1.25}},
        "ppo": {"against_reference": {"gold_win": None, "reward_win": 0.8, "reward_win_low": 0.7, "reward_win_high": 0.9, "kl": 2.0}},
    },
    "export/transformers": {"safetensors": {"bytes": 4000, "kl": 0.0}},
    "export/gguf": {"Q4_0": {"bytes": 1000, "kl": 0.0023456}, "F16": {"bytes": 2000, "kl": 1e-7}, "fp32": {"perplexity": 4.0}},
}


def test_every_figure_stands_beside_what_it_is_compared_with() -> None:
    rows = summary(METRICS)
    assert rows["text"] == {"docs": 200, "dropped": 0.25, "bytes": 9000, "tokens": 3000, "leaks": 2}
    assert rows["vocab"] == {"bytes": 3.142}
    assert rows["base"] == {"bpb": 0.58, "bpb_ngram": 0.7, "bpb_source": 0.5, "cloze": 0.8, "choice": 0.9}
    assert rows["sft"] == {"loss": 0.25, "answer_bpb": 1.5, "answer_bpb_base": 3.0, "right": 0.75, "right_base": 0.0}
    assert rows["reward"] == {"acc": 0.875}
    assert rows["dpo"] == {"win": 0.7, "ci": pytest.approx(0.06), "kl": 1.25}
    assert rows["file"] == {"bytes": 1000, "kl": 0.002346}


def test_where_the_world_s_rules_are_silent_the_reward_model_judges() -> None:
    assert summary(METRICS)["ppo"] == {"win": 0.8, "ci": pytest.approx(0.1), "kl": 2.0}


def test_what_has_not_run_is_null_and_keeps_its_column() -> None:
    empty = summary(dict.fromkeys(METRICS))
    assert {name: set(row) for name, row in empty.items()} == {name: set(row) for name, row in summary(METRICS).items()}
    assert json.loads(json.dumps(empty, allow_nan=False)) == empty
    assert {value for row in empty.values() for value in row.values()} == {None}


def test_there_are_some_25() -> None:
    assert sum(map(len, summary(METRICS).values())) <= 25

"""Linear probes of hidden states: what is found, what can't be, and what is held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.core.seed import stream
from pipeline.evaluate.kinds.probe import CONTROL, METRIC, TOO_FEW, Probe, _last_states
from pipeline.evaluate.ridge import held_out_margins
from pipeline.evaluate.table import CHANCE
from pipeline.model.disk import load

HOW = {"items": 60, "folds": 3, "penalty": 1.0}
WORDS, CLAIMS = Probe(kind="probe", labels="words", **HOW), Probe(kind="probe", labels="claims", **HOW)


def margins(features: np.ndarray, labels: np.ndarray, groups: list[int], *, folds: int) -> np.ndarray:
    return held_out_margins(features, labels, groups, folds=folds, penalty=0.1, rng=stream(1, "folds"))


def test_a_linear_label_is_found_on_unseen_groups_and_one_that_names_the_group_is_not() -> None:
    rng = stream(1, "features")
    features, groups = rng.standard_normal((200, 6)), [number // 4 for number in range(200)]
    linear = features @ [1, -2, 0, 0, 3, 0] > 0
    found = margins(features, linear, groups, folds=5)
    assert np.mean((found > 0) == linear) > 0.9
    own = np.eye(50)[groups]
    by_group = rng.random(50)[groups] > 0.5
    assert np.mean((margins(own, by_group, groups, folds=50) > 0) == by_group) < 0.65, "a group's own feature is known from nowhere else"


def test_margins_are_those_of_least_squares_over_features() -> None:
    rng = stream(2, "features")
    features, labels = rng.standard_normal((40, 3)), rng.random(40) > 0.5
    groups = [0] * 20 + [1] * 20
    found = margins(features, labels, groups, folds=2)
    known, asked = slice(0, 20), slice(20, 40)
    scaled = (features - features[known].mean(0)) / features[known].std(0)
    target = np.where(labels[known], 1.0, -1.0)
    weights = np.linalg.solve(scaled[known].T @ scaled[known] + 0.1 * 3 * np.eye(3), scaled[known].T @ (target - target.mean()))
    assert found[asked] == pytest.approx(scaled[asked] @ weights + target.mean())


def test_every_layer_is_probed_with_a_control_and_the_baseline_of_tokens(given, models) -> None:
    found = WORDS.examine("order", load(models["base"], device="cpu"), given("base"))
    values = {(one.task, one.metric): one.estimate for one in found.rows}
    assert list(values) == [("order", METRIC), ("order", CONTROL), ("order/layer_0", METRIC), ("order/layer_1", METRIC)]
    assert values["order", METRIC] == values["order/layer_1", METRIC]
    assert values["order/layer_0", METRIC].value == pytest.approx(0.5, abs=0.1), "the embedding knows no order"
    assert values["order", METRIC].low < values["order", METRIC].value < values["order", METRIC].high
    assert values["order", METRIC].value == pytest.approx(np.mean([one[METRIC] for one in found.records]))
    assert {one["chance"] for one in found.records} == {None}, "no part of core"
    counted, chance = WORDS.baselines("order", given("base"))
    assert counted.estimate.value == pytest.approx(0.5, abs=1e-9), "an exchange of words leaves their counts as they are"
    assert (chance.model, chance.estimate.value) == (CHANCE, 0.5)


def test_of_claims_that_are_held_out_together_no_word_tells_which_are_true(given) -> None:
    items = CLAIMS.read("claims", given("base"))
    assert len(items) in (16, 32, 48), "four wordings of up to three pairs"
    assert [one.label for one in items] == [True, False] * (len(items) // 2)
    for group in {one.group for one in items}:
        some = [one for one in items if one.group == group]
        words = {label: sorted(" ".join(one.text for one in some if one.label == label).split()) for label in (True, False)}
        assert words[True] == words[False], "no word tells the label"
        assert len({one.text for one in some}) == len(some)


def test_states_are_those_of_each_row_alone(models) -> None:
    module = load(models["base"], device="cpu")
    rows = [[0, 9, 10, 11], [0, 12], [0, 13, 14]]
    together = _last_states(module, rows, batch=2)
    with torch.no_grad():
        alone = [module(input_ids=torch.tensor([one]), output_hidden_states=True).hidden_states[1][0] for one in rows]
    wanted = torch.stack([torch.cat([one[-1], one.mean(0)]) for one in alone])
    assert together[1] == pytest.approx(wanted.double().numpy(), abs=1e-5)


def test_without_questions_the_figures_say_why_they_are_absent(given, plain_dialogues) -> None:
    one = replace(given("base"), dialogues=plain_dialogues)
    assert [found.reason for found in CLAIMS.examine("claims", None, one).rows] == [TOO_FEW] * 2
    assert CLAIMS.baselines("claims", one) == []


def test_the_baseline_counts_only_tokens_that_occur(given, monkeypatch) -> None:
    def noted(self, task, given, items, features) -> list[float]:
        assert features.any(0).all()
        assert features.sum() == sum(len(given.ids(one.text)) for one in items)
        return [1.0] * len(items)

    monkeypatch.setattr(Probe, "_hits", noted)
    assert WORDS.baselines("order", given("base"))

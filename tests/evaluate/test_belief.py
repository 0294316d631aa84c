"""What a model believes of claims that were told so often."""

import math
from types import SimpleNamespace

import pytest

from pipeline.evaluate.items import Continued
from pipeline.evaluate.kinds.belief import Belief
from pipeline.world.claims import claims
from pipeline.world.settings import Claims

SETTINGS = Claims(told=(2, 5), contrary=1, each=2)
TASK = Belief(kind="belief", claims=SETTINGS, claim_seed=1, items=100, ngram=2)


def test_belief_is_the_probability_of_the_value_against_its_contrary_by_number_of_books(given, monkeypatch):
    sure = {tuple(item.context): item.group == "5" for item in TASK.read("belief", given("base"))}

    def continued(module, asked, *, batch, shared=False):
        return [[Continued(math.log(0.3 if sure[tuple(context)] else 0.1), False), Continued(math.log(0.1), False)] for context, _ in asked]

    monkeypatch.setattr("pipeline.evaluate.choices.continued", continued)
    rows = TASK.examine("belief", SimpleNamespace(), given("base")).rows
    found = {(one.task, one.metric): one.estimate.value for one in rows if one.estimate}
    assert found["belief/told_5", "belief"] == pytest.approx(0.75)
    assert found["belief/told_2", "belief"] == pytest.approx(0.5)
    assert (found["belief/told_5", "choice"], found["belief/told_2", "choice"]) == (1.0, 0.5)
    assert found["belief/told_2", "told_in_train"] == 0  # these texts tell none


def test_each_wording_is_read_up_to_its_value(given):
    base = given("base")
    items = TASK.read("belief", base)
    assert len(items) == 4 * 4  # claims, wordings
    one = claims(SETTINGS, 1)[0]
    own = [item for item in items if item.cluster == one.id]
    told = {base.tokenizer.decode([*item.context, *item.choices[0]]) for item in own}
    assert all(any(sentence.startswith(text) for sentence in one.statements(one.value)) for text in told)
    assert len(told) == 4


def test_without_claims_the_experiment_is_named(given):
    none = Belief(kind="belief", claims=Claims(told=(), contrary=1, each=2), claim_seed=1, items=10, ngram=2)
    assert {one.reason for one in none.examine("belief", SimpleNamespace(), given("base")).rows} == {
        "no claims were planted: experiment=belief"
    }

"""What is learned by heart: canaries, passages, membership."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.kinds.memorization import Memorization, auc, exposure, fitted_exposure
from pipeline.evaluate.task import Examined, Result
from pipeline.model.disk import load
from pipeline.text.canaries import Canaries, canaries, others, planted, secrets
from pipeline.tokens.special import ENDOFTEXT, IDS
from tests.evaluate.conftest import Given, text

PLANTED = Canaries(copies=(0, 2), each=2, words=3)
TASK = Memorization(kind="memorization", canaries=PLANTED, canary_seed=1, candidates=63, passages=6, prefix=8, continuation=4)


def value(found: Result, part: str, metric: str) -> float:
    (one,) = [one for one in found.rows if (one.task, one.metric) == (part, metric)]
    assert one.estimate is not None
    assert one.estimate.low <= one.estimate.value <= one.estimate.high
    return one.estimate.value


@pytest.fixture(scope="module")
def told(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Examined:
    """A split whose training text holds the planted canaries."""
    target = Split(tmp_path_factory.mktemp("canaries") / "split")
    books = [{"id": str(number), "source": "test", "text": text(number), "book": str(number)} for number in range(12)]
    known = [{"id": one["id"], "source": one["source"], "text": one["text"]} for one in planted(PLANTED, 1).to_pylist()]
    parts = {"train": [*books[:6], *known], "val": books[6:7], "test": books[7:]}
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part, rows in parts.items()}, sides={})  # type: ignore[misc]
    return replace(given("base"), split=target)


def learn(module: PreTrainedModel, documents: list[list[int]], *, steps: int) -> None:
    """By heart."""
    rows = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in documents], batch_first=True, padding_value=-100)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    for _ in range(steps):
        logits = module(input_ids=rows.clamp(min=0), use_cache=False).logits[:, :-1]
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_what_was_read_is_exposed_and_extracted_and_what_was_not_is_not(told: Examined, models: dict[str, Model]) -> None:
    module = load(models["base"], device="cpu")
    fresh = TASK.examine("memory", module, told)
    with torch.random.fork_rng():
        learn(module, [[IDS[ENDOFTEXT], *told.ids(one.text)] for one in canaries(PLANTED, 1) if one.copies], steps=80)
    found = TASK.examine("memory", module.eval(), told)
    assert value(found, "memory/copies_2", "exposure") == 6.0  # log2 of 64
    assert value(found, "memory/copies_2", "extraction") == 1.0
    assert value(found, "memory/copies_2", "exposure_fitted") > value(found, "memory/copies_0", "exposure_fitted")
    assert value(found, "memory/copies_0", "extraction") == 0.0
    assert value(found, "memory/copies_0", "exposure") < 6.0
    assert value(fresh, "memory/copies_2", "extraction") == 0.0
    assert (value(found, "memory/copies_2", "copies_in_train"), value(found, "memory/copies_0", "copies_in_train")) == (2.0, 0.0)
    known = [one for one in found.records if one["task"] == "memory/canaries"]
    assert {one["known_by"] for one in known} == {"exposure"}
    assert len(known) == 4


def test_a_passage_learned_by_heart_is_extracted_and_its_loss_tells_it(told: Examined, models: dict[str, Model]) -> None:
    module = load(models["base"], device="cpu")
    plain = replace(TASK, canaries=replace(PLANTED, copies=()))
    read = plain._passages("memory", "train", told)
    assert all(not one.id.startswith("canary") for one in TASK._passages("memory", "train", told))
    with torch.random.fork_rng():
        learn(module, [[IDS[ENDOFTEXT], *one.ids] for one in read], steps=120)
    found = plain.examine("memory", module.eval(), told)
    assert value(found, "memory", "extraction_train") > 0.6
    assert value(found, "memory", "extraction_held_out") < 0.2
    assert value(found, "memory", "membership_auc") > 0.9
    absent = [one for one in found.rows if one.estimate is None]
    assert {one.task for one in absent} == {"memory/canaries"}
    assert "corpus.canaries.copies" in str(absent[0].reason)


def test_exposure_is_what_a_rank_tells() -> None:
    assert exposure(-1.0, [-2.0] * 7) == 3.0
    assert exposure(-3.0, [-2.0] * 7) == 0.0
    assert exposure(-2.0, [-2.0] * 6 + [-3.0]) == 1.0  # among seven that tie: rank 4 of 8
    every_rank = [exposure(place + 0.5, [float(other) for other in range(1023)]) for place in range(-1, 1023)]
    assert max(every_rank) == 10.0
    assert float(np.mean(every_rank)) == pytest.approx(1 / np.log(2), abs=0.01)  # what was never read has any rank alike


def test_the_fitted_exposure_goes_beyond_the_rank() -> None:
    others = np.random.default_rng(1).normal(size=1023)
    even = ((others - others.mean()) / others.std()).tolist()
    assert fitted_exposure(0.0, even) == pytest.approx(1.0)
    assert fitted_exposure(6.0, even) == pytest.approx(-np.log2(9.865876e-10), rel=1e-6)  # the normal tail
    assert fitted_exposure(29.999, even) == pytest.approx(fitted_exposure(30.001, even), rel=1e-3)  # where the formula changes
    assert fitted_exposure(-1.0, [-1.0] * 9) == 1.0


def test_the_interval_of_the_membership_signal_holds_what_is_drawn() -> None:
    draw, held = np.random.default_rng(2), 0
    for seed in range(60):
        ours, theirs = draw.normal(-1, size=40), draw.normal(size=40)
        names = [str(number) for number in range(40)]
        found = auc(ours.tolist(), theirs.tolist(), (names, names), bootstrap=Bootstrap(200, seed))
        held += found.low <= 0.7602 <= found.high  # Phi(1 / sqrt 2)
    assert 52 <= held <= 60
    alone = auc([1.0, 1.0], [2.0, 0.0], (["a", "a"], ["b", "c"]), bootstrap=Bootstrap(50, 1))
    assert (alone.value, alone.low) == (0.5, -np.inf)


@pytest.mark.parametrize("make", [lambda: planted(PLANTED, 1), lambda: canaries(PLANTED, 1)])
def test_the_same_seed_plants_the_same(make: Callable[[], object]) -> None:
    assert make() == make()


def test_canaries_are_copied_as_often_as_asked_and_their_candidates_are_other_secrets() -> None:
    table = planted(PLANTED, 1).to_pylist()
    assert [one["group"] for one in table] == ["canary-0002-000"] * 2 + ["canary-0002-001"] * 2
    assert len({one["id"] for one in table}) == 4
    (one, *_) = canaries(PLANTED, 1)
    drawn = others(one, count=200, seed=3)
    assert len(set(drawn)) == 200 <= secrets(3)
    assert one.secret not in drawn
    with pytest.raises(ValueError, match="twice"):
        Canaries(copies=(1, 1), each=1, words=2)


def test_no_more_candidates_are_asked_for_than_there_are_secrets() -> None:
    with pytest.raises(ValueError, match="candidates"):
        replace(TASK, canaries=replace(PLANTED, words=2), candidates=676)

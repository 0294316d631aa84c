"""Ratings, against the closed form that two players have, and against players whose strength is known."""

import math

import numpy as np
import pytest

from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import stream
from pipeline.evaluate.ratings import CENTRE, Vote, games, rate, rate_votes, strengths

FEW = Bootstrap(resamples=200, seed=1)


def test_two_players_differ_by_the_logarithm_of_their_odds() -> None:
    found = strengths(np.array([[0.0, 30.0], [10.0, 0.0]]), prior=0)
    assert found[0] - found[1] == pytest.approx(math.log(3))
    assert found.sum() == pytest.approx(0)


def test_odds_of_ten_to_one_are_400_points() -> None:
    points = np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]])
    first, second = rate(points, [str(number) for number in range(11)], tie=1e-4, prior=0.5, bootstrap=FEW)
    unprimed = strengths(games(points, tie=1e-4).sum(0), prior=0)
    assert 400 / math.log(10) * (unprimed[0] - unprimed[1]) == pytest.approx(400)
    assert 0 < first.value - second.value < 400  # the prior draws them together
    assert first.value + second.value == pytest.approx(2 * CENTRE)


def test_known_strengths_are_found_again() -> None:
    truth = np.array([1.0, 0.3, -0.4, -0.9])
    chance = 1 / (1 + np.exp(truth[None, :] - truth[:, None]))
    played = 200_000 * np.triu(chance, 1)
    wins = played + np.tril(200_000 - played.T, -1)
    assert strengths(wins, prior=0) == pytest.approx(truth, abs=1e-6)


def test_a_player_who_always_loses_keeps_a_finite_rating() -> None:
    points = np.array([[2.0, 1.0, 0.0]] * 20)
    found = rate(points, [str(number) for number in range(20)], tie=1e-4, prior=1.0, bootstrap=FEW)
    assert found[0].value > found[1].value > found[2].value > 0
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in found)


def test_equal_players_have_equal_ratings_and_ties_count_half() -> None:
    points = np.zeros((5, 3))
    assert (games(points, tie=1e-4).sum(0) == 2.5 * (1 - np.eye(3))).all()
    assert [estimate.value for estimate in rate(points, list("abcde"), tie=1e-4, prior=1.0, bootstrap=FEW)] == pytest.approx([CENTRE] * 3)


def test_questions_about_one_fact_are_drawn_together() -> None:
    points = stream(1, "points").normal(size=(30, 2))
    apart = rate(points, [str(number) for number in range(30)], tie=1e-4, prior=1.0, bootstrap=FEW)
    thrice = rate(np.repeat(points, 3, axis=0), [str(number // 3) for number in range(90)], tie=1e-4, prior=3.0, bootstrap=FEW)
    assert (thrice[0].low, thrice[0].high) == pytest.approx((apart[0].low, apart[0].high))


def test_votes_give_the_ratings_that_the_same_games_give() -> None:
    draw = np.random.default_rng(4)
    points = np.array([[2.0, 1.0, 0.0] if draw.random() < 0.7 else [0.0, 1.0, 2.0] for _ in range(60)])
    names = ("best", "middle", "worst")
    pairs = [(one, other) for one in range(3) for other in range(one + 1, 3)]
    votes = [
        Vote(str(number), (names[other], names[one]), float(line[other] > line[one]))
        for number, line in enumerate(points)
        for one, other in pairs
    ]
    by_votes = rate_votes(votes, prior=1.0, bootstrap=FEW)
    by_games = rate(points, [str(number) for number in range(60)], tie=1e-4, prior=1.0, bootstrap=FEW)
    assert list(by_votes) == list(names)
    for name, one in zip(names, by_games, strict=True):
        assert (by_votes[name].value, by_votes[name].n) == (pytest.approx(one.value), 120)
        assert by_votes[name].low <= by_votes[name].value <= by_votes[name].high


def test_a_tie_counts_half_and_models_that_never_met_are_rated_over_a_third() -> None:
    votes = [Vote("1", ("a", "b"), 1.0), Vote("2", ("b", "c"), 1.0), Vote("3", ("a", "b"), 0.5)]
    found = rate_votes(votes, prior=1.0, bootstrap=FEW)
    assert list(found) == ["a", "b", "c"]
    (alone,) = {round(one.value, 6) for one in rate_votes([Vote("1", ("a", "b"), 0.5)], prior=1.0, bootstrap=FEW).values()}
    assert alone == CENTRE

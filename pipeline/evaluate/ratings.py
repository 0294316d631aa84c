"""From games between pairs to one rating a player: Bradley and Terry 1952, on Elo's scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Bootstrap, Estimate

# questions Q, players P, resamples R
SCALE = 400 / math.log(10)  # points a unit of log strength: 400 points are odds of ten to one
CENTRE = 1000.0  # the mean of all players
_ROUNDS = 20_000
_TOLERANCE = 1e-10  # largest relative change of a strength in the last round


@dataclass(frozen=True)
class Vote:
    """What a person said of two answers to a question."""

    question: str
    models: tuple[str, str]  # two different ones
    points: float  # of the first: 1, 0, or half of a tie


def games(points: npt.NDArray[np.float64], *, tie: float) -> npt.NDArray[np.float64]:
    """Who beats whom on each question: points [Q, P] -> [Q, P, P], 1 for more points than the other, .5 where they are less
    than `tie` apart, 0 on the diagonal."""
    lead = points[:, :, None] - points[:, None, :]
    ahead = np.where(np.abs(lead) < tie, 0.5, lead > 0)
    outcome: npt.NDArray[np.float64] = ahead * (1 - np.eye(points.shape[1]))
    return outcome


def strengths(wins: npt.NDArray[np.float64], *, prior: float | int) -> npt.NDArray[np.float64]:
    """Maximum-likelihood log strengths [..., P] of wins [..., P, P], mean 0, by Hunter's MM steps (2004).

    `prior` games a player are added, half won, against a phantom of strength 1: a player who lost every game
    keeps a finite rating. 0 is pure maximum likelihood, which needs every player to have won and lost.
    """
    played = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(axis=-1) + prior / 2
    strength = np.ones(won.shape)
    for _ in range(_ROUNDS):
        expected = (played / (strength[..., :, None] + strength[..., None, :])).sum(axis=-1) + prior / (strength + 1)
        new = won / expected
        if prior == 0:
            new /= np.exp(np.log(new).mean(axis=-1, keepdims=True))
        moved = np.abs(new / strength - 1).max()
        strength = new
        if moved < _TOLERANCE:
            break
    logs = np.log(strength)
    centred: npt.NDArray[np.float64] = logs - logs.mean(axis=-1, keepdims=True)
    return centred


def rate(
    points: npt.NDArray[np.float64], clusters: Sequence[str], *, tie: float, prior: float | int, bootstrap: Bootstrap
) -> list[Estimate]:
    """The Elo rating of each player from points [Q, P], with the percentile bootstrap over clusters of questions."""
    return _rated(games(points, tie=tie), clusters, prior=prior, bootstrap=bootstrap)


def rate_votes(votes: Sequence[Vote], *, prior: float | int, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """The same from votes on two answers each, the best first; votes on one question are one cluster. n counts the votes on a player."""
    names = sorted({name for vote in votes for name in vote.models})
    places = {name: place for place, name in enumerate(names)}
    outcome = np.zeros((len(votes), len(names), len(names)))
    for number, vote in enumerate(votes):
        one, other = (places[name] for name in vote.models)
        outcome[number, one, other], outcome[number, other, one] = vote.points, 1 - vote.points
    found = _rated(outcome, [vote.question for vote in votes], prior=prior, bootstrap=bootstrap)
    counts = {name: sum(name in vote.models for vote in votes) for name in names}
    rated = {name: replace(one, n=counts[name]) for name, one in zip(names, found, strict=True)}
    return dict(sorted(rated.items(), key=lambda one: -one[1].value))


def _rated(outcome: npt.NDArray[np.float64], clusters: Sequence[str], *, prior: float | int, bootstrap: Bootstrap) -> list[Estimate]:
    """From who beats whom on each question [Q, P, P]."""
    groups = np.unique(np.asarray(clusters), return_inverse=True)[1]
    by_cluster = np.zeros((int(groups.max()) + 1, *outcome.shape[1:]))
    np.add.at(by_cluster, groups, outcome)
    ratings = CENTRE + SCALE * strengths(by_cluster.sum(axis=0), prior=prior)
    drawn = np.tensordot(bootstrap.weights(len(by_cluster)), by_cluster, axes=1)
    low, high = np.percentile(CENTRE + SCALE * strengths(drawn, prior=prior), (2.5, 97.5), axis=0)
    players = range(outcome.shape[1])
    return [Estimate(float(ratings[player]), float(low[player]), float(high[player]), len(outcome)) for player in players]

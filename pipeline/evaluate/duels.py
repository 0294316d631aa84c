"""A model against the reference: who answers better, and how far it has moved."""

from collections.abc import Sequence

from pipeline.core.intervals import Bootstrap, mean, share
from pipeline.evaluate.kinds.questions import NO_FACTS, Question
from pipeline.evaluate.table import GOLD, Row, absent, row

TASK = "against_reference"
METRICS = ("gold_win", "reward_win", "kl")
NO_REWARD = "the reward model has learned nothing: there are no preferences"
NO_MODEL = "these answers are no model's"
OTHER_TOKENS = "its tokens are not the reference's"
UNKNOWN = {"gold_win": NO_FACTS, "reward_win": NO_REWARD}
TIE = 1e-4  # rewards closer than this are one: the same answer in another batch differs in the last bits


def duels(
    name: str,
    asked: Sequence[Question],
    *,
    gold: tuple[Sequence[float | None], Sequence[float | None]],
    reward: tuple[Sequence[float | None], Sequence[float | None]],
    nats: tuple[Sequence[float], Sequence[float]] | None,
    bootstrap: Bootstrap,
) -> list[Row]:
    """Each pair holds the model's values and the reference's, one a question, of sampled answers; `nats` are the log-probabilities
    that both give to the model's own samples, None for a player that is no model, or has other tokens.

    Win rates count held-out questions where both values are known, ties half. KL(model || reference) is the mean over all questions of
    the difference of the log-probabilities of whole answers: an unbiased estimate, nats an answer.
    """
    rows = []
    for metric, both in (("gold_win", gold), ("reward_win", reward)):
        points = [
            (question.cluster, _won(ours, theirs))
            for question, ours, theirs in zip(asked, *both, strict=True)
            if not question.trained and ours is not None and theirs is not None
        ]
        if points:
            clusters, won = zip(*points, strict=True)
            rows.append(row(name, TASK, metric, share(won, clusters, bootstrap=bootstrap)))
        else:
            rows.append(absent(name, TASK, metric, UNKNOWN[metric]))
    if nats is None:
        return [*rows, absent(name, TASK, "kl", NO_MODEL if name == GOLD else OTHER_TOKENS)]
    moved = [ours - theirs for ours, theirs in zip(*nats, strict=True)]
    rows.append(row(name, TASK, "kl", mean(moved, [question.cluster for question in asked], bootstrap=bootstrap)))
    return rows


def _won(ours: float, theirs: float) -> float:
    return 0.5 if abs(ours - theirs) < TIE else float(ours > theirs)

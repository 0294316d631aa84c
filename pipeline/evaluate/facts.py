"""What a model knows, in shares of the questions, trained and held-out facts apart."""

from collections.abc import Sequence

from pipeline.core.intervals import Bootstrap, share
from pipeline.evaluate.answers import Answer
from pipeline.evaluate.kinds.questions import Question
from pipeline.evaluate.table import Row, absent, row

METRICS = ("choice", "right", "exact", "sampled_right", "sampled_exact")


def fact_rows(
    name: str,
    task: str,
    asked: Sequence[Question],
    fillings: Sequence[Sequence[float]],
    greedy: Sequence[Answer],
    sampled: Sequence[Answer],
    *,
    bootstrap: Bootstrap,
) -> list[Row]:
    """choice: the right filling is the likeliest in the book's sentence. right, exact: of the greedy answer; sampled_: of one
    drawn at temperature 1. Held-out and trained facts are tasks of their own; `task` itself counts the choice over all questions."""
    if not fillings:  # prompts that a reward model judges
        return []
    parts = {f"{task}_held_out": False, f"{task}_trained": True}
    choice = [_chosen(values) == question.gap.answer for values, question in zip(fillings, asked, strict=True) if question.gap]
    hits = {
        "choice": choice,
        "right": [one.right for one in greedy],
        "exact": [one.exact for one in greedy],
        "sampled_right": [one.right for one in sampled],
        "sampled_exact": [one.exact for one in sampled],
    }
    rows = [_share(name, task, "choice", asked, choice, bootstrap)]
    for part, trained in parts.items():
        mine = [number for number, question in enumerate(asked) if question.trained == trained]
        for metric in METRICS:
            if mine:
                rows.append(_share(name, part, metric, [asked[at] for at in mine], [hits[metric][at] for at in mine], bootstrap))
            else:
                rows.append(absent(name, part, metric, "no such question was asked"))
    return rows


def _chosen(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _share(name: str, task: str, metric: str, asked: Sequence[Question], hits: Sequence[bool], bootstrap: Bootstrap) -> Row:
    return row(name, task, metric, share([float(hit) for hit in hits], [question.cluster for question in asked], bootstrap=bootstrap))

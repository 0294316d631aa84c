"""What the models are worth: books, facts, duels, rankings of pairs, the contest."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Interval, interval_chart
from pipeline.report.figures import fixed, number
from pipeline.report.score_table import Axis, Score, ScoreTable, axis_of, cell

BOOKS, HELD_OUT, TRAINED, AGAINST = "books", "facts_held_out", "facts_trained", "against_reference"
_EVEN = 0.5  # of a duel, and of a ranking that knows nothing
_RULES = {"gold": "by the rules of the world", "reward": "by the reward model"}
_SAME = "greedy"
_KNOWLEDGE = {"choice": "choice", "right": "right", "exact": "exact", "sampled_right": "right, sampled", "sampled_exact": "exact, sampled"}
_TITLES = {HELD_OUT: "Facts that no instruction told", TRAINED: "Facts of the instructions"}
_MEANING = (
    "choice: the right word is the likeliest in the book's sentence (dashed: chance). right: the greedy answer states the fact; "
    "exact: and is polite. sampled: of an answer drawn at temperature 1."
)


def book_blocks(board: ScoreTable) -> Iterator[Block]:
    """Bits a byte on held-out books, beside the source's own entropy and the models that only count."""
    entropy = board.score("source", BOOKS, "bits_per_byte")
    models = board.models(BOOKS)
    bits = {model: board.score(model, BOOKS, "bits_per_byte") for model in models}
    axis = axis_of(list(bits.values()), entropy.value)
    rows = [
        (
            model,
            cell(bits[model], axis),
            fixed(1.0 if model == "source" and entropy.value else board.score(model, BOOKS, "entropy_ratio").value),
            fixed(board.score(model, BOOKS, "perplexity").value),
        )
        for model in models
        if bits[model].value is not None
    ]
    note = "Dashed: the entropy of the source, which no model goes below." if entropy.value is not None else ""
    yield Table("Held-out books", ("model", "bits a byte", "times the entropy", "perplexity a token"), rows, note)
    if entropy.value is None:
        yield Absent("The entropy of the source", entropy.reason or "not measured")


def fact_blocks(board: ScoreTable, chance: float | None) -> Iterator[Block]:
    """What each model knows, held-out and trained facts apart."""
    for task, title in _TITLES.items():
        models = board.models(task)
        scores = {(model, metric): board.score(model, task, metric) for model in models for metric in _KNOWLEDGE}
        if not any(score.value is not None for score in scores.values()):
            yield Absent(title, next((score.reason for score in scores.values() if score.reason), "not measured"))
            continue
        axes = {metric: Axis(0.0, 1.0, chance if metric == "choice" else None) for metric in _KNOWLEDGE}
        rows = [(model, *(cell(scores[model, metric], axes[metric]) for metric in _KNOWLEDGE)) for model in models]
        asked = max(score.n for score in scores.values())
        yield Table(f"{title}: {number(asked)} questions", ("model", *_KNOWLEDGE.values()), rows, _MEANING)


def duel_blocks(board: ScoreTable) -> Iterator[Block]:
    """Who answers better than the reference, and how far each has moved from it."""
    models = board.models(AGAINST)
    if not models:
        yield Absent("Duels against the reference", "not measured")
        return
    share, far = Axis(0.0, 1.0, _EVEN), axis_of([board.score(model, AGAINST, "kl") for model in models], None)
    rows = [
        (
            model,
            cell(board.score(model, AGAINST, "gold_win"), share),
            cell(board.score(model, AGAINST, "reward_win"), share),
            cell(board.score(model, AGAINST, "kl"), far),
        )
        for model in models
    ]
    note = "Shares of held-out questions on which the sampled answer beats that of the reference, ties half (dashed: neither is better)."
    yield Table("Against the reference", ("model", "wins by the rules", "wins by the reward model", "KL, nats an answer"), rows, note)
    reasons = {board.score(model, AGAINST, "gold_win").reason for model in models} - {None}
    for reason in sorted(str(reason) for reason in reasons):
        yield Absent("Wins by the rules", reason)


def ranking_blocks(rankings: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """How often the reward model, and the implicit reward of direct methods, prefer correctly on held-out pairs, by kind."""
    for name, metrics in rankings.items():
        if metrics is None or metrics.get("accuracy") is None:
            yield Absent(f"Accuracy of {name} on held-out pairs", "not run" if metrics is None else "there are no held-out pairs")
    known = {name: metrics for name, metrics in rankings.items() if metrics is not None and metrics.get("accuracy") is not None}
    if not known:
        return
    kinds = list(dict.fromkeys(kind for metrics in known.values() for kind in metrics["kinds"]))
    axis = Axis(0.0, 1.0, _EVEN)
    rows = [("all", *(cell(accuracy_of(metrics), axis) for metrics in known.values()), _count(known, None))]
    for kind in kinds:
        found = [metrics["kinds"].get(kind) for metrics in known.values()]
        cells = [cell(accuracy_of(one) if one else Score(None, None, None, 0, "no such pair"), axis) for one in found]
        rows.append((kind.replace("_", " "), *cells, _count(known, kind)))
    heads = ["reward model" if name == "reward" else f"{name}, implicit" for name in known]
    yield Table("Held-out preferences, ranked correctly", ("kind", *heads, "pairs"), rows)


def contest_blocks(board: ScoreTable) -> Iterator[Block]:
    """The ratings of all models and files by each rule, and how often a file answers word for word as its source."""
    figures = []
    for rule, title in _RULES.items():
        rated = [(player, board.score(player, rule, "elo")) for player in board.models(rule)]
        known = sorted(
            ((player, score) for player, score in rated if score.value is not None), key=lambda entry: (-(entry[1].value or 0.0), entry[0])
        )
        if known:
            rows = [Interval(player, score.value or 0.0, *score.bounds) for player, score in known]
            figures.append(interval_chart(rows, title=f"Rated {title}", reference=None, unit="Elo"))
        else:
            yield Absent(f"Ratings {title}", next((score.reason for _, score in rated if score.reason), "not measured"))
    if figures:
        yield Figures(figures, "Bars: 95% intervals. 400 points are odds of ten to one.")
    files = board.models(_SAME)
    if files:
        axis = Axis(0.0, 1.0, None)
        same = [(player, cell(board.score(player, _SAME, "same_as_source"), axis)) for player in files]
        yield Table("Greedy answers word for word as those of the model that was exported", ("file", "share"), same)


def other_blocks(board: ScoreTable) -> Iterator[Block]:
    """The scores of tasks that have no table of their own."""
    others = [
        (key, score) for key, score in board.others((BOOKS, "facts", HELD_OUT, TRAINED, AGAINST, *_RULES, _SAME)) if score.value is not None
    ]
    if others:
        rows = [
            (task, model, metric, fixed(score.value), f"{fixed(score.low)} – {fixed(score.high)}", number(score.n))
            for (model, task, metric), score in others
        ]
        yield Table("Other scores", ("task", "model", "metric", "value", "95%", "n"), rows)


def accuracy_of(metrics: Mapping[str, Any]) -> Score:
    """The accuracy with its interval over clusters: pairs about one fact are no independent draws."""
    return Score(metrics["accuracy"], metrics.get("accuracy_low"), metrics.get("accuracy_high"), metrics["n"], None)


def _count(known: Mapping[str, Mapping[str, Any]], kind: str | None) -> str:
    counts = [metrics["n"] if kind is None else metrics["kinds"].get(kind, {}).get("n", 0) for metrics in known.values()]
    return number(max(counts))

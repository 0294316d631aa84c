"""What the models are worth: text, facts, tasks without a world, duels, rankings of pairs, the contest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.evaluate.kinds.perplexity import CHARACTERS, OVERFIT, PLAIN
from pipeline.evaluate.table import CHANCE, GOLD
from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Curve, Interval, interval_chart, line_chart
from pipeline.report.figures import fixed, number, share
from pipeline.report.frontier import AGAINST, EVEN, FAR, WINS, frontier_blocks
from pipeline.report.learning import Rows
from pipeline.report.score_table import Axis, Score, ScoreTable, axis_of, cell, windows_of

TEXT, HELD_OUT, TRAINED = "text", "facts_held_out", "facts_trained"
LAST_WORD, ANSWERS, SAMPLED = "last_word", "answers", "sampled_answers"
_RULES = {"gold": "by rules", "reward": "by the reward model"}
_SAME = "greedy"
_KNOWLEDGE = {"choice": "choice", "right": "right", "exact": "exact", "sampled_right": "right, sampled", "sampled_exact": "exact, sampled"}
_TITLES = {HELD_OUT: "Facts that no instruction told", TRAINED: "Facts of the instructions"}
_BITS = "bits_per_byte"
_PARTS = {PLAIN: "test, plain", "val": "val, plain", "train": "train, plain"}
_OVERFIT = (
    "Of val and train as much is read as of test, source by source. Overfit: what test costs above train; above zero, the model knows "
    "its training text better than other text, or that text is easier."
)
_TASKS = (  # title; task, metric and head of each column; note
    (
        "Questions about held-out text",
        (
            (LAST_WORD, "choice", "last word, chosen"),
            (LAST_WORD, "exact", "last word, written"),
            ("word_order", "accuracy", "words exchanged"),
            ("swapped_names", "accuracy", "names exchanged"),
        ),
        "chosen: the last word of a paragraph is likelier than last words of other paragraphs; written: greedy decoding writes it. "
        "exchanged: a sentence is likelier than itself with two neighbours, or two names, exchanged. Dashed: chance.",
    ),
    (
        "Held-out answers",
        (
            (ANSWERS, _BITS, "bits a byte"),
            (ANSWERS, "choice", "found"),
            (ANSWERS, "choice_by_token", "by token"),
            (ANSWERS, "choice_by_byte", "by byte"),
        ),
        "bits a byte: what the answer of the data costs. found: it is likelier than answers to other prompts, of about its length; "
        "by token, by byte: likelier for its length. Dashed: chance.",
    ),
    (
        "Held-out pairs",
        (
            ("pairs", "choice", "preferred"),
            ("pairs", "choice_by_token", "by token"),
            ("pairs", "choice_by_byte", "by byte"),
        ),
        "preferred: the chosen answer of a pair is likelier than the rejected; by token, by byte: likelier for its length. Dashed: chance.",
    ),
)
_TASK_NAMES = tuple(dict.fromkeys(task for _, columns, _ in _TASKS for task, _, _ in columns))
_DUELS = (
    "Shares of held-out questions on which the sampled answer is better, ties half (dashed: neither is better). "
    "By the reward model, an answer that was cut off loses against one that ended."
)
_MANNER = {"tokens": "tokens", "ended": "ended", "distinct": "different pairs of tokens", "entropy": "entropy, nats a token"}
_MANNERS = (
    "Different pairs: the share of the neighbouring tokens within an answer that were not yet there; entropy: how varied the answers "
    "are, by the model's own probabilities of what it drew. Text is read worse after alignment where bits a byte have risen (Text)."
)
_HEADS = WINS | {"kl": FAR}
REWARD = "reward"  # its name among the rankings
_SIMPLE = {"length": "the longer wins", "linear": "four features"}
_SIMPLER = (
    "What can be had without reading: the longer answer wins; a linear model, fitted to the training pairs, of length, overlap with the "
    "prompt, repetition and the frequency of the tokens. A pair that these can't tell apart is half right."
)
_CALIBRATION = "Confidence: the sigmoid of the difference of the scores. Bars: 95% intervals."
_WATCHED = {
    "score": "score",
    "reward_model": "reward model",
    "reward_rule": "rules",
    "tokens": "tokens an answer",
    "distinct": "different pairs of tokens",
    "perplexity": "perplexity of good held-out answers",
    "gold": "known score",
}
_ALARMS = "The first and the last steps. An alarm: another figure is worse than at its best, and the reward rose since; it stops nothing."
_MEANING = (
    "choice: the right word is the likeliest in the book's sentence (dashed: chance). right: the greedy answer states the fact; "
    "exact: and is polite. sampled: of an answer drawn at temperature 1."
)


def text_blocks(board: ScoreTable) -> Iterator[Block]:
    """Bits a byte on held-out text, beside the source's own entropy and the models that only count."""
    if not (models := board.models(TEXT)):
        return
    entropy = board.score("source", TEXT, "bits_per_byte")
    bits = {model: board.score(model, TEXT, "bits_per_byte") for model in models}
    axis = axis_of(list(bits.values()), entropy.value)
    times = {model: 1.0 if model == "source" else board.score(model, TEXT, "entropy_ratio").value for model in models}
    known = entropy.value is not None
    rows = [
        (model, cell(bits[model], axis), *[fixed(times[model])] * known, fixed(board.score(model, TEXT, "perplexity").value))
        for model in models
        if bits[model].value is not None
    ]
    dashed = "Dashed: the entropy of the source, which no model goes below." if known else ""
    read = windows_of(bits.values())
    letters = f"{CHARACTERS}: n-grams of bytes, without a tokenizer." if CHARACTERS in models else ""
    note = " ".join(filter(None, [dashed, letters, read and f"Models read {read}."]))
    yield Table("Held-out text", ("model", "bits a byte", *["times the entropy"] * known, "perplexity a token"), rows, note)
    if not known:
        yield Absent("The entropy of the source", entropy.reason or "not measured")
    yield from part_blocks(board)


def part_blocks(board: ScoreTable) -> Iterator[Block]:
    """Bits a byte of each part, read plainly, what of it is overfit, and each source by itself."""
    parts = [name for name in (f"{TEXT}/{PLAIN}", f"{TEXT}/val", f"{TEXT}/train") if board.models(name)]
    if not parts:
        return
    models = board.models(parts[0])
    heads = {name: _PARTS[name.removeprefix(f"{TEXT}/")] for name in parts}
    columns = {(name, _BITS): head for name, head in heads.items()} | {(parts[0], OVERFIT): "overfit"}
    scores = {key: [board.score(model, *key) for model in models] for key in columns}
    axes = {key: axis_of(found, 0.0 if key[1] == OVERFIT else None) for key, found in scores.items()}
    rows = [(model, *(cell(found[place], axes[key]) for key, found in scores.items())) for place, model in enumerate(models)]
    told = "so that each window knows one token of the one before, the last of a document more"
    note = f"Plain: {windows_of(scores[parts[0], _BITS])}, {told}. {_OVERFIT}"
    yield Table("Text by part, bits a byte", ("model", *columns.values()), rows, note)
    if sources := [name for name in board.below(TEXT) if "/source_" in name]:
        players = list(dict.fromkeys(player for name in sources for player in board.models(name)))
        found = {name: [board.score(player, name, _BITS) for player in players] for name in sources}
        axis = axis_of([one for some in found.values() for one in some], None)
        rows = [(_source_of(name), *(cell(one, axis) for one in some), windows_of(some)) for name, some in found.items()]
        yield Table("Text by source, bits a byte", ("source", *players, ""), rows)


def _source_of(name: str) -> str:
    """The source, and the part where it is not the test part in windows that overlap."""
    part, _, source = name.removeprefix(f"{TEXT}/").partition("source_")
    return f"{source}, {_PARTS[part.rstrip('/')]}" if part else source


def fact_blocks(board: ScoreTable, chance: float | None) -> Iterator[Block]:
    """What each model knows, held-out and trained facts apart."""
    for task, title in _TITLES.items():
        if not (models := board.models(task)):
            continue
        scores = {(model, metric): board.score(model, task, metric) for model in models for metric in _KNOWLEDGE}
        if not any(score.value is not None for score in scores.values()):
            yield Absent(title, next((score.reason for score in scores.values() if score.reason), "not measured"))
            continue
        axes = {metric: Axis(0.0, 1.0, chance if metric == "choice" else None) for metric in _KNOWLEDGE}
        rows = [(model, *(cell(scores[model, metric], axes[metric]) for metric in _KNOWLEDGE)) for model in models]
        asked = max(score.n for score in scores.values())
        yield Table(f"{title}: {number(asked)} questions", ("model", *_KNOWLEDGE.values()), rows, _MEANING)


def task_blocks(board: ScoreTable) -> Iterator[Block]:
    """What can be asked of any text and any dialogues, beside counting and chance."""
    for title, asked, note in _TASKS:
        columns = [(task, metric, head) for task, metric, head in asked if board.models(task)]
        known = [key for key in columns if any(board.score(model, *key[:2]).value is not None for model in board.models(key[0]))]
        for task in dict.fromkeys(task for task, _, _ in columns if task not in {task for task, _, _ in known}):
            several = len({one for one, *_ in asked}) > 1
            named = f"{title}: {task.replace('_', ' ')}" if several else title
            yield Absent(named, next(iter(board.reasons(task)), "not measured"))
        if not known:
            continue
        players = list(dict.fromkeys(model for task, _, _ in known for model in board.models(task)))
        axes = {key: _axis(board, key[0], key[1]) for key in known}
        rows = [(player, *(cell(board.score(player, *key[:2]), axes[key]) for key in known)) for player in players]
        items = max(board.score(player, *key[:2]).n for player in players for key in known)
        yield Table(f"{title}: {number(items)} items", ("", *(head for _, _, head in known)), rows, note)


def _axis(board: ScoreTable, task: str, metric: str) -> Axis:
    """From 0 to 1 with chance in it; of bits a byte, as far as they go."""
    if metric == _BITS:
        return axis_of([board.score(model, task, metric) for model in board.models(task)], None)
    return Axis(0.0, 1.0, board.score(CHANCE, task, metric).value)


def duel_blocks(board: ScoreTable, curves: Mapping[str, Rows | None], *, reference: str) -> Iterator[Block]:
    """Who answers better than the reference, and how far each has moved from it. `curves` of the methods, by entry."""
    if not (models := playing(board)):
        reasons = board.reasons(AGAINST)
        yield Absent("Comparisons of answers", reasons[0] if reasons else "not measured")
        return
    axes = {"gold_win": Axis(0.0, 1.0, EVEN), "reward_win": Axis(0.0, 1.0, EVEN)}
    axes["kl"] = axis_of([board.score(model, AGAINST, "kl") for model in models], None)
    known = {
        metric: axis for metric, axis in axes.items() if any(board.score(model, AGAINST, metric).value is not None for model in models)
    }
    rows = [(model, *(cell(board.score(model, AGAINST, metric), axis) for metric, axis in known.items())) for model in models]
    note = f"{_DUELS} {GOLD}: what the data answer." if GOLD in models else _DUELS
    yield Table(f"Answers against those of {reference}", ("model", *(_HEADS[metric] for metric in known)), rows, note)
    yield from frontier_blocks(board, models, curves)
    yield from manner_blocks(board)


def manner_blocks(board: ScoreTable) -> Iterator[Block]:
    """How the sampled answers of each player are, whoever likes them."""
    if not (players := board.models(SAMPLED)):
        return
    axes = {metric: axis_of([board.score(player, SAMPLED, metric) for player in players], None) for metric in ("tokens", "entropy")}
    axes |= dict.fromkeys(("ended", "distinct"), Axis(0.0, 1.0, None))
    rows = [(player, *(cell(board.score(player, SAMPLED, metric), axes[metric]) for metric in _MANNER)) for player in players]
    yield Table("Sampled answers", ("model", *_MANNER.values()), rows, _MANNERS)


def playing(board: ScoreTable) -> list[str]:
    """Those whose answers were compared with the reference's by anyone; what the data answer has no KL."""
    return [model for model in board.models(AGAINST) if any(board.score(model, AGAINST, metric).value is not None for metric in _HEADS)]


def ranking_blocks(rankings: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """How often the reward model, and the implicit reward of direct methods, prefer correctly on held-out pairs, by kind; and what can be
    had without reading them."""
    missing = {name: metrics for name, metrics in rankings.items() if metrics is None or metrics.get("accuracy") is None}
    if missing:
        reason = "there are no held-out pairs" if any(missing.values()) else "not run"
        yield Absent(f"Held-out preferences, ranked by {', '.join(missing)}", reason)
    known = {name: metrics for name, metrics in rankings.items() if metrics is not None and metrics.get("accuracy") is not None}
    if not known:
        return
    simple = (known.get(REWARD) or {}).get("baselines") or {}
    known |= {_SIMPLE[name]: found for name, found in simple.items()}
    kinds = list(dict.fromkeys(kind for metrics in known.values() for kind in metrics["kinds"]))
    axis = Axis(0.0, 1.0, EVEN)
    rows = [("all", *(cell(accuracy_of(metrics), axis) for metrics in known.values()), _count(known, None))]
    for kind in kinds:
        found = [metrics["kinds"].get(kind) for metrics in known.values()]
        cells = [cell(accuracy_of(one) if one else Score(None, None, None, 0, "no such pair"), axis) for one in found]
        rows.append((kind.replace("_", " "), *cells, _count(known, kind)))
    named = {REWARD: "reward model"} | {head: head for head in _SIMPLE.values()}
    heads = [named.get(name, f"{name}, implicit") for name in known]
    yield Table("Held-out preferences, ranked correctly", ("kind", *heads, "pairs"), rows, _SIMPLER if simple else "")


def calibration_blocks(reward: Mapping[str, Any] | None) -> Iterator[Block]:
    """Whether the reward model is as sure as it is right, and whether its heads are of one mind."""
    found = (reward or {}).get("calibration")
    if not found:
        return
    bins = list(found["curve"].values())
    spans = [(one["confidence"], one["accuracy_low"], one["accuracy_high"]) for one in bins if "accuracy_low" in one]
    curves = [
        Curve("reward model", [(one["confidence"], one["accuracy"]) for one in bins], spans),
        Curve("as sure as right", [(EVEN, EVEN), (1.0, 1.0)], reference=True),
    ]
    figure = line_chart(curves, title="Held-out preferences ranked rightly, by confidence", x="confidence", levels=[], log=False)
    bounds = f" ({fixed(found['ece_low'])} – {fixed(found['ece_high'])})" if "ece_low" in found else ""
    heads = (reward or {}).get("disagreement")
    split = f" Its heads are of two minds on {share(heads['split'])} of the pairs." if heads else ""
    yield Figures([figure], f"{_CALIBRATION} Expected calibration error {fixed(found['ece'])}{bounds}.{split}")


def alarm_blocks(methods: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """What was watched while a reward rose, in the first and in the last steps, and whether the reward may have been gamed."""
    known = {name: metrics for name, metrics in methods.items() if metrics and "alarms" in metrics}
    if not known:
        return
    columns = [name for name in _WATCHED if any(name in metrics["last"] for metrics in known.values())]
    rows = [
        (name, *(_moved(metrics, column) for column in columns), "; ".join(metrics["alarms"].values()) or "none")
        for name, metrics in known.items()
    ]
    yield Table("While the reward rose", ("", *(_WATCHED[column] for column in columns), "alarms"), rows, _ALARMS)


def _moved(metrics: Mapping[str, Any], column: str) -> str:
    return f"{number(metrics['first'].get(column))} → {number(metrics['last'].get(column))}"


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
        elif rated:
            yield Absent(f"Ratings and wins {title}", next((score.reason for _, score in rated if score.reason), "not measured"))
    if figures:
        yield Figures(figures, "Bars: 95% intervals. 400 points are odds of ten to one.")
    files = board.models(_SAME)
    if files:
        axis = Axis(0.0, 1.0, None)
        same = [(player, cell(board.score(player, _SAME, "same_as_source"), axis)) for player in files]
        yield Table("Greedy answers word for word as those of the model that was exported", ("file", "share"), same)


def other_blocks(board: ScoreTable, shown: Sequence[str]) -> Iterator[Block]:
    """A table of each task that has none of its own; `shown` have theirs elsewhere."""
    known = board.others((TEXT, *board.below(TEXT), "facts", HELD_OUT, TRAINED, AGAINST, SAMPLED, *_TASK_NAMES, *_RULES, _SAME, *shown))
    scores: dict[str, dict[str, list[Score]]] = {}
    for (_, task, metric), score in known:
        scores.setdefault(task, {}).setdefault(metric, []).append(score)
    for task, metrics in scores.items():
        title = task.replace("_", " ").capitalize()
        columns = {metric: _axis_about(found) for metric, found in metrics.items() if any(one.value is not None for one in found)}
        if not columns:
            yield Absent(title, next(iter(board.reasons(task)), "not measured"))
            continue
        rows = [
            (model, *(cell(board.score(model, task, metric), axis) for metric, axis in columns.items())) for model in board.models(task)
        ]
        most = max(score.n for metric in columns for score in metrics[metric])
        yield Table(f"{title}: {number(most)} items", ("model", *(metric.replace("_", " ") for metric in columns)), rows)


def _axis_about(scores: Sequence[Score]) -> Axis:
    """From 0 to 1 where all are shares."""
    shares = all(0 <= score.value <= 1 for score in scores if score.value is not None)
    return Axis(0.0, 1.0, None) if shares else axis_of(scores, None)


def accuracy_of(metrics: Mapping[str, Any]) -> Score:
    """The accuracy with its interval over clusters: pairs about one fact are no independent draws."""
    return Score(metrics["accuracy"], metrics.get("accuracy_low"), metrics.get("accuracy_high"), metrics["n"], None)


def _count(known: Mapping[str, Mapping[str, Any]], kind: str | None) -> str:
    counts = [metrics["n"] if kind is None else metrics["kinds"].get(kind, {}).get("n", 0) for metrics in known.values()]
    return number(max(counts))

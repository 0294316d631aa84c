"""What the page says first: one sentence, and the headline numbers, each with what it is to be compared with."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.evaluate.table import CHANCE
from pipeline.report.blocks import Card
from pipeline.report.charts import Interval, interval_bar
from pipeline.report.figures import ABSENT, fixed, large, number, share, size
from pipeline.report.frontier import AGAINST
from pipeline.report.headlines import found
from pipeline.report.judged import ANSWERS, HELD_OUT, LAST_WORD, TEXT, accuracy_of, playing
from pipeline.report.record import RunRecord
from pipeline.report.score_table import Score, ScoreTable, windows_of

Metrics = Mapping[str, Any]


def sentence(metrics: Mapping[str, Metrics | None], files: Mapping[str, Metrics]) -> str:
    """What was made of what, as far as it is known."""
    parts = []
    if (documents := _of(metrics, "corpus", "documents")) is not None:
        kept = _of(metrics, "dedup", "documents")
        fate = "" if kept is None else f", {number(kept)} of them kept"
        parts.append(f"{number(documents)} documents ({size(_of(metrics, 'corpus', 'bytes'))}){fate}")
    if (parameters := _of(metrics, "pretrain", "parameters")) is not None:
        tokens = _of(metrics, "pretrain", "tokens")
        parts.append(f"a base model of {large(parameters)} parameters that read {large(tokens)} tokens")
    if _of(metrics, "sft", "val_loss") is not None:
        parts.append(f"an assistant, aligned {ways(metrics)}")
    if files:
        smallest = min(found["bytes"] for found in files.values())
        parts.append(f"{number(len(files))} checked files, the smallest of" if len(files) > 1 else "a checked file of")
        parts[-1] += f" {size(smallest)}"
    return f"From raw text to an aligned, quantized language model: {' → '.join(parts)}." if parts else "Nothing has run yet."


def ways(metrics: Mapping[str, Metrics | None]) -> str:
    """In how many ways it was aligned."""
    entries = [name for name in metrics if name.startswith("align/")]
    return {0: "by nothing more", 1: "in one way", 2: "in two ways"}.get(len(entries), f"in {len(entries)} ways")


def cards(board: ScoreTable, record: RunRecord, files: Mapping[str, Metrics], chance: float | None) -> Iterator[Card]:
    """The headline numbers; one that is not there says why."""
    bits, entropy = board.score("base", TEXT, "bits_per_byte"), board.score("source", TEXT, "bits_per_byte")
    counted = _ngrams(board, TEXT)
    times = board.score("base", TEXT, "entropy_ratio").value
    known = "" if entropy.value is None else f"{fixed(times)} times the source's own {fixed(entropy.value)}"
    rivals = [f"{name} {fixed(board.score(name, TEXT, 'bits_per_byte').value)}" for name in counted]
    told = "; ".join(filter(None, [known, *rivals, windows_of([bits])]))
    yield _card("Base model on held-out text, bits a byte", bits, fixed, told, reference=entropy.value)
    yield from _knowledge(board, chance)
    reward = record.metrics.get("reward")
    if reward is None or reward.get("accuracy") is not None:
        yield _card("Held-out pairs that the reward model ranks correctly", _accuracy(reward), share, "chance 50%", reference=0.5)
    for model in playing(board):
        score = board.score(model, AGAINST, "gold_win")
        score, rule = (score, "") if score.value is not None else (board.score(model, AGAINST, "reward_win"), " by the reward model")
        far = board.score(model, AGAINST, "kl").value
        note = "" if far is None else f"{number(round(far, 2))} nats an answer away from it"
        yield _card(f"Answers in which {model} beats {record.reference}{rule}", score, share, note, reference=0.5)
    if files:
        name = min(files, key=lambda one: (files[one]["bytes"], one))
        plain = (files[name].get("rounding") or {}).get("kl")
        nearest = "" if plain is None else f" (rounded to nearest {number(plain)})"
        note = f"{name}; {number(files[name].get('kl'))} nats a token from the fp32 model{nearest}"
        yield Card("Smallest file", size(files[name]["bytes"]), note)
    else:
        yield Card("Smallest file", ABSENT, "not run")


def _knowledge(board: ScoreTable, chance: float | None) -> Iterator[Card]:
    """Facts where they can be checked, else last words and answers of the data."""
    if board.models(HELD_OUT):
        guess = "" if chance is None else f"by chance {share(chance)}"
        yield _card("Facts that the base model knows", board.score("base", "facts", "choice"), share, guess, reference=chance)
        right, before = (board.score(model, HELD_OUT, "right") for model in ("sft", "base"))
        yield _card("Held-out questions that sft answers correctly", right, share, _beside("base", before, share))
        return
    last = board.score("base", LAST_WORD, "choice")
    note = "; ".join(
        filter(None, [_beside(name, board.score(name, LAST_WORD, "choice"), share) for name in [*_ngrams(board, LAST_WORD), CHANCE]])
    )
    blind = board.score(CHANCE, LAST_WORD, "choice").value
    yield _card("Last words of paragraphs that the base model gets right", last, share, note, reference=blind)
    cost, before = (board.score(model, ANSWERS, "bits_per_byte") for model in ("sft", "base"))
    if cost.value is not None:
        note = _beside("base", before, fixed)
        yield _card("Held-out answers of the data under sft, bits a byte", cost, fixed, note, reference=before.value)


def _ngrams(board: ScoreTable, task: str) -> list[str]:
    return [name for name in board.models(task) if name.endswith("-gram")]


def _card(name: str, score: Score, form: Any, note: str, *, reference: float | None = None) -> Card:
    if score.value is None:
        return Card(name, ABSENT, score.reason or "not measured")
    low, high = score.bounds
    top = 1.0 if form is share else max(high, reference or 0.0) * 1.25
    picture = interval_bar(Interval(name, score.value, low, high), low=0.0, high=top, reference=reference)
    interval = f"95%: {form(low)} to {form(high)}" if low != high else ""
    return Card(name, form(score.value), "; ".join(filter(None, [interval, note])), picture)


def _accuracy(reward: Metrics | None) -> Score:
    if reward is None:
        return Score(None, None, None, 0, "not run")
    return accuracy_of(reward)


def _beside(name: str, score: Score, form: Any) -> str:
    return "" if score.value is None else f"{name} {form(score.value)}"


def _of(metrics: Mapping[str, Metrics | None], stage: str, key: str) -> Any:
    return found(metrics.get(stage) or {}, key)

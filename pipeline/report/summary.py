"""The headline figures of a run: what DVC shows in its tables. Everything else stands in metrics/."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.files import files_of, parity_of
from pipeline.report.headlines import found, ngrams_of

Metrics = Mapping[str, Any]
Row = dict[str, float | int | None]
_DIGITS = 4  # significant ones; metrics/ has them all


def summary(metrics: Mapping[str, Metrics | None]) -> dict[str, Row]:
    """Some 25 figures by what they tell of, from the metrics of all stages; None for one that nobody measured.

    The names are short, since each is the head of a column:

    text      documents that were read, the share of them that was dropped as junk or as a copy, bytes and tokens of train, repeats left
              between train and what is held out
    vocab     bytes of text a token
    base      bits per byte on held-out text, beside an n-gram model's and the source's own entropy; shares of last words of paragraphs
              and of facts that it tells from others
    sft       loss on held-out answers; bits per byte of those that the data give, and share of held-out questions that it answers
              rightly, both beside base's
    reward    share of held-out pairs that it ranks rightly (chance: .5)
    <entry>   of `align`: share of answers that beat the reference's (`ci`: half the width of the 95 % interval), KL in nats an answer
    file      bytes of the smallest exported file, and its KL in nats a token from the model it was made of
    """

    def of(stage: str, key: str) -> Any:
        return found(metrics.get(stage) or {}, key)

    counted = ngrams_of(metrics.get("baselines") or {})
    rows: dict[str, Row] = {
        "text": {
            "docs": of("corpus", "documents"),
            "dropped": _dropped(of("corpus", "documents"), of("dedup", "documents")),
            "bytes": of("split", "train.bytes"),
            "tokens": of("tokenize", "train.tokens"),
            "leaks": _total(of("split", "leaks_left")),
        },
        "vocab": {"bytes": of("tokenizer", "bytes_per_token")},
        "base": {
            "bpb": of("evaluate/base", "text.bits_per_byte"),
            "bpb_ngram": of("baselines", f"{counted[0]}.text.bits_per_byte") if counted else None,
            "bpb_source": of("baselines", "source.text.bits_per_byte"),
            "cloze": of("evaluate/base", "last_word.choice"),
            "choice": of("evaluate/base", "facts.choice"),
        },
        "sft": {
            "loss": of("sft", "val_loss"),
            "answer_bpb": of("evaluate/sft", "answers.bits_per_byte"),
            "answer_bpb_base": of("evaluate/base", "answers.bits_per_byte"),
            "right": of("evaluate/sft", "facts_held_out.right"),
            "right_base": of("evaluate/base", "facts_held_out.right"),
        },
        "reward": {"acc": of("reward", "accuracy")},
    }
    for name in metrics:
        if name.startswith("align/"):
            entry = name.removeprefix("align/")
            rows[entry if entry not in rows else name] = _against(of("contest", f"{entry}.against_reference") or {})
    rows["file"] = _smallest(metrics)
    return {name: {key: _rounded(value) for key, value in row.items()} for name, row in rows.items()}


def _dropped(read: int | None, kept: int | None) -> float | None:
    return None if not read or kept is None else 1 - kept / read


def _total(counts: Mapping[str, int] | None) -> int | None:
    return None if counts is None else sum(counts.values())


def _against(duels: Metrics) -> Row:
    """Wins by the rules of the world, or by the reward model where these do not know."""
    judge = next((judge for judge in ("gold_win", "reward_win") if duels.get(judge) is not None), "gold_win")
    win, low, high = (duels.get(key) for key in (judge, f"{judge}_low", f"{judge}_high"))
    return {"win": win, "ci": None if low is None or high is None else (high - low) / 2, "kl": duels.get("kl")}


def _smallest(metrics: Mapping[str, Metrics | None]) -> Row:
    exports = {name: one for name, one in metrics.items() if name.startswith("export/")}
    sizes = files_of(parity_of(exports))
    least: Metrics = min(sizes.values(), key=lambda one: one["bytes"], default={})
    return {"bytes": least.get("bytes"), "kl": least.get("kl")}


def _rounded(value: float | int | None) -> float | int | None:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value

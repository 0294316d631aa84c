"""The two or three numbers that tell of each stage: on the page and in the table on the terminal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.figures import ABSENT, fixed, large, number, share, size

Metrics = Mapping[str, Any]
NOT_RUN = "not run"


@dataclass(frozen=True)
class Number:
    """A number among a stage's metrics, by its dotted key, and how it is written."""

    name: str
    key: str
    form: Callable[[Any], str]


@dataclass(frozen=True)
class Work:
    """What a stage makes, and the numbers that tell how well."""

    makes: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Telling:
    """A number as it is read, or a dash."""

    name: str
    value: str


def _sum(counts: Mapping[str, int]) -> str:
    return number(sum(counts.values()))


def _leader(ratings: Metrics) -> str:
    """Who leads by the rules of the world, or by the judge where these do not know."""
    for judge in ("gold", "reward"):
        elos = {player: elo for player, found_ in ratings.items() if (elo := found(found_, f"{judge}.elo")) is not None}
        if elos:
            leader = max(sorted(elos), key=elos.__getitem__)
            return f"{leader} {elos[leader]:.0f}"
    return ABSENT


# In the order of the data: dvc.yaml's, as a test compares. A number without a key is told from all of the stage's metrics.
STAGES: Mapping[str, Work] = {
    "corpus": Work("raw text", (Number("documents", "documents", number), Number("text", "bytes", size))),
    "clean": Work(
        "clean text",
        (Number("documents", "documents", number), Number("mended", "repaired", _sum), Number("equal to the truth", "truth.equal", share)),
    ),
    "select": Work("text worth reading", (Number("kept", "documents", number), Number("dropped", "dropped", _sum))),
    "dedup": Work(
        "text without copies",
        (Number("kept", "documents", number), Number("copies", "copies", _sum), Number("precision", "truth.precision", share)),
    ),
    "dialogues": Work(
        "questions and answers",
        (
            Number("instructions", "instructions", number),
            Number("preferences", "preferences", number),
            Number("questions", "questions", number),
        ),
    ),
    "split": Work(
        "train, val and test",
        (
            Number("train", "train.bytes", size),
            Number("paragraphs cut", "paragraphs_cut", number),
            Number("leaks left", "leaks_left", _sum),
        ),
    ),
    "tokenizer": Work("a vocabulary", (Number("tokens", "vocabulary", number), Number("bytes a token", "bytes_per_token", fixed))),
    "tokenize": Work(
        "rows of tokens",
        (Number("train tokens", "train.tokens", large), Number("rows", "train.rows", number), Number("filled", "train.fill", share)),
    ),
    "pretrain": Work(
        "a base model",
        (
            Number("parameters", "parameters", large),
            Number("bits a byte", "val.bits_per_byte", fixed),
            Number("times the entropy", "val.ratio", fixed),
        ),
    ),
    "sft": Work("a model that answers", (Number("held-out loss", "val_loss", fixed), Number("train loss", "train_loss", fixed))),
    "reward": Work("a judge", (Number("ranks rightly", "accuracy", share), Number("margin", "margin", fixed))),
    "dpo": Work("a model aligned by pairs", (Number("ranks rightly", "accuracy", share), Number("margin", "margin", fixed))),
    "ppo": Work(
        "a model aligned by the judge",
        (Number("score", "last.score", fixed), Number("before", "first.score", fixed), Number("KL", "last.kl", fixed)),
    ),
    "evaluate": Work(
        "scores",
        (
            Number("base knows", "base.facts.choice", share),
            Number("dpo wins", "dpo.against_sft.gold_win", share),
            Number("ppo wins", "ppo.against_sft.gold_win", share),
        ),
    ),
    "export": Work(
        "files for other programs",
        (
            Number("F16", "F16.bytes", size),
            Number("Q8_0", "Q8_0.bytes", size),
            Number("Q4_0", "Q4_0.bytes", size),
            Number("its KL", "Q4_0.kl", number),
        ),
    ),
    "contest": Work("ratings", (Number("leader", "", _leader),)),
    "report": Work("one page", (Number("size", "bytes", size), Number("absent", "absent", number))),
}


def tellings(stage: str, metrics: Metrics | None) -> list[Telling]:
    """The stage's telling numbers; a dash for one that is not among its metrics, nothing for a stage that has not run."""
    if metrics is None:
        return []
    return [
        Telling(telling.name, ABSENT if (value := found(metrics, telling.key)) is None else telling.form(value))
        for telling in STAGES[stage].numbers
    ]


def found(metrics: Metrics, key: str) -> Any:
    """The value under a dotted key; None where there is none."""
    value: Any = metrics
    for part in key.split(".") if key else ():
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value

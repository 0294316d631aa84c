"""The two or three numbers that tell of each stage: on the page and in the table on the terminal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.evaluate.table import GOLD
from pipeline.report.figures import ABSENT, fixed, large, number, share, size
from pipeline.text.reading.ignored import told

Metrics = Mapping[str, Any]
NOT_RUN = "not run"


@dataclass(frozen=True)
class Number:
    """A number among a stage's metrics, by its dotted key, and how it is written."""

    name: str
    key: str
    form: Callable[[Any], str]
    optional: bool = False  # left out where it is not among the metrics, or nothing


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
    """Who leads by the rules of the world, or by the reward model where these do not know."""
    for judge in ("gold", "reward"):
        elos = {player: elo for player, found_ in ratings.items() if player != GOLD and (elo := found(found_, f"{judge}.elo")) is not None}
        if elos:
            leader = max(sorted(elos), key=elos.__getitem__)
            return f"{leader} {elos[leader]:.0f}"
    return ABSENT


def _wins(rows: Metrics) -> str:
    """The share of wins of each model, by the rules of the world, or by the reward model where these do not know."""
    for metric in ("gold_win", "reward_win"):
        won = {player: value for player, one in rows.items() if (value := found(one, f"against_reference.{metric}")) is not None}
        if won:
            return ", ".join(f"{player} {share(value)}" for player, value in won.items())
    return ABSENT


def _counted(rows: Metrics) -> str:
    """Bits a byte of the n-gram model."""
    values = [found(rows[name], "text.bits_per_byte") for name in ngrams_of(rows)]
    return fixed(values[0]) if values else ABSENT


def ngrams_of(rows: Metrics) -> list[str]:
    """The n-gram models that the text was scored with."""
    return [name for name, one in rows.items() if name.endswith("-gram") and found(one, "text.bits_per_byte") is not None]


STEPS = Number("steps", "steps", number, optional=True)
FITTING = (  # told where there is something to tell
    STEPS,
    Number("dialogues of at most", "train.max_length", number, optional=True),
    Number("not trained", "not_trained", str, optional=True),
)

# By stage, or by list for its entries. A number without a key is told from all of the stage's metrics.
STAGES: Mapping[str, Work] = {
    "corpus": Work(
        "raw text",
        (Number("documents", "documents", number), Number("text", "bytes", size), Number("passed over", "ignored_files", told, True)),
    ),
    "clean": Work(
        "clean text",
        (
            Number("documents", "documents", number),
            Number("mended", "repaired", _sum),
            Number("equal to the truth", "truth.equal", share, True),
        ),
    ),
    "select": Work("text worth reading", (Number("kept", "documents", number), Number("dropped", "dropped", _sum))),
    "dedup": Work(
        "text without copies",
        (Number("kept", "documents", number), Number("copies", "copies", _sum), Number("precision", "truth.precision", share, True)),
    ),
    "dialogues": Work(
        "questions and answers",
        (
            Number("instructions", "instructions", number),
            Number("preferences", "preferences", number),
            Number("questions", "questions", number, True),
        ),
    ),
    "split": Work(
        "train, val and test",
        (
            Number("train", "train.bytes", size),
            Number("dealt by", "assigned_by", str),
            Number("paragraphs cut", "paragraphs_cut", number),
            Number("leaks left", "leaks_left", _sum),
        ),
    ),
    "tokenizer": Work("a vocabulary", (Number("tokens", "vocabulary", number), Number("bytes a token", "bytes_per_token", fixed))),
    "tokenize": Work(
        "rows of tokens",
        (
            Number("train tokens", "train.tokens", large),
            Number("rows", "train.rows", number),
            Number("filled", "train.fill", share),
            Number("95% of texts within", "train.document_tokens.95", number),
        ),
    ),
    "pretrain": Work(
        "a base model",
        (
            Number("parameters", "parameters", large),
            STEPS,
            Number("bits a byte", "val.bits_per_byte", fixed),
            Number("window, tokens", "val.window", number, True),
            Number("stride, tokens", "val.stride", number, True),
            Number("times the entropy", "val.ratio", fixed, True),
        ),
    ),
    "sft": Work(
        "a model that answers",
        (Number("held-out loss", "val_loss", fixed, True), Number("train loss", "train_loss", fixed, True), *FITTING),
    ),
    "reward": Work(
        "a reward model",
        (
            Number("ranks correctly", "accuracy", share, True),
            Number("the longer answer wins", "baselines.length.accuracy", share, True),
            Number("four features", "baselines.linear.accuracy", share, True),
            Number("calibration error", "calibration.ece", fixed, True),
            Number("margin", "margin", fixed, True),
            *FITTING,
        ),
    ),
    "preferences": Work(
        "preferences of a model's own answers",
        (
            Number("pairs", "pairs.made", number),
            Number("instructions", "instructions.made", number),
            Number("prompts", "prompts.rows", number),
            Number("score", "answers.score.mean", fixed),
            Number("the best", "answers.score.best", fixed),
        ),
    ),
    "align": Work(
        "an aligned model",
        (
            Number("score", "last.score", fixed),
            Number("before", "first.score", fixed),
            Number("KL", "last.kl", fixed),
            Number("ranks correctly", "accuracy", share),
            Number("margin", "margin", fixed),
            Number("reward may be gamed", "alarms", ", ".join, True),
            Number("change there, bits a byte", "specialized.change", fixed, True),
            Number("change elsewhere, bits a byte", "elsewhere.change", fixed, True),
            *FITTING,
        ),
    ),
    "baselines": Work(
        "scores without a model",
        (Number("entropy of the source", "source.text.bits_per_byte", fixed, True), Number("n-gram", "", _counted)),
    ),
    "evaluate": Work(
        "scores and answers",
        (
            Number("bits a byte", "text.bits_per_byte", fixed),
            Number("window, tokens", "text.window", number, True),
            Number("stride, tokens", "text.stride", number, True),
            Number("last words", "last_word.choice", share),
            Number("answers of the data, bits a byte", "answers.bits_per_byte", fixed),
            Number("knows", "facts.choice", share),
            Number("answers correctly", "facts_held_out.right", share),
        ),
    ),
    "export": Work(
        "files for other programs",
        (
            Number("safetensors", "safetensors.bytes", size),
            Number("F16", "F16.bytes", size),
            Number("Q8_0", "Q8_0.bytes", size),
            Number("Q4_0", "Q4_0.bytes", size),
            Number("its KL", "Q4_0.kl", number),
            Number("to nearest", "Q4_0.rounding.kl", number),
            Number("sandbox", "web.bytes", size),
            Number("not released", "dropped", ", ".join, optional=True),
        ),
    ),
    "contest": Work("comparisons", (Number("leader", "", _leader), Number("wins against the reference", "", _wins))),
    "report": Work("one page", (Number("size", "bytes", size), Number("absent", "absent", number))),
}


def work_of(stage: str) -> Work:
    """What is told of a stage, or of an entry such as align/dpo; nothing of one that is not among them."""
    return STAGES.get(stage.split("/")[0], Work("", ()))


def tellings(stage: str, metrics: Metrics | None) -> list[Telling]:
    """The stage's headline numbers; nothing for a stage that has not run.

    One that is not among the metrics is a dash; of an entry it is left out, since entries of one list measure different things.
    """
    if metrics is None:
        return []
    values = [(one, found(metrics, one.key)) for one in work_of(stage).numbers]
    values = [(one, value) for one, value in values if value not in (None, {}) or not one.optional]
    return [
        Telling(one.name, ABSENT if value is None else one.form(value)) for one, value in values if value is not None or "/" not in stage
    ]


def found(metrics: Metrics, key: str) -> Any:
    """The value under a dotted key; None where there is none."""
    value: Any = metrics
    for part in key.split(".") if key else ():
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value

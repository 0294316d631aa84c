"""The chapters of the page, from what the stages left behind."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import NonNegativeInt, PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.files import read_json, read_jsonl
from pipeline.evaluate import core
from pipeline.report import (
    along,
    attacked,
    benchmarked,
    choices,
    cleaning,
    files,
    head,
    judged,
    learning,
    markdown,
    overview,
    reasoned,
    samples,
    several,
    skills,
    sources,
    specialized,
    vocabulary,
)
from pipeline.report.blocks import Absent, Block, Figures, Section, Table
from pipeline.report.cleaning import Amount
from pipeline.report.deviations import deviation_blocks
from pipeline.report.figures import fixed, number
from pipeline.report.headlines import found
from pipeline.report.page import absences, render
from pipeline.report.record import Metrics, RunRecord
from pipeline.report.score_table import ScoreTable, of_kinds
from pipeline.tokens.tokenizer import read

FORWARD = 3  # a token is learned by so many times the operations that reading it takes (Kaplan et al. 2020)
_CODEC = "tokenizer.json"  # of the base model
_APART = "differences.json"  # of the contest: all pairs of models
_SAMPLES = "samples.json"  # of the base model: [{step, texts}]


@dataclass(frozen=True, kw_only=True)
class Data:
    """The artifacts from which samples are shown."""

    corpus: Corpus
    clean: Corpus
    select: Corpus
    dedup: Corpus
    split: Split
    dialogues: Dialogues
    pretrain: Model
    baselines: Scores
    contest: Scores


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How much of the data is shown."""

    examples: NonNegativeInt  # documents of each kind
    questions: NonNegativeInt  # with the answers side by side, of each kind
    excerpt: PositiveInt  # characters of each text


def page_of(
    title: str, data: Data, scores: Sequence[Scores], told: RunRecord, shown: Shown, more: Sequence[Section] = ()
) -> tuple[str, str, dict[str, int]]:
    """The page as HTML and as Markdown, and the report's own numbers. `scores`: of each model; `more`: sections that come last."""
    board = ScoreTable(row for artifact in (data.baselines, *scores, data.contest) for row in artifact.read())
    answers = list(read_jsonl(data.contest.file("answers.jsonl")))
    questions = list(data.dialogues.rows_if_any("questions"))
    chance = samples.chance_of(questions, answers)
    codec = read(data.pretrain.file(_CODEC)) if data.pretrain.has(_CODEC) else None
    apart = read_json(data.contest.file(_APART)) if data.contest.has(_APART) else []
    parity = files.parity_of(told.of("export")) or None
    exported = files.files_of(parity)
    exports = [*files.export_blocks(parity, _bounds(told)), *files.loss_figure(told.of("export"))]
    sections = [
        Section("text", "Text", "What came in, what was mended, what was dropped and why.", list(text_blocks(data, told, shown))),
        Section(
            "tokenizer",
            "Tokenizer",
            "How text becomes tokens.",
            list(vocabulary.tokenizer_blocks(told.metrics.get("tokenizer"), codec, data.split, shown.excerpt)),
        ),
        Section("learning", "Learning", "Losses and what else was watched, by step.", list(curve_blocks(data, told, shown))),
        Section(
            "dialogues",
            "Dialogues",
            "What the assistant was taught with.",
            list(samples.dialogue_blocks(data.dialogues, _few(shown), codec)),
        ),
        Section(
            "scores",
            "Scores",
            "What each model knows and how it answers, with 95% intervals.",
            list(score_blocks(board, told, chance, steps=along.steps_of(told.models, data.pretrain), apart=apart)),
        ),
        Section("answers", "Answers", "The same questions, put to every model.", list(samples.answer_blocks(answers, _asked(shown)))),
        Section("files", "Files", "The model as other programs read it.", exports),
        Section("contest", "Contest", "All models and all files on the same questions.", list(judged.contest_blocks(board))),
        *more,
    ]
    first = {"title": title, "lead": head.sentence(told.metrics, exported)}
    cards = list(head.cards(board, told, exported, chance))
    apart = list(deviation_blocks(told.words, told.deviations))
    html = render(**first, cards=cards, sections=sections, settings=told.settings, edges=told.edges, metrics=told.metrics, deviations=apart)
    settings = Section("settings", "Settings", "" if apart else "Every value is the default.", apart)
    plain = markdown.render(**first, cards=cards, sections=[*sections, settings])
    figures = sum(len(block.figures) for section in sections for block in section.blocks if isinstance(block, Figures))
    return html, plain, {"bytes": len(html.encode()), "figures": figures, "absent": absences(sections)}


def text_blocks(data: Data, told: RunRecord, shown: Shown) -> Iterator[Block]:
    """From the raw documents to the three parts."""
    corpora = {"raw": data.corpus, "cleaned": data.clean, "selected": data.select, "without copies": data.dedup}
    yield from cleaning.flow_blocks(corpora, data.split)
    yield from sources.source_blocks(told.metrics)
    amount = _few(shown)
    quarantine = list(read_jsonl(data.corpus.file("quarantine.jsonl"))) if data.corpus.has("quarantine.jsonl") else []
    yield from cleaning.quarantine_blocks(quarantine, amount)
    yield from cleaning.ignored_blocks(found(told.metrics.get("corpus") or {}, "ignored_files") or {})
    truth = {stage: found(told.metrics.get(stage) or {}, "truth") or {} for stage in ("clean", "select", "dedup")}
    if not any(truth.values()):
        yield Absent("Precision and recall of repairs, rules and copies", "what is right is not known of this corpus")
    yield from cleaning.repair_blocks(data.clean, truth["clean"].get("repairs") or {})
    yield from cleaning.dropped_blocks(data.select, truth["select"], amount)
    yield from cleaning.copy_blocks(data.select, data.dedup, truth["dedup"], amount)
    yield from cleaning.passage_blocks(data.dedup, truth["dedup"], amount)
    yield from leak_blocks(told.metrics.get("split") or {})
    yield from cleaning.cut_blocks(data.split, amount)


def leak_blocks(split: Metrics) -> Iterator[Block]:
    """How much of train repeated what is held out or asked, and how well that was found where it is known what was planted."""
    leaks: Mapping[str, int] = split.get("leaks") or {}
    truth: Metrics = split.get("truth") or {}
    rows = []
    for name, cut in cleaning.table_order(leaks):
        known: Metrics = truth.get(name) or {}
        found_ = (number(known.get("planted")), fixed(known.get("precision")), fixed(known.get("recall")))
        rows.append((name, number(cut), *(found_ if truth else ())))
    note = "Precision and recall are over paragraphs, against what the generator planted." if truth else ""
    if rows:
        heads = ("repeats", "paragraphs", *(("planted", "precision", "recall") if truth else ()))
        yield Table("Cut from training", heads, rows, note)


def curve_blocks(data: Data, told: RunRecord, shown: Shown) -> Iterator[Block]:
    """The curves of every stage that trains, and what the base model wrote meanwhile."""
    yield from learning.compute_blocks(told.metrics)
    yield from learning.curve_blocks(told.curves, entropy_of(told.metrics.get("tokenize")))
    kept: Sequence[Metrics] = read_json(data.pretrain.file(_SAMPLES)) if data.pretrain.has(_SAMPLES) else []
    yield from samples.learning_blocks(kept, _few(shown))


def score_blocks(
    board: ScoreTable,
    told: RunRecord,
    chance: float | None,
    *,
    steps: Mapping[str, int] | None = None,
    apart: Sequence[Metrics] = (),
) -> Iterator[Block]:
    """Everything that was judged. `steps` of the models that pretraining made, `apart`: the differences between models."""
    learning_a_token = (told.metrics.get("pretrain") or {}).get("training_flops_per_token")
    forward = None if learning_a_token is None else learning_a_token // FORWARD
    models = list(overview.overview_blocks(board, own=told.own, flops_per_token=forward))
    yield from models
    yield from judged.text_blocks(board)
    yield from along.skill_blocks(board, steps or {})
    if not models:  # which have it as their accuracy
        yield from benchmarked.core_blocks(board)
    yield from judged.task_blocks(board)
    shown = benchmarked.names_of(told.tasks)
    yield from benchmarked.benchmark_blocks(board, shown)
    yield from choices.reliability_blocks(board)
    yield from reasoned.reasoning_blocks(board)
    yield from reasoned.foretold_blocks(told.of("align"))
    yield from attacked.attack_blocks(board)
    yield from judged.fact_blocks(board, chance)
    roads = {name.removeprefix("align/"): rows for name, rows in told.curves.items() if name.startswith("align/")}
    yield from judged.duel_blocks(board, roads, reference=told.reference)
    ranking = {name: metrics for name, metrics in told.of("align").items() if metrics and "accuracy" in metrics}
    yield from judged.ranking_blocks({judged.REWARD: told.metrics.get("reward"), **ranking})
    yield from judged.calibration_blocks(told.metrics.get("reward"))
    yield from judged.alarm_blocks(told.of("align"))
    yield from specialized.specialized_blocks(told.of("align"))
    yield from benchmarked.difference_blocks(apart)
    repeated, practised = of_kinds(told.tasks, "several"), of_kinds(told.tasks, "exercises")
    yield from skills.skill_blocks(board, practised)
    yield from several.several_blocks(board, repeated)
    bins = [*choices.parts_shown(board), *reasoned.parts_shown(board), *attacked.parts_shown(board)]
    shown = [*shown, *repeated, *practised]
    yield from judged.other_blocks(board, [core.TASK, *bins, *shown, *(part for name in shown for part in board.below(name))])


def entropy_of(tokenize: Metrics | None) -> float | None:
    """The source's entropy on the validation part, nats a predicted token; None where it is not known."""
    val = (tokenize or {}).get("val") or {}
    if val.get("bits") is None:
        return None
    predicted = val["tokens"] - val["documents"]  # nothing predicts the first token of a document
    return float(val["bits"] * math.log(2) / predicted) if predicted > 0 else None


def _bounds(told: RunRecord) -> Metrics:
    """The bounds of all exported files."""
    entries = [entry for name, settings in told.settings.items() if name.startswith("export/") for entry in settings.values()]
    return {key: value for entry in entries for key, value in (found(entry, "bounds") or {}).items()}


def _few(shown: Shown) -> Amount:
    return Amount(examples=shown.examples, excerpt=shown.excerpt)


def _asked(shown: Shown) -> Amount:
    return Amount(examples=shown.questions, excerpt=shown.excerpt)

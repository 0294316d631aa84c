"""The whole examination: books, facts, duels against the supervised model, distance from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of
from pipeline.evaluate import books
from pipeline.evaluate.answers import Answer, answer, rewards
from pipeline.evaluate.choices import filling_logprobs
from pipeline.evaluate.duels import duels
from pipeline.evaluate.facts import fact_rows
from pipeline.evaluate.intervals import Bootstrap
from pipeline.evaluate.questions import Question, questions
from pipeline.evaluate.table import Row
from pipeline.model.disk import load, load_reward, same_tokenizer, tokenizer_digest, tokenizer_of
from pipeline.model.score import answer_logprobs

REFERENCE = "sft"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is asked, and how."""

    documents: int  # test documents, at most
    document_tokens: int  # tokens read of each, at most
    overlap: float  # share of each window that was read before, 0..1
    order: int  # of the n-gram baseline
    held_out: int  # questions about facts that no instruction told, at most
    trained: int  # questions about facts of the instructions, at most
    max_new: int  # tokens an answer
    resamples: int  # of the bootstrap
    batch: int  # sequences at once
    seed: int


@dataclass
class Examined:
    """What one model gave: fillings' log-probabilities (none without facts), answers, rewards, its own nats for what it sampled."""

    fillings: list[list[float]]
    greedy: list[Answer]
    sampled: list[Answer]
    greedy_rewards: list[float]
    sampled_rewards: list[float]
    own: list[float]  # log-probability of each sampled answer, nats


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What lies before every candidate."""

    asked: list[Question]
    library: books.Library
    tokenizer: tokenizers.Tokenizer
    reward: PreTrainedModel
    bootstrap: Bootstrap
    settings: Settings


def examine(
    models: Mapping[str, Model], *, reward: Model, tokens: Tokens, split: Split, dialogues: Dialogues, settings: Settings, device: str
) -> tuple[list[Row], list[dict[str, Any]]]:
    """All scores of the models, and what each answered. One model is in memory at a time, beside the reward model."""
    same_tokenizer(*models.values(), reward)
    digest = tokenizer_digest(reward)
    desk = _desk(models, reward, tokens, split, dialogues, settings, device)
    rows = books.of_source(desk.library, bootstrap=desk.bootstrap)
    rows += books.of_counting(desk.library, tokens, order=settings.order, digest=digest, bootstrap=desk.bootstrap)
    examined: dict[str, Examined] = {}
    for name, model in progress(models.items(), "models"):
        module = load(model, device=device)
        rows += books.of_model(name, module, desk.library, overlap=settings.overlap, batch=settings.batch, bootstrap=desk.bootstrap)
        found = examined[name] = _examined(module, desk)
        rows += fact_rows(name, desk.asked, found.fillings, found.greedy, found.sampled, bootstrap=desk.bootstrap)
    rows += _against_reference(models[REFERENCE], examined, desk, device)
    return rows, _records(desk.asked, examined)


def _desk(
    models: Mapping[str, Model], reward: Model, tokens: Tokens, split: Split, dialogues: Dialogues, settings: Settings, device: str
) -> Desk:
    judge = load_reward(reward, device=device)
    room = int(judge.config.max_position_embeddings) - settings.max_new
    codec = tokenizer_of(models[REFERENCE])
    digest = tokenizer_digest(reward)
    if room < 1:
        raise PipelineError(f"answers of {settings.max_new} tokens leave no room for a question", mend="a smaller evaluate.max_new")
    return Desk(
        asked=questions(dialogues, codec, held_out=settings.held_out, trained=settings.trained, room=room, seed=settings.seed),
        library=books.library(split, tokens, codec, documents=settings.documents, document_tokens=settings.document_tokens, digest=digest),
        tokenizer=codec,
        reward=judge,
        bootstrap=Bootstrap(settings.resamples, seed_of(settings.seed, "bootstrap")),
        settings=settings,
    )


def _examined(module: PreTrainedModel, desk: Desk) -> Examined:
    """Every model draws its samples from the same streams, so that two that are equal tie."""
    settings, asked = desk.settings, desk.asked
    gaps = [(question.gap.prefix, question.gap.fillings) for question in asked if question.gap]
    greedy, sampled = (
        answer(
            module,
            desk.tokenizer,
            asked,
            max_new=settings.max_new,
            temperature=temperature,
            seed=seed_of(settings.seed, "answers"),
            batch=settings.batch,
        )
        for temperature in (0.0, 1.0)
    )
    return Examined(
        fillings=filling_logprobs(module, gaps, batch=settings.batch),
        greedy=greedy,
        sampled=sampled,
        greedy_rewards=rewards(desk.reward, asked, greedy, batch=settings.batch),
        sampled_rewards=rewards(desk.reward, asked, sampled, batch=settings.batch),
        own=_nats(module, asked, sampled, settings.batch),
    )


def _against_reference(reference: Model, examined: Mapping[str, Examined], desk: Desk, device: str) -> list[Row]:
    module = load(reference, device=device)
    rows: list[Row] = []
    for name, found in examined.items():
        if name != REFERENCE:
            rival = examined[REFERENCE]
            theirs = _nats(module, desk.asked, found.sampled, desk.settings.batch)
            rows += duels(
                name,
                desk.asked,
                gold=([one.gold for one in found.sampled], [one.gold for one in rival.sampled]),
                reward=(found.sampled_rewards, rival.sampled_rewards),
                nats=(found.own, theirs),
                bootstrap=desk.bootstrap,
            )
    return rows


def _nats(module: PreTrainedModel, asked: Sequence[Question], answers: Sequence[Answer], batch: int) -> list[float]:
    pairs = [(question.prompt, found.ids) for question, found in zip(asked, answers, strict=True)]
    values: list[float] = answer_logprobs(module, pairs, batch=batch).tolist()
    return values


def _records(asked: Sequence[Question], examined: Mapping[str, Examined]) -> list[dict[str, Any]]:
    """One line a question, for answers.jsonl."""
    return [
        {
            "id": question.id,
            "fact": question.cluster if question.check else None,
            "trained": question.trained,
            "messages": question.messages,
            "question": question.asked,
            "subject": question.check.subject if question.check else None,
            "value": question.check.value if question.check else None,
            "choices": question.check.choices if question.check else None,
            "answers": {
                name: {
                    "greedy": found.greedy[number].as_json(found.greedy_rewards[number]),
                    "sampled": found.sampled[number].as_json(found.sampled_rewards[number]),
                }
                for name, found in examined.items()
            },
        }
        for number, question in enumerate(asked)
    ]

"""The examination as a whole, and each instrument against a slower one."""

from pathlib import Path
from typing import Any

import pytest
import tokenizers

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.evaluate import books, contest
from pipeline.evaluate.answers import judged, rewards
from pipeline.evaluate.choices import filling_logprobs
from pipeline.evaluate.duels import duels
from pipeline.evaluate.examine import Settings, examine
from pipeline.evaluate.intervals import Bootstrap, Estimate
from pipeline.evaluate.questions import questions
from pipeline.evaluate.table import Row, absent, nested, row, write_scores
from pipeline.model.disk import load, load_reward, tokenizer_digest
from pipeline.model.score import answer_logprobs
from tests.evaluate.conftest import SIZE

Examination = tuple[list[Row], list[dict[str, Any]]]
FEW = Bootstrap(resamples=100, seed=1)


@pytest.fixture(scope="module")
def examination(
    models: dict[str, Model], reward: Model, tokens: Tokens, split: Split, dialogues: Dialogues, settings: Settings
) -> Examination:
    return examine(models, reward=reward, tokens=tokens, split=split, dialogues=dialogues, settings=settings, device="cpu")


def value(rows: list[Row], model: str, task: str, metric: str) -> float | None:
    (found,) = [one for one in rows if (one.model, one.task, one.metric) == (model, task, metric)]
    return found.as_json()["value"]  # type: ignore[no-any-return]


def test_every_score_stands_within_its_interval_and_none_twice(examination: Examination) -> None:
    rows = [one.as_json() for one in examination[0]]
    assert all(one["low"] <= one["value"] <= one["high"] for one in rows if one["metric"] != "entropy_ratio")
    assert len({(one["model"], one["task"], one["metric"]) for one in rows}) == len(rows)


def test_a_model_with_the_weights_of_sft_ties_with_it_and_has_not_moved(examination: Examination) -> None:
    assert value(examination[0], "dpo", "against_sft", "kl") == 0
    assert value(examination[0], "dpo", "against_sft", "gold_win") == 0.5
    assert value(examination[0], "dpo", "against_sft", "reward_win") == 0.5


def test_another_model_has_moved(examination: Examination) -> None:
    found = value(examination[0], "ppo", "against_sft", "kl")
    assert found is not None
    assert found > 0.1


def test_a_model_that_has_learned_nothing_is_as_bad_as_chance(examination: Examination) -> None:
    perplexity = value(examination[0], "base", "books", "perplexity")
    assert perplexity is not None
    assert perplexity > SIZE / 2
    assert value(examination[0], "base", "facts_held_out", "exact") == 0


def test_the_source_is_beside_the_models(examination: Examination, split: Split) -> None:
    table = split.read("test")
    size = sum(len(text.encode()) for text in table["text"].to_pylist())
    assert value(examination[0], "source", "books", "bits_per_byte") == pytest.approx(sum(table["bits"].to_pylist()) / size)


def test_a_second_examination_finds_the_same_to_the_bit(
    examination: Examination,
    models: dict[str, Model],
    reward: Model,
    tokens: Tokens,
    split: Split,
    dialogues: Dialogues,
    settings: Settings,
) -> None:
    again = examine(models, reward=reward, tokens=tokens, split=split, dialogues=dialogues, settings=settings, device="cpu")
    assert again == examination


def test_without_questions_the_fact_rows_are_absent_with_a_reason_and_the_reward_judges(
    models: dict[str, Model], reward: Model, tokens: Tokens, split: Split, plain_dialogues: Dialogues, settings: Settings
) -> None:
    rows, records = examine(models, reward=reward, tokens=tokens, split=split, dialogues=plain_dialogues, settings=settings, device="cpu")
    assert value(rows, "ppo", "facts_held_out", "exact") is None
    assert value(rows, "ppo", "against_sft", "gold_win") is None
    assert value(rows, "ppo", "against_sft", "reward_win") is not None
    assert all(one.reason for one in rows if one.estimate is None)
    assert len(records) == 4  # eight preferences about four prompts


def test_fillings_that_share_their_prefix_score_as_if_each_were_read_alone(models: dict[str, Model]) -> None:
    module = load(models["base"], device="cpu")
    gaps = [([0, 20, 30], [[40], [41, 42], [43, 44, 45]]), ([0, 21, 31], [[50, 51]]), ([0, 22], [[60], [61]])]
    found = filling_logprobs(module, gaps, batch=2)
    for (prefix, fillings), values in zip(gaps, found, strict=True):
        assert values == pytest.approx(answer_logprobs(module, [(prefix, one) for one in fillings], batch=1).tolist(), abs=1e-4)


def test_rewards_do_not_depend_on_the_batch(reward: Model, dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    asked = questions(dialogues, tokenizer, held_out=50, trained=0, room=90, seed=1)
    answers = [judged([20] * number, tokenizer, question, max_new=9) for number, question in enumerate(asked)]
    module = load_reward(reward, device="cpu")
    assert rewards(module, asked, answers, batch=3) == pytest.approx(rewards(module, asked, answers, batch=1), abs=1e-5)
    assert rewards(module, asked, answers, batch=3)[0] != pytest.approx(rewards(module, asked, answers, batch=3)[-1], abs=1e-6)


def test_an_answer_that_was_cut_off_has_no_end(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    (question, *_) = questions(dialogues, tokenizer, held_out=1, trained=0, room=90, seed=1)
    assert judged([20, 21], tokenizer, question, max_new=2).ids == [20, 21]
    assert judged([20, 21], tokenizer, question, max_new=3).ids == [20, 21, 5]


def test_a_win_a_tie_and_a_loss_on_held_out_questions(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    asked = questions(dialogues, tokenizer, held_out=3, trained=1, room=90, seed=1)
    assert [question.trained for question in asked] == [True, False, False, False]
    rows = duels(
        "ppo",
        asked,
        gold=([0.0, 1.0, 0.5, 1.0], [1.0, 0.0, 0.5, 0.0]),
        reward=([0.0, 1.0, 0.5, 0.3], [1.0, 0.0, 0.5, 0.4]),
        nats=([-1.0, -2.0, -3.0, -4.0], [-2.0, -3.0, -4.0, -5.0]),
        bootstrap=FEW,
    )
    assert [one.as_json()["value"] for one in rows] == pytest.approx([2.5 / 3, 0.5, 1.0])


def test_a_cut_library_says_nothing_of_the_source(
    models: dict[str, Model], split: Split, tokens: Tokens, tokenizer: tokenizers.Tokenizer
) -> None:
    digest = tokenizer_digest(models["base"])
    cut = books.library(split, tokens, tokenizer, documents=2, document_tokens=30, digest=digest)
    assert cut.bits is None
    assert cut.sizes == [len(tokenizer.decode(ids[1:].tolist()).encode()) for ids in cut.documents]
    (found,) = books.of_source(cut, bootstrap=FEW)
    assert found.estimate is None


def test_prompts_that_do_not_fit_are_left_out_and_none_left_is_an_error(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(PipelineError, match="leaves nothing to ask: 12 questions"):
        questions(dialogues, tokenizer, held_out=3, trained=1, room=3, seed=1)


def test_the_contest_rates_models_and_files_together(
    examination: Examination,
    models: dict[str, Model],
    reward: Model,
    tokenizer: tokenizers.Tokenizer,
    settings: Settings,
    folder: Path,
) -> None:
    scores, exports = Scores(folder / "evaluate"), Exports(folder / "export")
    facts = {
        "tokenizer": tokenizer_digest(reward),
        "models": {name: one.digest for name, one in models.items()},
        "max_new": settings.max_new,
    }
    write_scores(scores, *examination, facts=facts)
    with exports.writing() as draft:
        draft.facts |= {"tokenizer": tokenizer_digest(reward), "model": models["ppo"].digest, "source": "somewhere", "formats": ["F16"]}
    assert contest.source_of(scores, exports, reward) == "ppo"

    records = contest.held_out(scores)
    own = {record["id"]: record["answers"]["ppo"]["greedy"]["text"] for record in records}
    ids = [tokenizer.encode(own[record["id"]], add_special_tokens=False).ids for record in records]
    judge = load_reward(reward, device="cpu")
    entered = contest.enter(records, {"ppo-F16": ids}, tokenizer=tokenizer, reward=judge, max_new=settings.max_new, batch=4)
    rows = contest.ratings(entered, source="ppo", prior=1.0, bootstrap=FEW)
    assert value(rows, "ppo-F16", "greedy", "same_as_source") == 1
    assert value(rows, "ppo-F16", "gold", "elo") == value(rows, "ppo", "gold", "elo")
    assert {one.model for one in rows} == {"base", "sft", "dpo", "ppo", "ppo-F16"}
    assert [record["trained"] for record in records] == [False] * len(records)


def test_a_contest_across_tokenizers_is_refused(reward: Model, folder: Path) -> None:
    scores, exports = Scores(folder / "evaluate"), Exports(folder / "export")
    write_scores(scores, [], [], facts={"tokenizer": tokenizer_digest(reward), "models": {}})
    with exports.writing() as draft:
        draft.facts |= {"tokenizer": "another", "model": "", "source": "ppo"}
    with pytest.raises(ArtifactError, match="different tokenizers"):
        contest.source_of(scores, exports, reward)


def test_scores_come_back_as_they_were_written_and_metrics_carry_intervals(folder: Path) -> None:
    rows = [row("m", "t", "x", Estimate(0.5, 0.4, 0.6, 9)), absent("m", "t", "y", "why")]
    target = Scores(folder / "evaluate")
    write_scores(target, rows, [{"id": "q"}], facts={})
    assert target.read() == [one.as_json() for one in rows]
    assert list(read_jsonl(target.file("answers.jsonl"))) == [{"id": "q"}]
    assert nested(rows) == {"m": {"t": {"x": 0.5, "x_low": 0.4, "x_high": 0.6, "y": None}}}

"""The evaluation of models, their contest, and each instrument against a slower one."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tokenizers
import torch

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import PARTS, TEXTS, Split
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.core.intervals import Bootstrap, Estimate
from pipeline.evaluate import contest
from pipeline.evaluate.answers import judged
from pipeline.evaluate.choices import continued
from pipeline.evaluate.duels import duels
from pipeline.evaluate.kinds.perplexity import Perplexity
from pipeline.evaluate.kinds.questions import questions
from pipeline.evaluate.table import Row, absent, nested, row, write_scores
from pipeline.evaluate.task import HeldOut, Result
from pipeline.evaluate.whole_documents import as_much_of, held_out
from pipeline.model.disk import load, tokenizer_digest
from pipeline.model.reward import load_reward, rewards_of
from pipeline.model.score import answer_logprobs, token_logprobs
from pipeline.tokens.codec import Own
from pipeline.tokens.dialogues import Room
from pipeline.tokens.rows import open_rows
from tests.evaluate.conftest import LENGTH, SIZE, TASKS, Given

Examination = dict[str, Result]
ROOM = Room(tokens=90, key="model.context", max_dropped=1.0, context=96, spare=6)
FEW = Bootstrap(resamples=100, seed=1)


def examine(models: Mapping[str, Model], given: Given, **how: Any) -> Examination:
    """All tasks of every model, as the stage evaluate runs them one model at a time."""
    found = {}
    for name, model in models.items():
        results = [task.examine(key, load(model, device="cpu"), given(name, **how)) for key, task in TASKS.items()]
        found[name] = Result(rows=[r for one in results for r in one.rows], records=[r for one in results for r in one.records])
    return found


def written(examination: Examination, models: Mapping[str, Model], folder: Path) -> dict[str, Scores]:
    """The Scores that the stage writes."""
    scores = {name: Scores(folder / "evaluate" / name) for name in examination}
    for name, found in examination.items():
        facts = {"model": models[name].digest, "tokenizer": tokenizer_digest(models[name])}
        write_scores(scores[name], found.rows, found.records, facts=facts)
    return scores


def compared(
    examination: Examination, models: Mapping[str, Model], reward: RewardModel, codec: tokenizers.Tokenizer, folder: Path
) -> list[Row]:
    """The rows of the contest against sft."""
    lines = contest.lines_of(written(examination, models, folder), reward)
    contest.add_rewards(lines, load_reward(reward, device="cpu"), codec, batch=4)
    return contest.against("sft", load(models["sft"], device="cpu"), lines, codec, batch=5, bootstrap=FEW)  # as in the examination


@pytest.fixture(scope="module")
def examination(models: dict[str, Model], given: Given) -> Examination:
    return examine(models, given)


@pytest.fixture(scope="module")
def duelled(
    examination: Examination,
    models: dict[str, Model],
    reward: RewardModel,
    tokenizer: tokenizers.Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Row]:
    return compared(examination, models, reward, tokenizer, tmp_path_factory.mktemp("duels"))


def value(rows: list[Row], model: str, task: str, metric: str) -> float | None:
    (found,) = [one for one in rows if (one.model, one.task, one.metric) == (model, task, metric)]
    return found.as_json()["value"]  # type: ignore[no-any-return]


def test_every_score_stands_within_its_interval_and_none_twice(examination: Examination, duelled: list[Row]) -> None:
    rows = [one.as_json() for result in examination.values() for one in result.rows] + [one.as_json() for one in duelled]
    assert all(one["low"] <= one["value"] <= one["high"] for one in rows if one["metric"] != "entropy_ratio")
    assert len({(one["model"], one["task"], one["metric"]) for one in rows}) == len(rows)


def test_a_model_with_the_weights_of_sft_ties_with_it_and_has_not_moved(duelled: list[Row]) -> None:
    assert value(duelled, "dpo", "against_reference", "kl") == 0
    assert value(duelled, "dpo", "against_reference", "gold_win") == 0.5
    assert value(duelled, "dpo", "against_reference", "reward_win") == 0.5


def test_another_model_has_moved(duelled: list[Row]) -> None:
    found = value(duelled, "ppo", "against_reference", "kl")
    assert found is not None
    assert found > 0.1


def test_a_model_that_has_learned_nothing_is_as_bad_as_chance(examination: Examination) -> None:
    perplexity = value(examination["base"].rows, "base", "text", "perplexity")
    assert perplexity is not None
    assert perplexity > SIZE / 2
    assert value(examination["base"].rows, "base", "facts_held_out", "exact") == 0


def test_the_source_and_the_counting_models_are_the_baselines(given: Given, split: Split) -> None:
    table = split.read("test")
    size = sum(len(text.encode()) for text in table["text"].to_pylist())
    rows = TASKS["text"].baselines("text", given(""))
    assert value(rows, "source", "text", "bits_per_byte") == pytest.approx(sum(table["bits"].to_pylist()) / size)
    counted = [value(rows, name, "text", "bits_per_byte") for name in ("unigram", "3-gram")]
    assert counted[1] < counted[0]  # type: ignore[operator]
    assert 0 < value(rows, "characters", "text", "bits_per_byte") < 8  # type: ignore[operator]
    assert value(rows, "characters", "text", "entropy_ratio") is not None
    assert TASKS["facts"].baselines("facts", given("")) == []


def test_a_second_examination_finds_the_same_to_the_bit(examination: Examination, models: dict[str, Model], given: Given) -> None:
    assert examine(models, given) == examination


def test_without_questions_nothing_is_told_of_facts_and_the_reward_judges(
    models: dict[str, Model], reward: RewardModel, given: Given, plain_dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, tmp_path: Path
) -> None:
    found = examine(models, given, dialogues=plain_dialogues)
    rows = compared(found, models, reward, tokenizer, tmp_path)
    assert not [one for one in found["ppo"].rows if one.task.startswith("facts")]
    assert value(rows, "ppo", "against_reference", "gold_win") is None
    assert value(rows, "ppo", "against_reference", "reward_win") is not None
    assert all(one.reason for one in [*found["ppo"].rows, *rows] if one.estimate is None)
    assert len([one for one in found["ppo"].records if "greedy" in one]) == 4  # eight preferences about four prompts


def test_fillings_that_share_their_prefix_score_as_if_each_were_read_alone(models: dict[str, Model]) -> None:
    module = load(models["base"], device="cpu")
    gaps = [([0, 20, 30], [[40], [41, 42], [43, 44, 45]]), ([0, 21, 31], [[50, 51]]), ([0, 22], [[60], [61]])]
    found = continued(module, gaps, batch=4)
    for (prefix, fillings), values in zip(gaps, found, strict=True):
        alone = answer_logprobs(module, [(prefix, one) for one in fillings], batch=1).tolist()
        assert [one.nats for one in values] == pytest.approx(alone, abs=1e-4)


def test_rewards_do_not_depend_on_the_batch(reward: RewardModel, dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    asked = questions(dialogues, Own(tokenizer), held_out=50, trained=0, room=ROOM, seed=1)
    read = [[*question.prompt, *[20] * number] for number, question in enumerate(asked)]
    module = load_reward(reward, device="cpu")
    one, some = (rewards_of(module, read, batch=batch).tolist() for batch in (1, 3))
    assert some == pytest.approx(one, abs=1e-5)
    assert some[0] != pytest.approx(some[-1], abs=1e-6)


def test_an_answer_that_was_cut_off_has_no_end(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    (question, *_) = questions(dialogues, Own(tokenizer), held_out=1, trained=0, room=ROOM, seed=1)
    assert judged([20, 21], Own(tokenizer), question, max_new=2).ids == [20, 21]
    assert judged([20, 21], Own(tokenizer), question, max_new=3).ids == [20, 21, 5]


def test_a_win_a_tie_and_a_loss_on_held_out_questions(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    asked = questions(dialogues, Own(tokenizer), held_out=3, trained=1, room=ROOM, seed=1)
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


def test_questions_that_no_rule_judges_count_in_no_win_and_move_no_other(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    asked = questions(dialogues, Own(tokenizer), held_out=3, trained=1, room=ROOM, seed=1)
    rows = duels(
        "ppo",
        asked,
        gold=([0.0, None, 0.5, 1.0], [1.0, None, 0.5, 0.0]),
        reward=([None] * 4, [None] * 4),
        nats=None,
        bootstrap=FEW,
    )
    assert [one.as_json()["value"] for one in rows] == [0.75, None, None]


def test_what_the_data_answer_is_one_more_player_where_they_answer_every_question(
    models: dict[str, Model], reward: RewardModel, given: Given, plain_dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, tmp_path: Path
) -> None:
    asked = contest.lines_of(written(examine(models, given), models, tmp_path / "asked"), reward)
    contest.enter_gold_answers(asked, tokenizer)
    assert all(contest.GOLD not in line["answers"] for line in asked)
    lines = contest.lines_of(written(examine(models, given, dialogues=plain_dialogues), models, tmp_path / "plain"), reward)
    contest.enter_gold_answers(lines, tokenizer)
    assert {line["answers"][contest.GOLD]["greedy"]["text"] for line in lines} == {"a"}
    contest.add_rewards(lines, load_reward(reward, device="cpu"), tokenizer, batch=4)
    rows = contest.against("sft", load(models["sft"], device="cpu"), lines, tokenizer, batch=5, bootstrap=FEW)
    assert value(rows, contest.GOLD, "against_reference", "reward_win") is not None
    assert value(rows, contest.GOLD, "against_reference", "kl") is None
    rated = contest.ratings(lines, sources={}, prior=1.0, bootstrap=FEW)
    assert value(rated, contest.GOLD, "reward", "elo") is not None


def test_by_the_reward_model_an_answer_without_an_end_loses_against_one_that_ended() -> None:
    ended, cut, worse = ({"reward": reward, "gold": 0.5, "whole": whole} for reward, whole in ((-3.0, True), (9.0, False), (8.0, False)))
    values = [contest.points(answer, "reward") for answer in (ended, cut, worse)]
    assert None not in values
    assert sorted(values, key=lambda value: -(value or 0.0)) == values  # of two that were cut off, the one with more reward
    assert {contest.points(answer, "gold") for answer in (ended, cut)} == {0.5}
    assert contest.points(cut | {"reward": None}, "reward") is None


def test_documents_that_were_cut_say_nothing_of_the_source(given: Given, tokenizer: tokenizers.Tokenizer) -> None:
    task, some = Perplexity(kind="perplexity", documents=2, document_tokens=30, overlap=0.5, ngram=2, characters=None), given("base")
    assert isinstance(some, HeldOut)
    cut = task.read(some)
    assert cut.bits is None
    assert cut.sizes == [len(tokenizer.decode(ids[1:].tolist()).encode()) for ids in cut.ids]
    assert [one.estimate for one in task.baselines("text", some) if one.model == "source"] == [None]


def test_text_is_also_read_plainly_by_part_and_source_with_its_windows(models: dict[str, Model], given: Given, tmp_path: Path) -> None:
    some, module, task = given("base"), load(models["base"], device="cpu"), TASKS["text"]
    table = some.split.read("test")
    two = Split(tmp_path / "split")
    named = {part: some.split.read(part) for part in PARTS}  # the first document of each part is of another source
    for part, rows in named.items():
        sources = pa.array(["other", *rows["source"].to_pylist()[1:]])
        named[part] = rows.set_column(rows.column_names.index("source"), "source", sources)
    two.write({part: rows.select(TEXTS.names) for part, rows in named.items()}, sides={})
    found = {(one.task, one.metric): one for one in task.examine("text", module, replace(some, split=two)).rows}

    documents = list(open_rows(some.tokens, "test", tokenizer_digest=some.digest).documents())
    nats = 0.0  # as lm-evaluation-harness cuts: a window follows the other, and the last one is as long as the others
    for text, at in [(ids, at) for ids in documents for at in range(1, len(ids), LENGTH - 1)]:
        last = min(len(text), at + LENGTH - 1)
        window = torch.tensor(text[max(0, last - LENGTH) : last])[None]
        nats -= token_logprobs(module, window)[0, at - last :].sum().item()
    size = sum(len(text.encode()) for text in table["text"].to_pylist())
    assert found["text/plain", "bits_per_byte"].estimate.value == pytest.approx(nats / math.log(2) / size, rel=1e-5)  # type: ignore[union-attr]
    assert {"window": LENGTH, "stride": LENGTH - 1}.items() <= found["text/plain", "bits_per_byte"].as_json().items()
    assert found["text", "perplexity"].windows == (LENGTH, LENGTH // 2)

    values = {key: one.estimate.value for key, one in found.items() if one.estimate}
    weights = [len(text.encode()) for text in table["text"].to_pylist()]
    parts = values["text/source_other", "bits_per_byte"] * weights[0] + values["text/source_test", "bits_per_byte"] * sum(weights[1:])
    assert parts / sum(weights) == pytest.approx(values["text", "bits_per_byte"])
    gap = values["text/plain", "bits_per_byte"] - values["text/train", "bits_per_byte"]
    assert values["text/plain", "overfit"] == pytest.approx(gap)
    assert {"text/train/source_other", "text/val/source_test"} <= {name for name, _ in found}


def test_as_much_of_train_is_read_as_is_held_out_and_another_document_moves_none(given: Given) -> None:
    some = given("base")
    like = held_out(some, documents=2, tokens=60)
    read = as_much_of("train", like, some, tokens=60)
    assert sum(map(len, read.ids)) == sum(map(len, like.ids))
    more = as_much_of("train", held_out(some, documents=3, tokens=60), some, tokens=60)
    assert more.numbers[: len(read.numbers)] == read.numbers


def test_prompts_that_do_not_fit_are_left_out_and_none_left_is_an_error(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(PipelineError, match="leaves nothing to ask: 12 questions"):
        questions(dialogues, Own(tokenizer), held_out=3, trained=1, room=replace(ROOM, tokens=3), seed=1)


def test_the_contest_rates_models_and_files_together(
    examination: Examination, models: dict[str, Model], reward: RewardModel, tokenizer: tokenizers.Tokenizer, folder: Path
) -> None:
    scores, exports = written(examination, models, folder), Exports(folder / "export" / "gguf")
    with exports.writing() as draft:
        draft.facts |= {"tokenizer": tokenizer_digest(reward), "model": models["ppo"].digest, "source": "somewhere", "types": ["F16"]}
    assert contest.source_of(exports, scores) == "ppo"

    lines = contest.lines_of(scores, reward)
    end = tokenizer.token_to_id("<|end|>")
    own = [[one for one in line["answers"]["ppo"]["greedy"]["ids"] if one != end] for line in lines]
    contest.enter(lines, "ppo-F16", own, tokenizer)
    contest.add_rewards(lines, load_reward(reward, device="cpu"), tokenizer, batch=4)
    rows = contest.ratings(lines, sources={"ppo-F16": "ppo"}, prior=1.0, bootstrap=FEW)
    assert value(rows, "ppo-F16", "greedy", "same_as_source") == 1
    assert value(rows, "ppo-F16", "gold", "elo") == value(rows, "ppo", "gold", "elo")
    assert {one.model for one in rows} == {"base", "sft", "dpo", "ppo", "ppo-F16"}


def test_a_broken_model_has_no_number_but_a_reason() -> None:
    for value in (float("inf"), float("nan")):
        told = row("m", "text", "perplexity", Estimate(value, 1.0, value, 3)).as_json()
        assert (told["value"], told["n"]) == (None, 3)
        assert "broken" in told["reason"]


def test_models_that_were_asked_different_questions_are_not_compared(
    examination: Examination, models: dict[str, Model], reward: RewardModel, folder: Path
) -> None:
    fewer = {**examination, "ppo": Result(rows=[], records=examination["ppo"].records[:-1])}
    with pytest.raises(ArtifactError, match="answers other questions") as fault:
        contest.lines_of(written(fewer, models, folder), reward)
    assert "evaluate@ppo" in fault.value.mend


def test_the_reference_is_one_of_the_models(models: dict[str, Model]) -> None:
    paths = {name: model.path.as_posix() for name, model in models.items()}
    assert contest.name_of(models["sft"], paths) == "sft"
    with pytest.raises(PipelineError, match="none of the models"):
        contest.name_of(Model("data/elsewhere"), paths)


def test_a_contest_across_tokenizers_is_refused(reward: RewardModel, folder: Path) -> None:
    exports = Exports(folder / "export" / "gguf")
    with exports.writing() as draft:
        draft.facts |= {"tokenizer": "another", "model": "", "source": "ppo"}
    with pytest.raises(ArtifactError, match="different tokenizers"):
        contest.same_words(exports, reward)


def test_scores_come_back_as_they_were_written_and_metrics_carry_intervals(folder: Path) -> None:
    rows = [row("m", "t", "x", Estimate(0.5, 0.4, 0.6, 9)), absent("m", "t", "y", "why")]
    target = Scores(folder / "evaluate")
    write_scores(target, rows, [{"id": "q"}], facts={})
    assert target.read() == [one.as_json() for one in rows]
    assert list(read_jsonl(target.file("answers.jsonl"))) == [{"id": "q"}]
    assert nested(rows) == {"m": {"t": {"x": 0.5, "x_low": 0.4, "x_high": 0.6, "y": None}}}

"""All players on the same questions: every model's answers from its evaluation, and those of the exported files, compared and rated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.core.intervals import Bootstrap, share
from pipeline.evaluate.answers import judged
from pipeline.evaluate.duels import METRICS, TASK, TIE, UNKNOWN, duels
from pipeline.evaluate.kinds.questions import from_record
from pipeline.evaluate.ratings import rate
from pipeline.evaluate.table import GOLD, Row, absent, row
from pipeline.model.disk import tokenizer_of
from pipeline.model.reward import rewards_of
from pipeline.model.score import answer_logprobs
from pipeline.tokens.codec import Own, ids_of

UNFINISHED = 1e6  # what an answer without an end loses: a reward model has learned from answers that end, and says nothing of others
RULES = ("gold", "reward")  # by the world's rules, by the reward model
Line = dict[str, Any]  # a question: id, fact, trained, messages, ..., and `answers` {player: {greedy: ..., sampled: ...}}


def lines_of(scores: Mapping[str, Scores], reward: RewardModel) -> list[Line]:
    """One line a question with the answers of every model.

    None where the models were asked nothing. ArtifactError when they were asked different questions, or one stands on another
    tokenizer: its ids would mean other words.
    """
    lines: dict[tuple[str, str], Line] = {}
    codec = Own(tokenizer_of(reward))
    for name, artifact in scores.items():
        ours = artifact.facts.get("ours", True)
        if ours:
            same_words(artifact, reward)
        records = [record for record in read_jsonl(artifact.file("answers.jsonl")) if "greedy" in record]
        keys = [(record["task"], record["id"]) for record in records]
        if not lines:
            lines = {key: {**_without_answers(record), "answers": {}} for key, record in zip(keys, records, strict=True)}
        if list(lines) != keys:
            message = f"{artifact.path} answers other questions than {next(iter(scores.values())).path}"
            raise ArtifactError(message, mend=f".venv/bin/dvc repro {' '.join(f'evaluate@{one}' for one in scores)}")
        for key, record in zip(keys, records, strict=True):
            said = {how: record[how] for how in ("greedy", "sampled")}
            lines[key]["answers"][name] = said if ours else {how: in_our_words(one, codec) for how, one in said.items()}
    if lines and not any(not line["trained"] for line in lines.values()):
        raise PipelineError("no held-out question was asked", mend="a held_out above 0 of the task of kind questions")
    return list(lines.values())


def records_of(scores: Mapping[str, Scores]) -> dict[str, list[dict[str, Any]]]:
    """What each model was asked, with its answers and points."""
    return {name: list(read_jsonl(artifact.file("answers.jsonl"))) for name, artifact in scores.items()}


def in_our_words(said: Mapping[str, Any], codec: Own) -> dict[str, Any]:
    """An answer of a model with another tokenizer, as ours has it: what it cost there says nothing here."""
    ids = [*ids_of(said["text"], codec), *codec.turn_ends[: int(said["whole"])]]
    return {**said, "ids": ids} | ({"nats": None} if "nats" in said else {})


def same_words(artifact: Scores | Exports, reward: RewardModel) -> None:
    """ArtifactError when the artifact was made with another tokenizer than the reward model."""
    if artifact.facts["tokenizer"] != reward.facts["tokenizer"]:
        mend = f".venv/bin/dvc repro {artifact.path.parent.name}@{artifact.path.name}"
        raise ArtifactError(f"{artifact.path} and {reward.path} have different tokenizers", mend=mend)


def name_of(model: Model, models: Mapping[str, str]) -> str:
    """The name among `models` of what lies in this folder."""
    for name, path in models.items():
        if path == model.path.as_posix():
            return name
    raise PipelineError(f"contest.reference={model.path} is none of the models", mend=f"one of {', '.join(models.values())}")


def source_of(exports: Exports, scores: Mapping[str, Scores]) -> str:
    """The name under which the exported model was evaluated; the stage it came from where it was not."""
    names: dict[str, str] = {artifact.facts["model"]: name for name, artifact in scores.items()}
    return names.get(exports.facts["model"], str(exports.facts["source"]))


def prompts(lines: Sequence[Line], tokenizer: tokenizers.Tokenizer) -> tuple[list[list[int]], list[int]]:
    """The ids of each question, ending in <|assistant|>, and how many tokens its answer may have."""
    return [from_record(line, Own(tokenizer)).prompt for line in lines], [line["max_new_tokens"] for line in lines]


def enter_files(
    lines: Sequence[Line],
    files: Iterable[tuple[str, Exports, Sequence[Sequence[int]]]],
    scores: Mapping[str, Scores],
    reward: RewardModel,
    tokenizer: tokenizers.Tokenizer,
) -> dict[str, str]:
    """Add a player for each exported file, named by its model and type, and by its entry where another entry has such a file; returns the
    model of each."""
    sources: dict[str, str] = {}
    for kind, exports, answers in files:
        same_words(exports, reward)
        source = source_of(exports, scores)
        player = f"{source}-{kind}" if f"{source}-{kind}" not in sources else f"{source}-{exports.path.name}-{kind}"
        enter(lines, player, answers, tokenizer)
        sources[player] = source
    return sources


def enter(lines: Sequence[Line], player: str, answers: Sequence[Sequence[int]], tokenizer: tokenizers.Tokenizer) -> None:
    """Add a player to the lines by the ids of its greedy answers, judged as the models' were."""
    for line, ids in zip(lines, answers, strict=True):
        found = judged(ids, Own(tokenizer), from_record(line, Own(tokenizer)), max_new=line["max_new_tokens"])
        line["answers"][player] = {"greedy": found.as_json()}


def enter_gold_answers(lines: Sequence[Line], tokenizer: tokenizers.Tokenizer) -> None:
    """Add what the data answer as a player, with as much room as the models have; only where every question has an answer."""
    if any(line["answer"] is None for line in lines):
        return
    ids = [tokenizer.encode(line["answer"], add_special_tokens=False).ids[: line["max_new_tokens"]] for line in lines]
    enter(lines, GOLD, ids, tokenizer)
    for line in lines:
        said = line["answers"][GOLD]
        said["sampled"] = dict(said["greedy"])


def add_rewards(lines: Sequence[Line], reward: PreTrainedModel | None, tokenizer: tokenizers.Tokenizer, *, batch: int) -> None:
    """What the reward model gives to each answer of each player; an answer that many gave is read once. Null without a model."""
    if reward is None:
        for one in (one for line in lines for one in _said(line)):
            one["reward"] = None
        return
    asked, _ = prompts(lines, tokenizer)
    said = [(prompt, one) for prompt, line in zip(asked, lines, strict=True) for one in _said(line)]
    different = list(dict.fromkeys((tuple(prompt), tuple(one["ids"])) for prompt, one in said))
    begins = [len(prompt) for prompt, _ in different]
    scores = rewards_of(reward, [[*prompt, *ids] for prompt, ids in different], batch=batch, begins=begins)
    given = dict(zip(different, scores.tolist(), strict=True))
    for prompt, one in said:
        one["reward"] = given[tuple(prompt), tuple(one["ids"])]


def against(
    reference: str, module: PreTrainedModel, lines: Sequence[Line], tokenizer: tokenizers.Tokenizer, *, batch: int, bootstrap: Bootstrap
) -> list[Row]:
    """Each model's sampled answers against the reference's: wins by the rules and by the reward model, and KL from the reference."""
    asked = [from_record(line, Own(tokenizer)) for line in lines]
    rows: list[Row] = []
    for name in lines[0]["answers"] if lines else ():
        if name == reference or "sampled" not in lines[0]["answers"][name]:
            continue
        ours, theirs = ([line["answers"][player]["sampled"] for line in lines] for player in (name, reference))
        pairs = [(question.prompt, said["ids"]) for question, said in zip(asked, ours, strict=True)]
        known = ours[0].get("nats") is not None  # not of what the data answer, nor where tokens are others
        nats = ([one["nats"] for one in ours], answer_logprobs(module, pairs, batch=batch).tolist()) if known else None
        rows += duels(
            name,
            asked,
            gold=([one["gold"] for one in ours], [one["gold"] for one in theirs]),
            reward=([points(one, "reward") for one in ours], [points(one, "reward") for one in theirs]),
            nats=nats,
            bootstrap=bootstrap,
        )
    return rows


def unasked(models: Mapping[str, str], reference: str) -> list[Row]:
    """The rows of models that were asked nothing."""
    reason = "there is nothing to ask: no questions, preferences or instructions are held out"
    return [absent(name, TASK, metric, reason) for name in models if name != reference for metric in METRICS]


def ratings(lines: Sequence[Line], *, sources: Mapping[str, str], prior: float, bootstrap: Bootstrap) -> list[Row]:
    """An Elo rating of each player on the held-out questions by each rule, and how often each file answers word for word as its source.

    `sources` names the model of each file.
    """
    if not (held_out := [line for line in lines if not line["trained"]]):
        return []
    players = list(held_out[0]["answers"])
    clusters = [line["fact"] or line["id"] for line in held_out]
    rows: list[Row] = []
    for rule in RULES:
        scores = [[points(line["answers"][player]["greedy"], rule) for player in players] for line in held_out]
        if any(None in line for line in scores):
            rows += [absent(player, rule, "elo", UNKNOWN[f"{rule}_win"]) for player in players]
        else:
            found = rate(np.array(scores, dtype=np.float64), clusters, tie=TIE, prior=prior, bootstrap=bootstrap)
            rows += [row(player, rule, "elo", estimate) for player, estimate in zip(players, found, strict=True)]
    for player, source in sources.items():
        if source in players:
            texts = [[line["answers"][one]["greedy"]["text"] for one in (player, source)] for line in held_out]
            same = [float(one == other) for one, other in texts]
            rows.append(row(player, "greedy", "same_as_source", share(same, clusters, bootstrap=bootstrap)))
    return rows


def points(answer: Mapping[str, Any], rule: str) -> float | None:
    """What an answer counts by a rule. By the reward model, one that was cut off loses against every one that ended."""
    value: float | None = answer[rule]
    return value if value is None or rule != "reward" or answer["whole"] else value - UNFINISHED


def _without_answers(record: Mapping[str, Any]) -> Line:
    return {key: value for key, value in record.items() if key not in ("greedy", "sampled")}


def _said(line: Line) -> Iterator[dict[str, Any]]:
    for answers in line["answers"].values():
        yield from answers.values()

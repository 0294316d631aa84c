"""All players on the same questions: the models' greedy answers from the examination, and those of others, rated together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.evaluate.answers import judged, rewards
from pipeline.evaluate.duels import TIE
from pipeline.evaluate.intervals import Bootstrap, share
from pipeline.evaluate.questions import NO_FACTS, Question, from_record
from pipeline.evaluate.ratings import rate
from pipeline.evaluate.table import Row, absent, row

JUDGES = ("gold", "reward")


def held_out(scores: Scores) -> list[dict[str, Any]]:
    """The records of the examination about facts that no instruction told."""
    records = [record for record in read_jsonl(scores.file("answers.jsonl")) if not record["trained"]]
    if not records:
        raise PipelineError(f"{scores.path} has no held-out questions", mend="evaluate.held_out above 0")
    return records


def source_of(scores: Scores, exports: Exports, reward: Model) -> str:
    """The name under which the exported model was examined; the stage it came from where it was not.

    ArtifactError when one of them stands on another tokenizer: its ids would mean other words.
    """
    made_with = reward.facts["tokenizer"]
    for other in (scores, exports):
        if other.facts["tokenizer"] != made_with:
            raise ArtifactError(f"{other.path} and {reward.path} have different tokenizers", mend=f"dvc repro {other.path.name}")
    names: dict[str, str] = {digest: name for name, digest in scores.facts["models"].items()}
    return names.get(exports.facts["model"], str(exports.facts["source"]))


def prompts(records: Sequence[Mapping[str, Any]], tokenizer: tokenizers.Tokenizer) -> list[list[int]]:
    """The ids of each record's prompt, ending in <|assistant|>."""
    return [from_record(record, tokenizer).prompt for record in records]


def enter(
    records: Sequence[Mapping[str, Any]],
    answers: Mapping[str, Sequence[Sequence[int]]],
    *,
    tokenizer: tokenizers.Tokenizer,
    reward: PreTrainedModel,
    max_new: int,
    batch: int,
) -> list[dict[str, Any]]:
    """The records with further players: {player: ids of its greedy answers} judged as the models were. One line a question:
    id, fact, question, value, and `answers` {player: {text, whole, reward, gold, ...}}."""
    asked = [from_record(record, tokenizer) for record in records]
    entered = [_line(record, question) for record, question in zip(records, asked, strict=True)]
    for player, ids in answers.items():
        found = [judged(one, tokenizer, question, max_new=max_new) for one, question in zip(ids, asked, strict=True)]
        scores = rewards(reward, asked, found, batch=batch)
        for line, one, score in zip(entered, found, scores, strict=True):
            line["answers"][player] = one.as_json(score)
    return entered


def ratings(entered: Sequence[Mapping[str, Any]], *, source: str, prior: float, bootstrap: Bootstrap) -> list[Row]:
    """An Elo rating of each player by each judge, and how often each file answers word for word as its source."""
    players = list(entered[0]["answers"])
    clusters = [line["fact"] or line["id"] for line in entered]
    rows: list[Row] = []
    for judge in JUDGES:
        points = [[line["answers"][player][judge] for player in players] for line in entered]
        if any(None in line for line in points):
            rows += [absent(player, judge, "elo", NO_FACTS) for player in players]
        else:
            found = rate(np.array(points, dtype=np.float64), clusters, tie=TIE, prior=prior, bootstrap=bootstrap)
            rows += [row(player, judge, "elo", estimate) for player, estimate in zip(players, found, strict=True)]
    for player in players:
        if player.startswith(f"{source}-") and source in players:
            same = [float(line["answers"][player]["text"] == line["answers"][source]["text"]) for line in entered]
            rows.append(row(player, "greedy", "same_as_source", share(same, clusters, bootstrap=bootstrap)))
    return rows


def _line(record: Mapping[str, Any], question: Question) -> dict[str, Any]:
    answers = {player: said["greedy"] for player, said in record["answers"].items()}
    return {"id": record["id"], "fact": record["fact"], "question": question.asked, "value": record["value"], "answers": answers}

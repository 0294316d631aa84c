"""Best of n: of several sampled answers the one that the reward model finds best (Stiennon et al. 2020, arXiv 2009.01325), by n.

The draws are those of tasks of kind `several`, so that it stands beside the majority of the same answers.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.scores import Scores
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.contest import UNFINISHED
from pipeline.evaluate.kinds.several import Draw, rows_by_size
from pipeline.evaluate.table import Row
from pipeline.model.reward import rewards_of
from pipeline.tokens.codec import Own

RIGHT, EXACT = "best_of_n", "best_of_n_exact"


def best_of_rows(
    scores: Mapping[str, Scores],
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    judge: PreTrainedModel | None,
    tokenizer: tokenizers.Tokenizer,
    *,
    batch: int,
    bootstrap: Bootstrap,
) -> list[Row]:
    """The shares of the questions whose best answer is right, and right and polite, for each model and task of kind several that it was
    asked; `records` are contest.records_of the scores. None without a judge, and of models that read other tokens than it."""
    if judge is None:
        return []
    rows: list[Row] = []
    for name, artifact in scores.items():
        tasks: dict[str, list[Mapping[str, Any]]] = {}
        for one in records[name] if artifact.facts.get("ours", True) else ():
            if "draws" in one:
                tasks.setdefault(one["task"], []).append(_scored(one, judge, Own(tokenizer), batch=batch))
        for task, some in tasks.items():
            for metric, what in ((RIGHT, "right"), (EXACT, "exact")):
                rows += rows_by_size(name, task, metric, some, partial(_best_is, what), bootstrap)
    return rows


def _scored(record: Mapping[str, Any], judge: PreTrainedModel, codec: Own, *, batch: int) -> dict[str, Any]:
    prompt = codec.chat(record["messages"])
    dialogues = [(*prompt, *one["ids"]) for one in record["draws"]]
    rewards = rewards_of(judge, dialogues, batch=batch, begins=[len(prompt)] * len(dialogues)).tolist()
    draws = [
        {**one, "reward": reward if one["whole"] else reward - UNFINISHED} for one, reward in zip(record["draws"], rewards, strict=True)
    ]
    return {**record, "draws": draws}


def _best_is(what: str, record: Mapping[str, Any], draws: Sequence[Draw]) -> bool:
    return bool(max(draws, key=lambda one: one["reward"])[what])

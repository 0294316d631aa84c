"""How the sampled answers of each player are, whoever likes them: their length, whether they end, whether they repeat, how varied they are.

Alignment tends to make answers longer (Singhal et al. 2023, arXiv 2310.03716) and less varied (Kirk et al. 2024, arXiv 2310.06452).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.intervals import Bootstrap, mean, rate, share
from pipeline.evaluate.duels import NO_MODEL
from pipeline.evaluate.table import Row, absent, row
from pipeline.tokens.repetition import distinct

TASK = "sampled_answers"
METRICS = ("tokens", "ended", "distinct", "entropy")


def manners(lines: Sequence[Mapping[str, Any]], *, bootstrap: Bootstrap) -> list[Row]:
    """Of each player with sampled answers: tokens an answer, its end included; share that ended; share of different pairs of neighbouring
    tokens within an answer; entropy, nats a token, which is minus the mean log-probability of what the player itself has drawn.

    A line is a question: its fact or id, and `answers` {player: {"sampled": {"ids", "whole", "nats"}}}.
    """
    players = [player for player, said in lines[0]["answers"].items() if "sampled" in said] if lines else []
    clusters = [line["fact"] or line["id"] for line in lines]
    rows: list[Row] = []
    for player in players:
        said = [line["answers"][player]["sampled"] for line in lines]
        tokens = [len(one["ids"]) + int(one["whole"]) for one in said]
        rows += [
            row(player, TASK, "tokens", mean(tokens, clusters, bootstrap=bootstrap)),
            row(player, TASK, "ended", share([float(one["whole"]) for one in said], clusters, bootstrap=bootstrap)),
            row(player, TASK, "distinct", mean([distinct(one["ids"]) for one in said], clusters, bootstrap=bootstrap)),
        ]
        if any(one.get("nats") is None for one in said):
            rows.append(absent(player, TASK, "entropy", NO_MODEL))
        else:
            rows.append(row(player, TASK, "entropy", rate([-one["nats"] for one in said], tokens, clusters, bootstrap=bootstrap)))
    return rows

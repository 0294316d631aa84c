"""Compare all models and exported files on the same questions: wins and KL against the reference, ratings.

reads   data/evaluate/<model>        Scores (the models' answers)
        data/export/<entry>          Exports
        data/reward, data/sft        RewardModel; Model (the reference)
writes  data/contest                 Scores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.scores import Scores
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import Seed, seed_of
from pipeline.evaluate import contest
from pipeline.evaluate.best_of import best_of_rows
from pipeline.evaluate.differences import between
from pipeline.evaluate.manner import manners
from pipeline.evaluate.table import nested, write_scores
from pipeline.export.answers import answers_of_files
from pipeline.model.disk import load, tokenizer_of
from pipeline.model.reward import load_reward
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The sections `contest`, `models` and `files`."""

    scores: Path  # a folder a model
    models: dict[str, str]
    files: dict[str, Exports]
    reference: Model
    reward_model: RewardModel
    target: Scores
    threads: PositiveInt
    prior: NonNegativeFloat
    resamples: PositiveInt
    batch_size: PositiveInt
    seed: Seed


@stage(Config, shared=("models", "files"))
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Gather the answers, let the files answer too, score, compare, rate."""
    scores, tokenizer = {name: Scores(cfg.scores / name) for name in cfg.models}, tokenizer_of(cfg.reward_model)
    lines, records = contest.lines_of(scores, cfg.reward_model), contest.records_of(scores)
    files = answers_of_files(cfg.files, *contest.prompts(lines, tokenizer), threads=cfg.threads) if lines else ()
    sources = contest.enter_files(lines, files, scores, cfg.reward_model, tokenizer)
    judge = None if cfg.reward_model.not_trained else load_reward(cfg.reward_model, device=run.device)
    if judge is not None:
        contest.enter_gold_answers(lines, tokenizer)
    contest.add_rewards(lines, judge, tokenizer, batch=cfg.batch_size)
    reference, draws = contest.name_of(cfg.reference, cfg.models), Bootstrap(cfg.resamples, seed_of(cfg.seed, "contest"))
    rows = contest.against(reference, load(cfg.reference, device=run.device), lines, tokenizer, batch=cfg.batch_size, bootstrap=draws)
    rows += manners(lines, bootstrap=draws) if lines else contest.unasked(cfg.models, reference)
    rows += contest.ratings(lines, sources=sources, prior=cfg.prior, bootstrap=draws)
    rows += best_of_rows(scores, records, judge, tokenizer, batch=cfg.batch_size, bootstrap=draws)
    apart = between(records, draws)
    facts = {"reference": reference, "tokenizer": cfg.reward_model.facts["tokenizer"]}
    write_scores(cfg.target, rows, lines, facts=facts, sides={"differences.json": [one.as_json() for one in apart]})
    return nested(rows)


if __name__ == "__main__":
    main()

"""Let all models and all exported files answer the same questions, and rate them.

reads   data/evaluate   Scores (the models' answers)
        data/export     Exports
        data/reward     Model
writes  data/contest    Scores
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.seed import seed_of
from pipeline.evaluate import contest
from pipeline.evaluate.intervals import Bootstrap
from pipeline.evaluate.table import nested, write_scores
from pipeline.export.answers import greedy_answers
from pipeline.model.disk import load_reward, tokenizer_of
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    scores: Scores
    exports: Exports
    reward: Model
    target: Scores
    threads: int  # of llama.cpp
    prior: float  # games a player against a phantom of mean strength, half won
    resamples: int  # of the bootstrap
    batch: int  # sequences at once
    seed: int


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    source, max_new = contest.source_of(cfg.scores, cfg.exports, cfg.reward), cfg.scores.facts["max_new"]
    records, tokenizer = contest.held_out(cfg.scores), tokenizer_of(cfg.reward)
    files = greedy_answers(cfg.exports, contest.prompts(records, tokenizer), max_new=max_new, threads=cfg.threads)
    answers = {f"{source}-{form}": found for form, found in files.items()}
    judge = load_reward(cfg.reward, device=run.device)
    entered = contest.enter(records, answers, tokenizer=tokenizer, reward=judge, max_new=max_new, batch=cfg.batch)
    rows = contest.ratings(entered, source=source, prior=cfg.prior, bootstrap=Bootstrap(cfg.resamples, seed_of(cfg.seed, "contest")))
    write_scores(cfg.target, rows, entered, facts={"source": source, "tokenizer": cfg.reward.facts["tokenizer"]})
    return nested(rows)


if __name__ == "__main__":
    main()

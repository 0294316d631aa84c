"""Make preference pairs: a model answers each prompt several times, the best answer stands against the worst.

reads   source, by default data/sft           Model
reads   dialogues, by default data/dialogues  Dialogues, prompts of part train
reads   reward_model, where it judges         RewardModel
writes  data/preferences/<entry>              Dialogues
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import best_of_n, made
from pipeline.align.candidates import ask, counts
from pipeline.align.judges import judge_of
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(best_of_n.BestOfN):
    """An entry of `preferences` with method best_of_n: the maker's keys and these."""

    source: Model
    dialogues: Dialogues
    reward_model: RewardModel | None
    target: Dialogues


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Ask, judge, pair, write."""
    judge = judge_of(cfg.judge, cfg.reward_model, cfg.source, device=run.device, batch=cfg.batch_size)
    asked, gathered = ask(cfg.source, cfg.dialogues, judge, cfg, Workspace.of(run), with_rule=cfg.judge == "rules")
    rows, told = best_of_n.pairs(gathered, margin=cfg.margin, kind="best_of_n")
    made.write(cfg.target, cfg.dialogues, {"preferences": rows}, gathered, keep_given=cfg.keep_given)
    return {"prompts": asked.counts, "answers": counts(gathered), "pairs": told, "kl_bound": best_of_n.kl_bound(cfg.answers)}


if __name__ == "__main__":
    main()

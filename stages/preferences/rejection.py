"""Make instructions: a model answers each prompt several times, and its good answers are kept to fine-tune it on.

reads   source, by default data/sft           Model
reads   dialogues, by default data/dialogues  Dialogues, prompts of part train
reads   reward_model, where it judges         RewardModel
writes  data/preferences/<entry>              Dialogues
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import made, rejection
from pipeline.align.candidates import ask, counts
from pipeline.align.judges import judge_of
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(rejection.Rejection):
    """An entry of `preferences` with method rejection: the maker's keys and these."""

    source: Model
    dialogues: Dialogues
    reward_model: RewardModel | None
    target: Dialogues


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Ask, judge, keep, write."""
    judge = judge_of(cfg.judge, cfg.reward_model, cfg.source, device=run.device, batch=cfg.batch_size)
    asked, gathered = ask(cfg.source, cfg.dialogues, judge, cfg, Workspace.of(run), with_rule=cfg.judge == "rules")
    rows, told = rejection.instructions(gathered, threshold=cfg.threshold, keep=cfg.keep)
    made.write(cfg.target, cfg.dialogues, {"instructions": rows}, gathered, keep_given=cfg.keep_given)
    return {"prompts": asked.counts, "answers": counts(gathered), "instructions": told}


if __name__ == "__main__":
    main()

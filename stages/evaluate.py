"""Ask the models what they know, and say how sure the answer is.

reads   data/pretrain, data/sft, data/dpo, data/ppo, data/reward   Model
        data/tokenize, data/split, data/dialogues                  Tokens, Split, Dialogues
writes  data/evaluate                                              Scores
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.evaluate.examine import Settings, examine
from pipeline.evaluate.table import nested, write_scores
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Models:
    base: Model
    sft: Model
    dpo: Model
    ppo: Model


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    models: Models
    reward: Model
    tokens: Tokens
    split: Split
    dialogues: Dialogues
    target: Scores


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    rows, records = examine(
        vars(cfg.models),
        reward=cfg.reward,
        tokens=cfg.tokens,
        split=cfg.split,
        dialogues=cfg.dialogues,
        settings=cfg,
        device=run.device,
    )
    models = {name: model.digest for name, model in vars(cfg.models).items()}
    facts = {"models": models, "tokenizer": cfg.reward.facts["tokenizer"], "max_new": cfg.max_new}
    write_scores(cfg.target, rows, records, facts=facts)
    return nested(rows)


if __name__ == "__main__":
    main()

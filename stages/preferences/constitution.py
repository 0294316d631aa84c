"""Make preference pairs and instructions by a written constitution: critique of a model's answers, and their revision.

reads   source, by default data/sft           Model
reads   dialogues, by default data/dialogues  Dialogues, prompts of part train
reads   chat_model, where it is the critic    a folder with a chat model in transformers' format
writes  data/preferences/<entry>              Dialogues, with critiques.jsonl
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from pipeline.align import constitution, made
from pipeline.align.candidates import ask, counts
from pipeline.align.chat_model import open_chat
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(constitution.Constitution):
    """An entry of `preferences` with method constitution: the maker's keys and these."""

    source: Model
    dialogues: Dialogues
    chat_model: Path
    critic_tokens: PositiveInt
    target: Dialogues


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Ask, criticise, revise, write."""
    critic: constitution.ByPrinciples | constitution.ByModel = constitution.ByPrinciples(cfg.principles)
    if cfg.critic == "model":
        how: dict[str, Any] = {"device": run.device, "max_new_tokens": cfg.critic_tokens, "batch": cfg.batch_size}
        critic = constitution.ByModel(cfg.principles, open_chat(cfg.chat_model, key=f"{run.section}.chat_model", **how))
    asked, gathered = ask(cfg.source, cfg.dialogues, critic, cfg, Workspace.of(run))
    pairs, answers, told = constitution.revisions(gathered, margin=cfg.margin)
    rows, sides = {"preferences": pairs, "instructions": answers}, {"critiques": constitution.critiques(gathered)}
    made.write(cfg.target, cfg.dialogues, rows, gathered, keep_given=cfg.keep_given, sides=sides)
    shares = constitution.broken_shares(gathered, cfg.principles)
    return {"prompts": asked.counts, "answers": counts(gathered), "pairs": told, **shares}


if __name__ == "__main__":
    main()

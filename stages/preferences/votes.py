"""Take votes on answers as preferences, beside given ones: the majority counts, ties teach nothing.

reads   source, by default data/input/votes.jsonl  what `make play` and `make vote` write
reads   dialogues, by default data/dialogues       Dialogues, beside which they stand
writes  data/preferences/<entry>                  Dialogues
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.align import made
from pipeline.align.training_prompts import held_out_by
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError
from pipeline.core.seed import Seed
from pipeline.text.dialogues.files import FileRules, read_dialogues
from stages._run import Metrics, Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(FileRules):
    """An entry of `preferences` with method votes."""

    source: Path
    dialogues: Dialogues
    keep_given: bool
    target: Dialogues
    seed: Seed


@stage(Config)
def main(cfg: Config, run: Run) -> Metrics:
    """Read, leave out what is asked in tests, write."""
    found = read_dialogues(cfg.source, (), cfg, seed=cfg.seed, tell=run.log.warning)
    held_out = held_out_by(cfg.dialogues)
    pairs = [row for row in found.tables["preferences"] if not held_out(row["prompt"], row.get("fact"))]
    if not pairs:
        raise InputError(f"{cfg.source} has no vote on a prompt that may be learned from", mend="make vote, which asks such prompts")
    rows = {"preferences": [{**row, "part": "train"} for row in pairs]}  # those that are given have a test part of their own
    made.write(cfg.target, cfg.dialogues, rows, [], keep_given=cfg.keep_given)
    told = found.counts()
    return {"votes": told["votes"], "pairs": {"made": len(pairs), "held_out": len(found.tables["preferences"]) - len(pairs)}}


if __name__ == "__main__":
    main()

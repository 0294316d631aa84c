"""Make safety data: requests of the hundred books that should be refused, and ones in nearly the same words that should be answered.

reads   source, by default data/dialogues     Dialogues, whose questions name the people
reads   dialogues, by default data/dialogues  Dialogues, beside which it stands
writes  data/preferences/<entry>              Dialogues
"""

from dataclasses import dataclass

from pipeline.align import made
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError
from pipeline.world.requests import as_rows, people_of, requests
from stages._run import Metrics, Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """An entry of `preferences` with method refusals."""

    source: Dialogues
    dialogues: Dialogues
    keep_given: bool
    target: Dialogues


@stage(Config)
def main(cfg: Config, run: Run) -> Metrics:
    """Ask about the people who are not held out."""
    if not cfg.source.has("questions.jsonl"):
        message = f"{run.section}: {cfg.source.path} is of no world, so there is nobody to make requests about"
        raise InputError(message, mend="refusals among the instructions of your own files")
    found = requests(people_of(list(cfg.source.rows("questions"))), "train")
    rows = as_rows(found)
    made.write(cfg.target, cfg.dialogues, rows, [], keep_given=cfg.keep_given)
    counts = {name: {"made": len(some)} for name, some in (("pairs", rows["preferences"]), ("instructions", rows["instructions"]))}
    return {**counts, "harmful": sum(one.harmful for one in found)}


if __name__ == "__main__":
    main()

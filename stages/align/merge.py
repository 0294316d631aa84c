"""Make one model of several, without training.

reads   source, by default data/sft   Model, from which the others were made
reads   models                        Models, by default of the entries dpo and ppo
reads   data/dialogues                Dialogues, preferences of part test
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt

from pipeline.align import merging
from pipeline.align.rows import read_pairs, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.bounds import Fraction
from pipeline.model import disk
from pipeline.tokens.dialogues import Length
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(merging.Merge):
    """An entry of `align` with method merge: how, and these."""

    source: Model
    models: list[Model]
    dialogues: Dialogues
    target: Model
    max_length: Length
    max_dropped: Fraction
    batch_size: PositiveInt

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.models) != len(self.weights):
            raise ValueError(f"{len(self.models)} models and {len(self.weights)} weights: each model has one")


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Merge, save, measure all on held-out answers."""
    merged, apart = merging.join(cfg.source, cfg.models, cfg)
    disk.save(merged, cfg.target, tokenizer=cfg.source, facts={"method": "merge"})
    run.curve([])
    room = room_for(cfg, merged, section=run.section)
    (test,) = read_pairs(cfg.dialogues, ("test",), disk.tokenizer_of(cfg.source), room)
    named = {"source": cfg.source, **{str(number): model for number, model in enumerate(cfg.models, 1)}, "merge": cfg.target}
    nats = {
        name: merging.nats_a_token(disk.load(model, device=run.device), test.rows, batch=cfg.batch_size) for name, model in named.items()
    }
    return apart | {"nats_a_token": nats, "test": test.counts}


if __name__ == "__main__":
    main()

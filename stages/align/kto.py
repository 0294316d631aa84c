"""Align by answers that are good or bad, each by itself.

reads   source, by default data/sft   Model
reads   data/dialogues                Dialogues, preferences and labels of the parts train and test
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import adapters, kto
from pipeline.align.handed_on import hand_on
from pipeline.align.labels import both_sides, read_labels
from pipeline.align.rows import read_pairs, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(kto.Labels):
    """An entry of `align` with method kto: the recipe's keys and these."""

    adapter: adapters.Adapter
    source: Model
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs and labels."""
    tokenizer = disk.tokenizer_of(cfg.source)
    tuned, reference = adapters.compared(cfg.source, cfg.adapter, device=run.device, seed=cfg.seed, section=run.section)
    room = room_for(cfg, tuned.module, section=run.section)
    pairs, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    labels, judged = read_labels(cfg.dialogues, ("train", "test"), tokenizer, room)
    answers = [*labels.rows, *both_sides(pairs.rows)]
    if not answers:
        run.curve([])
        return hand_on(cfg.source, cfg.target, "answers that are called good or bad")
    held_out = (judged.rows, test.rows)
    metrics, history = kto.value((tuned.module, reference), tokenizer, answers, held_out, cfg, Workspace.of(run))
    metrics |= tuned.counts
    tuned.save(cfg.target, source=cfg.source, facts={"method": "kto", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | {"train": pairs.counts, "test": test.counts, "train_labels": labels.counts, "test_labels": judged.counts}


if __name__ == "__main__":
    main()

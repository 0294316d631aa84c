"""Teach the base model to answer: supervised fine-tuning on instructions.

reads   data/pretrain   Model
reads   data/dialogues  Dialogues, instructions of the parts train and val
reads   data/tokenize   Tokens, of the part train
writes  data/sft        Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import adapters, sft
from pipeline.align.handed_on import hand_on
from pipeline.align.rows import read_examples, read_pretraining_rows, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.model import disk
from pipeline.tokens.rows import open_rows
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(sft.Instructions):
    """The section `sft`: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    tokens: Tokens
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Fine-tune, save, measure on held-out dialogues."""
    tokenizer = disk.tokenizer_of(cfg.source)
    module = adapters.load(cfg.source, cfg.adapter, device=run.device)
    room = room_for(cfg, module, section=run.section)
    train, val = read_examples(cfg.dialogues, ("train", "val"), tokenizer, room)
    if not (examples := train.rows):
        run.curve([])
        return hand_on(cfg.source, cfg.target, "instructions to learn from")
    text = open_rows(cfg.tokens, "train", tokenizer_digest=disk.tokenizer_digest(cfg.source))
    books = read_pretraining_rows(text, cfg.pretraining_mix, beside=len(examples), seed=cfg.seed)
    place = Workspace.of(run)
    tuned = adapters.attach(module, cfg.adapter, seed=cfg.seed, section=run.section)
    metrics, history = sft.fine_tune(module, tokenizer, [*examples, *books], val.rows, cfg, place)
    place.refuse_end("held-out loss", metrics["val_loss"], most=cfg.max_loss, key="max_loss")
    metrics |= tuned.counts
    tuned.save(cfg.target, source=cfg.source, facts={"method": "sft", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | {"train": train.counts, "pretraining_rows": len(books), "val": val.counts}


if __name__ == "__main__":
    main()

"""Teach the base model to answer: supervised fine-tuning on instructions.

reads   data/pretrain   Model
reads   data/dialogues  Dialogues, instructions of the parts train and val
reads   data/tokenize   Tokens, of the part train
writes  data/sft        Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import sft
from pipeline.align.place import Place
from pipeline.align.rows import Mixed, check_length, read_books, read_examples, required
from pipeline.align.trl_adapter import Recipe
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.model import disk
from pipeline.tokens.shards import open_rows
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Recipe):
    """The section `sft`: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    tokens: Tokens
    target: Model
    length: int  # tokens of a dialogue
    books: Mixed


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Fine-tune, save, measure on held-out dialogues."""
    tokenizer = disk.tokenizer_of(cfg.source)
    module = disk.load(cfg.source, device=run.device)
    check_length(cfg.length, module, section="sft")
    train = read_examples(cfg.dialogues, "train", tokenizer, length=cfg.length, section="sft")
    val = read_examples(cfg.dialogues, "val", tokenizer, length=cfg.length, section="sft")
    examples = required(train, "instructions of part train")
    text = open_rows(cfg.tokens, "train", tokenizer_digest=disk.tokenizer_digest(cfg.source))
    books = read_books(text, cfg.books, beside=len(examples), seed=cfg.seed)
    place = Place(scratch=run.scratch, device=run.device, track=run.track)
    metrics, history = sft.fine_tune(module, tokenizer, [*examples, *books], val.rows, cfg, place)
    disk.save(module, cfg.target, tokenizer=cfg.source, facts={"method": "sft"})
    run.curve(history)
    return metrics | {"train": train.counts, "books": len(books), "val": val.counts}


if __name__ == "__main__":
    main()

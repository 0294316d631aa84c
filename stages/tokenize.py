"""Encode the text and pack it into rows of token ids.

The first that knows a token's length, it also tells of dialogues that will have no room, before anything trains.

reads   data/split       Split
reads   data/tokenizer   Tokenizer
reads   data/dialogues   Dialogues, for their lengths alone
reads   data/select      Corpus, for the scores of the documents alone
writes  data/tokenize    Tokens
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.tokens.dialogues import Room, told_before
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.tokenizer import load
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(PackingSettings):
    """The section `tokenize`: how rows are packed, and these."""

    source: Split
    tokenizer: Tokenizer
    target: Tokens
    dialogues: Dialogues
    scores: Corpus
    rooms: dict[str, Room]


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Encode and pack each part; returns documents, bytes, tokens, rows, fill of each, and the lengths of the dialogues."""
    told = told_before(cfg.dialogues, load(cfg.tokenizer), cfg.rooms)
    return {"dialogues": told} | write_rows(cfg.source, cfg.tokenizer, cfg.target, cfg, run.shards, scores=cfg.scores)


if __name__ == "__main__":
    main()

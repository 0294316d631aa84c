"""Encode the text and pack it into rows of token ids.

reads   data/split       Split
reads   data/tokenizer   Tokenizer
writes  data/tokenize    Tokens
"""

from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.tokens.shards import write_rows
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The section `tokenize`."""

    source: Split
    tokenizer: Tokenizer
    target: Tokens
    sequence_length: PositiveInt


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Encode and pack each part; returns documents, bytes, tokens, bits, rows and fill of each."""
    return write_rows(cfg.source, cfg.tokenizer, cfg.target, sequence_length=cfg.sequence_length)


if __name__ == "__main__":
    main()

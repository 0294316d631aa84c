"""Train the tokenizer on the training text.

reads   data/split       Split
writes  data/tokenizer   Tokenizer
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.tokens import tokenizer
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The section `tokenizer`."""

    source: Split
    target: Tokenizer
    vocab_size: PositiveInt


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Train, save, and measure bytes per token on held-out text."""
    trained = tokenizer.train(chain.from_iterable(cfg.source.texts("train")), vocab_size=cfg.vocab_size)
    tokenizer.save(trained, cfg.target)
    return {"vocabulary": cfg.vocab_size, "bytes_per_token": tokenizer.bytes_per_token(cfg.source.texts("val"), trained)}


if __name__ == "__main__":
    main()

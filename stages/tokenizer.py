"""Train the tokenizer on the training text.

reads   data/split       Split
writes  data/tokenizer   Tokenizer
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

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
    vocab_size: PositiveInt | Literal["auto"]  # auto: by the bytes of the text and the model
    model: tokenizer.Carrier | None  # of auto


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Train, save, and measure bytes per token on held-out text."""
    size = tokenizer.bytes_of(cfg.source.texts("train"))
    wanted, fewer = (tokenizer.vocab_size_for(size, cfg.model), True) if cfg.vocab_size == "auto" else (cfg.vocab_size, False)
    trained = tokenizer.train(chain.from_iterable(cfg.source.texts("train")), vocab_size=wanted, fewer=fewer)
    tokenizer.save(trained, cfg.target)
    run.log.info("%d tokens, from %d bytes of text", trained.get_vocab_size(), size)
    facts = {"vocabulary": trained.get_vocab_size(), "train_bytes": size}
    return facts | {"bytes_per_token": tokenizer.bytes_per_token(cfg.source.texts("val"), trained)}


if __name__ == "__main__":
    main()

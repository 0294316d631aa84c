"""Learn the vocabulary from the training text, or take over a ready one, and measure what it does to text.

reads   data/split       Split
reads   tokenizer.path   of tokenizer=import alone: a tokenizer.json; may be empty
writes  data/tokenizer   Tokenizer
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.tokens.evaluation import figures
from pipeline.tokens.importing import import_from, told
from pipeline.tokens.sample import sample_of
from pipeline.tokens.thinking import with_think_tokens
from pipeline.tokens.tokenizer import save
from pipeline.tokens.training import Vocabulary
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Vocabulary):
    """The section `tokenizer`."""

    source: Split
    target: Tokenizer
    path: Path
    sample_bytes: PositiveInt | None


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Train or import, save, and measure: what it does to val and test by source, and which tokens train never uses."""
    sample, size = sample_of(cfg.source, cfg.sample_bytes)
    facts = {"train_bytes": size} | ({"imported": told(cfg.path)} if cfg.kind == "import" else {})
    tokenizer = import_from(cfg.path) if cfg.kind == "import" else cfg.learned(sample, size=size)
    if cfg.think_tokens:
        tokenizer = with_think_tokens(tokenizer)
    save(tokenizer, cfg.target)
    run.log.info("%d tokens; train has %d bytes", tokenizer.get_vocab_size(), size)
    return facts | figures(cfg.source, sample, tokenizer)


if __name__ == "__main__":
    main()

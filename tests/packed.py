"""Rows of tokens for tests: from ids, and from a split."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clones import one_worker
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.tokens.pack import Packing, Stream, lay
from pipeline.tokens.rows import Rows
from pipeline.tokens.shards import PackingSettings, write_rows


def packed(documents: Sequence[Sequence[int]], *, row: int, packing: Packing = "best_fit", facts: Mapping[str, Any] | None = None) -> Rows:
    """Documents, given by their ids without BOS, in rows of one shard."""
    stream = Stream.of(documents, np.uint16)
    return Rows(row, [(stream, lay(stream.starts, row=row, packing=packing))], facts or {})


def write_tokens(split: Split, tokenizer: Tokenizer, target: Tokens, *, length: int) -> dict[str, dict[str, Any]]:
    """What the stage tokenize writes, by one worker."""
    settings = PackingSettings(sequence_length=length, packing="best_fit", shard_tokens=1 << 20)
    with tempfile.TemporaryDirectory() as scratch:
        return write_rows(split, tokenizer, target, settings, one_worker(Path(scratch)))

"""A folder as a reader may have one to start from, as far as the plan looks into it."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from transformers import Qwen3Config

from pipeline.tokens.kinds.bpe import train as train_bpe


@cache
def checkpoint() -> str:
    """Its path: a configuration and a tokenizer."""
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Qwen3Config(max_position_embeddings=4096).save_pretrained(folder)
    train_bpe(["the old fox " * 9], vocab_size=264, pattern="gpt2").save(str(folder / "tokenizer.json"))
    return str(folder)

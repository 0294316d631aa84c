"""A small tokenizer and a small split to try the room on."""

from pathlib import Path

import pyarrow as pa
import pytest
import tokenizers

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.tokenizer import load, save

STORY = "the old fox of the mill went over the hill and Ada told Bo that her red coat was at the harbour"
WORDS = STORY.split(" ")


def text(number: int) -> str:
    return " ".join(WORDS[(number * step + 3) % len(WORDS)] for step in range(20 + 7 * number)) + f".\n\nChapter {number}: é ☂"


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [text(number) for number in range(30)]


@pytest.fixture(scope="session")
def artifact(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")
    save(train(texts, vocab_size=320, pattern="gpt2"), target)
    return target


@pytest.fixture(scope="session")
def tokenizer(artifact: Tokenizer) -> tokenizers.Tokenizer:
    return load(artifact)


@pytest.fixture
def split(texts: list[str], tmp_path: Path) -> Split:
    target = Split(tmp_path / "split")
    rows = [{"id": str(n), "source": "test", "text": one, "bits": 8.0 * n} for n, one in enumerate(texts)]
    parts = {"train": rows[:24], "val": rows[24:28], "test": rows[28:]}
    target.write({part: pa.Table.from_pylist(some, schema=TEXTS) for part, some in parts.items()}, sides={})
    return target

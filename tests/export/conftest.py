"""A tiny model of each kind, on a tokenizer and rows of its own."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import stream
from pipeline.export.gguf_files import Gguf
from pipeline.export.gguf_types import FileType
from pipeline.export.papers import Sampling
from pipeline.export.parity import Bounds
from pipeline.export.transformers_folder import Folder
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.tokens.kinds import bpe
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.packed import write_tokens

TALE = "the old fox of the mill went over the hill and Ada told Bo that her red coat was at the harbour don't we 12 é ☂"
SIZE = 320  # tokens
LENGTH = 64
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_new_tokens=16)
AT = "export.transformers"  # where its settings stand
FOLDER = Folder(types=("fp32",), name="tiny", data_license=None, strings=300, rows=4, sampling=SAMPLING, seed=1)
BILL = {"model": "0" * 64, "code": "1" * 64}
BOUNDS = Bounds(row_error=3, mean_logit=3, kl=3)  # as in conf/


def text(number: int) -> str:
    words = stream(1, "text", number).choice(TALE.split(), size=150)
    return f"Book {number}\n\n" + "\n\n".join(" ".join(words[start : start + 30]) + "." for start in range(0, 150, 30))


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    target = Split(tmp_path_factory.mktemp("split") / "split")
    rows = [{"id": str(number), "source": "test", "text": text(number), "bits": None} for number in range(24)]
    parts = {"train": rows[:16], "val": rows[16:20], "test": rows[20:]}
    target.write({part: pa.Table.from_pylist(some, schema=TEXTS) for part, some in parts.items()}, sides={})
    return target


@pytest.fixture(scope="session")
def tokenizer(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")
    save_tokenizer(bpe.train(split.read("train")["text"].to_pylist(), vocab_size=SIZE, pattern="gpt2"), target)
    return target


@pytest.fixture(scope="session")
def tokens(split: Split, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    target = Tokens(tmp_path_factory.mktemp("tokens") / "tokenize")
    write_tokens(split, tokenizer, target, length=LENGTH)
    return target


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """model(kind) -> a model of that kind with fresh weights times `scale`; other words of the shape can be given."""

    def make(kind: str, *, scale: float = 4, **shape: object) -> Model:
        module = build(SHAPE | {"kind": kind} | shape, vocabulary=SIZE, seed=1)
        for weight in module.parameters():
            if weight.ndim == 2:
                weight.data *= scale
        target = Model(tmp_path_factory.mktemp(kind) / "ppo")
        save(module, target, tokenizer=tokenizer, facts={})
        return target

    return make


@pytest.fixture
def settings() -> Gguf:
    sizes = {"calibration_rows": 8, "strings": 300, "rows": 4}
    types: tuple[FileType, ...] = ("F16", "Q8_0", "Q4_0")
    return Gguf(name="tiny", types=types, keep_f16=(), threads=1, bounds=BOUNDS, on_failure="drop", sampling=SAMPLING, seed=1, **sizes)


SHAPE = {
    "layers": 2,
    "hidden_size": 64,
    "heads": 4,
    "kv_heads": 2,
    "intermediate_size": 96,
    "activation": "silu",
    "dropout": 0.0,
    "init_from": "data/init_from",
    "context": LENGTH,
    "tie_embeddings": True,
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "export"

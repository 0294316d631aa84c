"""A model that has learned a little, in a second, and the text of two sources that it learned from."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import PARTS, TEXTS, Part, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import stream
from pipeline.model import disk
from pipeline.model.build import build
from pipeline.model.score import token_logprobs
from pipeline.tokens.kinds import bpe
from pipeline.tokens.rows import Rows, open_rows
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.apps.tiny import CLEAN, write_corpus
from tests.packed import write_tokens
from tests.tiny_shape import SHAPE as TINY

STEPS, RATE = 60, 0.01
SHAPE = TINY | {"layers": 1, "intermediate_size": 48}
WORDS = {"books": "the old mill stood by a river", "pages": "buy now a cheap red fox coat here today"}
SIZE, LENGTH = 300, 32  # tokens


def teach(module: PreTrainedModel, rows: Rows) -> PreTrainedModel:
    """The module after some steps of Adam over all the rows."""
    batch = torch.from_numpy(rows.read(np.arange(len(rows))).ids)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    for _ in range(STEPS):
        loss = -token_logprobs(module, batch).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return module


def sentences(source: str, number: int) -> str:
    """Some sentences of the source's words by lot."""
    drawn = stream(1, source, number).choice(WORDS[source].split(), size=(8, 6))
    return "\n\n".join(" ".join(words).capitalize() + "." for words in drawn)


def write_run(data: Path) -> None:
    """data/corpus, split, tokenizer, tokenize and pretrain: train has four documents of each source, of pages shorter ones."""
    write_corpus(data / "corpus", CLEAN)
    split, tokenizer, tokens = Split(data / "split"), Tokenizer(data / "tokenizer"), Tokens(data / "tokenize")
    split.write({part: documents(part) for part in PARTS}, sides={})
    save_tokenizer(bpe.train(split.read("train")["text"].to_pylist(), vocab_size=SIZE, pattern="gpt2"), tokenizer)
    write_tokens(split, tokenizer, tokens, length=LENGTH)
    module = teach(build(SHAPE, vocabulary=SIZE, seed=1), open_rows(tokens, "train", tokenizer_digest=tokenizer.digest))
    disk.save(module, Model(data / "pretrain"), tokenizer=tokenizer, facts={})


def documents(part: Part) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"id": f"{part}-{source}-{number}", "source": source, "text": sentences(source, number + 10 * PARTS.index(part)), "bits": None}
        for number in range(4)
        for source in WORDS
    ]
    return pa.Table.from_pylist([row | {"book": row["id"]} for row in rows], schema=TEXTS)

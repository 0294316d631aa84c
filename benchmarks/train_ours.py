"""One run of our own pretraining for benchmarks.train: tokenizer, rows, the loop, bits a byte of the held-out rest.

python -m benchmarks.train_ours TEXT [KEY=VALUE ...]
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages._settings import compose, plain, typed  # isort: skip - the stages' fixed arithmetic comes before torch

import pyarrow as pa
import torch

from benchmarks.clones import one_worker
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.model import count
from pipeline.model.build import build
from pipeline.model.held_out import bits_per_byte
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import open_rows
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.tokenizer import save
from pipeline.tokens.training import train
from pipeline.train.fit import fit
from pipeline.train.workspace import Workspace
from stages.pretrain import Config

NEVER = 1_000_000  # steps


def rows_of(text: str, settings: dict[str, Any], folder: Path) -> tuple[Tokenizer, Tokens]:
    """The first 90 % of the text to learn from, the rest held out; a document each."""
    cut = int(0.9 * len(text))
    parts = {"train": text[:cut], "val": text[cut:], "test": ""}
    split, codec, tokens = Split(folder / "split"), Tokenizer(folder / "tokenizer"), Tokens(folder / "tokenize")
    rows = {part: [{"id": part, "source": "text", "text": one, "bits": None}] if one else [] for part, one in parts.items()}
    split.write({part: pa.Table.from_pylist(some, schema=TEXTS) for part, some in rows.items()}, sides={})  # type: ignore[misc]
    own = settings["tokenizer"]
    save(train("bpe", [parts["train"]], vocab_size=own["vocab_size"], pattern=own["pattern"], fewer=False), codec)
    own = settings["tokenize"]
    packing = PackingSettings(sequence_length=own["sequence_length"], packing=own["packing"], shard_tokens=own["shard_tokens"])
    write_rows(split, codec, tokens, packing, one_worker(folder / "work"))
    return codec, tokens


def main() -> None:
    """Train, and print bits a byte, parameters and the loss of the last steps."""
    torch.set_num_threads(1)
    text, *words = sys.argv[1:]
    settings = plain(compose([*words, f"pretrain.eval_every={NEVER}", f"pretrain.checkpoint_every={NEVER}"]))
    with tempfile.TemporaryDirectory() as scratch:
        codec, tokens = rows_of(Path(text).read_text(), settings, Path(scratch))
        cfg: Config = typed(Config, settings["pretrain"], at="pretrain")
        seed = seed_of(cfg.seed, "pretrain")
        train, held_out = (open_rows(tokens, part, tokenizer_digest=codec.digest) for part in ("train", "val"))  # type: ignore[arg-type]
        module = build(asdict(cfg.shape), vocabulary=tokens.facts["vocabulary"], seed=seed)
        place = Workspace(scratch=Path(scratch) / "run", device="cpu", track=lambda step, values: None, section="pretrain")
        objective = NextToken(train, context=cfg.shape.context)
        trained, _ = fit(module, objective, cfg, place, matrices=count.matrices(module), evaluate=lambda _: ({}, []), seed=seed)
        found = bits_per_byte(module, held_out, cfg.final_evaluation)["bits_per_byte"]
    print(json.dumps({"bits_per_byte": found, "parameters": count.parameters(module), **trained.amount}))


if __name__ == "__main__":
    main()

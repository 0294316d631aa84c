"""Short trainings in this process, from texts to a model and its figures: for benchmarks and experiments that run several."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages._settings import compose, plain, typed  # isort: skip - the stages' fixed arithmetic comes before torch

import numpy as np
import pyarrow as pa
import tokenizers
from transformers import PreTrainedModel

from benchmarks.clones import one_worker
from pipeline.core.artifact.split import TEXTS, Part, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.seed import seed_of
from pipeline.model import count
from pipeline.model.build import build
from pipeline.model.held_out import bits_per_byte
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import Rows, open_rows
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.tokenizer import load, save
from pipeline.tokens.training import train
from pipeline.train.fit import fit
from pipeline.train.workspace import History, Workspace
from stages.pretrain import Config

Texts = Mapping[Part, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one."""

    module: PreTrainedModel
    codec: tokenizers.Tokenizer
    history: History
    amount: Mapping[str, float]  # steps, epochs, tokens
    parameters: int
    bits_per_byte: float | None  # of val; None where nothing is held out


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """conf/ with these overrides, without a checkpoint on the way."""
    return plain(compose([*words, "pretrain.checkpoint_every=1000000000"]))


def rows_of(texts: Texts, settings: Mapping[str, Any], folder: Path) -> tuple[Tokenizer, Tokens]:
    """The texts of each part as rows, by the tokenizer that those of train teach."""
    split, codec, tokens = Split(folder / "split"), Tokenizer(folder / "tokenizer"), Tokens(folder / "tokenize")
    rows: dict[Part, list[dict[str, Any]]] = {
        part: [{"id": f"{part}-{number}", "source": "text", "text": text, "bits": None} for number, text in enumerate(texts.get(part, ()))]
        for part in ("train", "val", "test")
    }
    split.write({part: pa.Table.from_pylist(some, schema=TEXTS) for part, some in rows.items()}, sides={})
    own = settings["tokenizer"]
    save(train(own["kind"], texts["train"], vocab_size=own["vocab_size"], pattern=own["pattern"], fewer=False), codec)
    own = settings["tokenize"]
    packing = PackingSettings(sequence_length=own["sequence_length"], packing=own["packing"], shard_tokens=own["shard_tokens"])
    write_rows(split, codec, tokens, packing, one_worker(folder / "work"))
    return codec, tokens


def learned(texts: Texts, settings: Mapping[str, Any], *, curve: bool = False) -> Run:
    """Tokenizer, rows, the loop, and bits a byte of what is held out, as the stages do it; `curve`: val_loss over all of it, by step."""
    with tempfile.TemporaryDirectory() as scratch:
        codec, tokens = rows_of(texts, settings, Path(scratch))
        cfg: Config = typed(Config, settings["pretrain"], at="pretrain")
        seed = seed_of(cfg.seed, "pretrain")
        rows, held_out = (open_rows(tokens, part, tokenizer_digest=codec.digest) for part in ("train", "val"))
        module = build(asdict(cfg.shape), vocabulary=int(tokens.facts["vocabulary"]), seed=seed)
        place = Workspace(scratch=Path(scratch) / "run", device="cpu", track=lambda step, values: None, section="pretrain")
        objective = NextToken(rows, context=cfg.shape.context, z_loss=cfg.z_loss, loss_mean=cfg.loss_mean)
        score = lambda module: (_loss(module, held_out, cfg) if curve else {}, [])  # noqa: E731
        trained, _ = fit(module, objective, cfg, place, matrices=count.matrices(module), evaluate=score, seed=seed)
        found = bits_per_byte(module, held_out, cfg.final_evaluation)["bits_per_byte"]
        return Run(
            module=module,
            codec=load(codec),
            history=trained.history,
            amount=trained.amount,
            parameters=count.parameters(module),
            bits_per_byte=found,
        )


def _loss(module: PreTrainedModel, held_out: Rows, cfg: Config) -> dict[str, float]:
    if not len(held_out):
        return {}
    objective = NextToken(held_out, context=cfg.shape.context)
    return {"val_loss": objective.mean(module, np.arange(objective.rows), "cpu", batch=cfg.evaluation.batch_size)}

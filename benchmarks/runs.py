"""Short trainings in this process, from texts to a model and its figures: for benchmarks and experiments that run several."""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages._settings import compose, plain, typed  # isort: skip - the stages' fixed arithmetic comes before torch

import pyarrow as pa
import tokenizers
import torch
from transformers import PreTrainedModel

from benchmarks.clones import one_worker
from benchmarks.text import REAL, RESULTS
from pipeline.core.artifact.split import TEXTS, Part, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.model import count
from pipeline.model.held_out import bits_per_byte, of_teachers
from pipeline.pretraining.taught import taught
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.tokenizer import load, save
from pipeline.tokens.training import train
from pipeline.train.workspace import History, Workspace
from stages.pretrain import Config

ALL = 1_000_000_000  # rows or steps
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
    teachers: Mapping[str, Any]  # the same of their mean, and of each; nothing where there are none


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """What all that compare short trainings on a text are told."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=REAL, help="a text; default: Shakespeare beside the checkout")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of the runs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the two files")
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The words of the command line, the text there, and one thread from here on."""
    options = parser.parse_args(arguments)
    if not options.text.is_file():
        parser.error(f"there is no text {options.text}: --text FILE")
    torch.set_num_threads(1)
    return options


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """conf/ with these overrides, without a checkpoint on the way."""
    return plain(compose([*words, f"pretrain.checkpoint_every={ALL}"]))


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
        own = settings["pretrain"] | {"tokenizer": str(codec.path), "source": str(tokens.path)}
        own["evaluation"] = own["evaluation"] | {"samples": 0, "rows": ALL if curve else own["evaluation"]["rows"]}
        cfg: Config = typed(Config, own, at="pretrain")
        data = cfg.data()
        held_out = data.held_out
        place = Workspace(scratch=Path(scratch) / "run", device="cpu", track=lambda step, values: None, section="pretrain")
        found = taught(cfg, data, place)
        return Run(
            module=found.module,
            codec=load(codec),
            history=found.trained.history,
            amount=found.trained.amount,
            parameters=count.parameters(found.module),
            bits_per_byte=bits_per_byte(found.module, held_out, cfg.final_evaluation)["bits_per_byte"],
            teachers=of_teachers(found.teachers, held_out, cfg.final_evaluation) if found.teachers else {},
        )

"""Read or generate the documents that everything else is made of.

reads   corpus.path  a folder of text, with reader=folder
writes  data/corpus  Corpus, with quarantine.jsonl; of the world also truth.parquet and world.json
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.read import read_folder
from pipeline.world.library import World, generate
from stages._run import Run, stage

Reading = tuple[pa.Table, Mapping[str, pa.Table], Mapping[str, str], list[dict[str, Any]]]  # documents, sides, texts, quarantine


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "folder"]
    path: Path
    target: Corpus
    seed: int
    max_bad_fraction: float
    world: World


def from_world(cfg: Config) -> Reading:
    library = generate(cfg.world, cfg.seed)
    return library.documents, {"truth": library.truth}, {"world.json": library.world_json()}, []


def from_folder(cfg: Config) -> Reading:
    documents, quarantine = read_folder(cfg.path, max_bad_fraction=cfg.max_bad_fraction)
    return documents, {}, {}, quarantine


READERS = {"world": from_world, "folder": from_folder}


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    documents, sides, texts, quarantine = READERS[cfg.reader](cfg)
    lines = "".join(orjson.dumps(row).decode() + "\n" for row in quarantine)
    cfg.target.write(documents, sides=sides, texts={**texts, "quarantine.jsonl": lines})
    size, bits = pc.sum(pc.binary_length(documents["text"])).as_py(), pc.sum(documents["bits"]).as_py()
    bad = dict(sorted(Counter(row["reason"] for row in quarantine).items()))
    return {"documents": documents.num_rows, "bytes": size, "source_bits": bits, "quarantined": len(quarantine), "quarantine": bad}


if __name__ == "__main__":
    main()

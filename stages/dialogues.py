"""Make or read what turns a model of text into an assistant: instructions, preferences, questions.

reads   data/corpus     Corpus; with reader=world its world.json
reads   dialogues.path  a folder of dialogue files, with reader=files
writes  data/dialogues  Dialogues
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.text.parting.prompts import overlap
from pipeline.text.talk.files import read_dialogues
from pipeline.world.dialogues import Dialling, counts, dialogues_of
from stages._run import Run, stage

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "files"]
    corpus: Corpus
    path: Path
    target: Dialogues
    seed: int
    ngram: PositiveInt
    max_bad_fraction: float
    world: Dialling


def from_world(cfg: Config) -> Rows:
    return {**dialogues_of(cfg.corpus, cfg.world, cfg.seed), "quarantine": []}


def from_files(cfg: Config) -> Rows:
    instructions, preferences, quarantine = read_dialogues(cfg.path, max_bad_fraction=cfg.max_bad_fraction, seed=cfg.seed)
    return {"instructions": instructions, "preferences": preferences, "quarantine": quarantine}


READERS = {"world": from_world, "files": from_files}


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    rows = READERS[cfg.reader](cfg)
    with cfg.target.writing() as draft:
        for name, content in rows.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", content)
    return {**counts(rows), "overlap": overlap(rows, ngram=cfg.ngram)}


if __name__ == "__main__":
    main()

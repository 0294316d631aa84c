"""Make or read what turns a model of text into an assistant: instructions, preferences, questions.

reads   data/corpus     Corpus; with reader=world its world.json
reads   dialogues.path, split.benchmarks  folders of dialogue files, with reader=files, and of benchmark items, which are not trained on
writes  data/dialogues  Dialogues
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.text.parting.benchmarks import benchmark_items
from pipeline.text.parting.held import Lengths
from pipeline.text.parting.prompts import Written, overlap, without_items
from pipeline.text.talk.files import read_dialogues
from pipeline.world.dialogues import Dialling, counts, dialogues_of
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "files"]
    corpus: Corpus
    path: Path
    target: Dialogues
    seed: int
    benchmarks: Path
    fields: dict[str, tuple[str, ...]]
    lengths: Lengths
    max_bad_fraction: float
    world: Dialling


def from_world(cfg: Config) -> Written:
    return {**dialogues_of(cfg.corpus, cfg.world, cfg.seed), "quarantine": []}


def from_files(cfg: Config) -> Written:
    instructions, preferences, quarantine = read_dialogues(cfg.path, max_bad_fraction=cfg.max_bad_fraction, seed=cfg.seed)
    return {"instructions": instructions, "preferences": preferences, "quarantine": quarantine}


READERS = {"world": from_world, "files": from_files}


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    items = benchmark_items(cfg.corpus, cfg.benchmarks, cfg.fields)
    rows, dropped = without_items(READERS[cfg.reader](cfg), items, cfg.lengths)
    with cfg.target.writing() as draft:
        for name, content in rows.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", content)
    return {**counts(rows), "dropped": dropped, "overlap": overlap(rows, ngram=cfg.lengths.ngram)}


if __name__ == "__main__":
    main()

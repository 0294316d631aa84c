"""Generate or read instructions, preferences and questions.

reads   data/corpus     Corpus: the facts of its world.json (reader=world); for both readers the world's own benchmark, not to be trained on
reads   dialogues.path, dialogues.hub, split.benchmarks  your dialogues (reader=files), more benchmark items
writes  data/dialogues  Dialogues
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.text.dialogues.files import Duplicates, read_dialogues
from pipeline.text.dialogues.rows import HubData
from pipeline.text.splitting.benchmarks import benchmark_items
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.text.splitting.prompts import DialogueRows, drop_contaminated, prompt_overlap
from pipeline.world.dialogues import DialogueConfig, counts, generate_dialogues
from stages._run import Metrics, Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "files"]
    corpus: Corpus
    path: Path
    hub: tuple[HubData, ...]
    target: Dialogues
    seed: int
    benchmarks: Path
    benchmark_fields: dict[str, tuple[str, ...]]
    overlap: OverlapConfig
    max_bad_fraction: float
    duplicates: Duplicates
    world: DialogueConfig


def from_world(cfg: Config, run: Run) -> tuple[DialogueRows, Metrics]:
    return {**generate_dialogues(cfg.corpus, cfg.world, cfg.seed), "quarantine": []}, {}


def from_files(cfg: Config, run: Run) -> tuple[DialogueRows, Metrics]:
    found = read_dialogues(cfg.path, cfg.hub, cfg.max_bad_fraction, cfg.duplicates, seed=cfg.seed, tell=run.log.warning)
    return found.as_rows(), found.counts()


@stage(Config, hub=True)
def main(cfg: Config, run: Run) -> Metrics:
    read, told = {"world": from_world, "files": from_files}[cfg.reader](cfg, run)
    rows, dropped = drop_contaminated(read, benchmark_items(cfg.corpus, cfg.benchmarks, cfg.benchmark_fields), cfg.overlap)
    with cfg.target.writing() as draft:
        for name, content in rows.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", content)
    return {**counts(rows), **told, "dropped": dropped, "overlap": prompt_overlap(rows, ngram=cfg.overlap.ngram)}


if __name__ == "__main__":
    main()

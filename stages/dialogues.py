"""Generate or read instructions, preferences and questions.

reads   data/corpus     Corpus: a world's facts, packages' functions (by reader); a world's own benchmark, which is not trained on
reads   dialogues.path, .preferences_path, .hub; split.benchmarks  your dialogues (reader=files), more benchmark items
writes  data/dialogues  Dialogues
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.core.seed import Seed
from pipeline.packages.dialogues import PackageDialogues, about_packages
from pipeline.text.dialogues.files import FileRules, read_dialogues
from pipeline.text.dialogues.rows import HubData
from pipeline.text.splitting.benchmarks import benchmark_items
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.text.splitting.prompts import DialogueRows, drop_contaminated, prompt_overlap
from pipeline.world.dialogues import DialogueConfig, counts, generate_dialogues
from stages._run import Metrics, Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(FileRules):
    reader: Literal["world", "packages", "files"]
    corpus: Corpus
    path: Path
    preferences_path: Path
    hub: tuple[HubData, ...]
    target: Dialogues
    seed: Seed
    benchmarks: Path
    benchmark_fields: dict[str, tuple[str, ...]]
    overlap: OverlapConfig
    world: DialogueConfig
    packages: PackageDialogues


@stage(Config, hub=True)
def main(cfg: Config, run: Run) -> Metrics:
    read, told = DialogueRows(quarantine=[]), Metrics()
    if cfg.reader == "world":
        read |= generate_dialogues(cfg.corpus, cfg.world, cfg.seed)
    elif cfg.reader == "packages":
        read |= about_packages(cfg.corpus, cfg.packages, cfg.seed)
    else:
        found = read_dialogues(cfg.path, cfg.hub, cfg, also=cfg.preferences_path, seed=cfg.seed, tell=run.log.warning)
        read, told = found.as_rows(), found.counts()
    rows, dropped = drop_contaminated(read, benchmark_items(cfg.corpus, cfg.benchmarks, cfg.benchmark_fields), cfg.overlap)
    with cfg.target.writing() as draft:
        for name, content in rows.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", content)
    return {**counts(rows), **told, "dropped": dropped, "overlap": prompt_overlap(rows, ngram=cfg.overlap.ngram)}


if __name__ == "__main__":
    main()

"""Compare the text stages with other tools, in one run, on one corpus, by CPU time; prints tables and adds dated files to results/.

python -m benchmarks.text [--documents 20000] [--seed 1] [--text FILE] [--rounds 5] [--only dedup quality reading chain]

The tools are installed in their own venv. Each run is a separate process, the tools alternate, and the round with the least CPU time
counts: other load only adds. If the host of a virtual machine reclaims free memory, fresh pages cost each tool more: ours .15 to .4 s
on 84 MB.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.text_corpus import make
from benchmarks.text_measure import Cost, cost_of
from benchmarks.text_pairs import score
from benchmarks.text_report import Target, markdown
from pipeline.core.files import write_json
from stages._settings import compose, plain

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WORK = ROOT / ".run" / "bench"
PEERS = ROOT / "benchmarks" / "text_peers"
REAL = ROOT.parent / "shared" / "data" / "shakespeare" / "input.txt"  # real text next to the checkout, if any
DOCUMENTS = 20_000
THRESHOLD = 0.8  # Jaccard similarity from which documents are near copies
DEDUP_ALONE = ("dedup.paragraph=null", "dedup.substring=null")  # the peers compare whole documents only
RAW = ("corpus=folder", "corpus.sources=[{name:bench,path:raw.jsonl}]")
CHAINS: dict[str, tuple[str, ...]] = {"all levels of dedup": (), "whole documents only": DEDUP_ALONE}
STAGES = ("corpus", "clean", "select", "dedup", "split")
PATHS = {"corpus.path": ".", "select.examples": "examples", "split.dialogues": "dialogues", "split.benchmarks": "benchmarks"}
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
QUIET = {"PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false", "DO_NOT_TRACK": "1", "DAFT_PROGRESS_BAR": "0", "HF_HUB_OFFLINE": "1"}

# tool: arguments of its script beyond the folders
DEDUP = {
    "datatrove, white-space words": ("dedup_datatrove.py",),
    "datasketch": ("dedup_datasketch.py", "sha1"),
    "datasketch, xxhash": ("dedup_datasketch.py", "xxhash"),
    "rensa": ("dedup_rensa.py",),
    "Daft": ("dedup_daft.py",),
}
AT_LEAST = {"datatrove, white-space words": 10.0, "datasketch": 10.0, "rensa": 3.0, "Daft": 1.2}  # times as many documents a CPU second


@dataclass(frozen=True)
class Setup:
    """Shared by all comparisons."""

    python: Path  # of the peers
    corpus: Path  # made by text_corpus
    small: Path  # a small corpus to compile the kernels with
    rounds: int

    def peer(self, script: str, source: Path, *more: str) -> Cost:
        """One run of a peer, which writes into out/SCRIPT."""
        return cost_of(
            [str(self.python), str(PEERS / script), str(source), str(self.out(script, *more)), *more], cwd=ROOT, environment=environment()
        )

    def ours(self, *arguments: str) -> Cost:
        """One run of our own code."""
        return cost_of([sys.executable, "-m", "benchmarks.text_ours", *arguments], cwd=ROOT, environment=environment())

    def stages(self, names: Sequence[str], overrides: Sequence[str], paths: Mapping[str, str], task: str = "stages") -> Callable[[], Cost]:
        """A function that runs our stages with one worker from scratch; kernels are compiled before, on the small corpus.

        `paths` are settings that name paths in the corpus folder.
        """

        def run(corpus: Path) -> Cost:
            job = stages_job(corpus / "out" / "ours", names, [*overrides, *(f"{key}={corpus / name}" for key, name in paths.items())])
            return self.ours(task, str(job))

        run(self.small)
        return partial(run, self.corpus.resolve())

    def out(self, *names: str) -> Path:
        """An empty folder for results."""
        folder = self.corpus / "out" / "-".join(names)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def main() -> None:
    """All comparisons, or the named ones."""
    options = _options()
    text = options.text or (REAL if REAL.is_file() else None)
    setup = Setup(
        peers_python(), corpus_folder(options.documents, options.seed, text), corpus_folder(300, options.seed, text), options.rounds
    )
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "documents": options.documents,
        "raw_bytes": (setup.corpus / "raw.jsonl").stat().st_size,
        "chain_of_words": text.name if text else "generated",
        "peers": (ROOT / "benchmarks" / "requirements-text.txt").read_text().split("\n"),
    }
    targets: list[Target] = []
    for name in options.only:
        result[name], found = COMPARISONS[name](setup)
        targets += found
        Console().print(f"{name}: done", highlight=False)
    result["load_after"] = os.getloadavg()[0]
    result["figures"] = [asdict(target) | {"holds": target.holds} for target in targets]
    folder = RESULTS if options.documents == DOCUMENTS and options.only == list(COMPARISONS) else WORK / "results"  # parts are trials
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"text-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}.json"
    write_json(path, result)
    page = markdown(result, targets)
    path.with_suffix(".md").write_text(page)
    Console(soft_wrap=True).print(page, markup=False, highlight=False)


def dedup(setup: Setup) -> tuple[dict[str, Any], list[Target]]:
    """Deduplication from Parquet to Parquet, including startup."""
    documents = setup.corpus / "corpus" / "documents"
    run = setup.stages(["dedup"], ["dedup=minhash", *DEDUP_ALONE], {"dedup.source": "corpus", "dedup.truth": "corpus"})
    tools: dict[str, Callable[[], Cost]] = {"ours": run}
    folders = {"ours": setup.corpus / "out" / "ours" / "data" / "dedup" / "documents"}
    for tool, (script, *more) in DEDUP.items():
        tools[tool] = lambda script=script, more=more: setup.peer(script, documents, *more)  # type: ignore[misc]
        folders[tool] = setup.out(script, *more)
    costs = _cheapest(tools, setup.rounds)
    count = pq.read_metadata(setup.corpus / "plants.parquet").num_rows
    rows = {
        tool: {"documents_per_cpu_second": count / cost.cpu_seconds, **_costs(cost), **_score(setup.corpus, folders[tool])}
        for tool, cost in costs.items()
    }
    rows["ours"] |= json.loads(costs["ours"].output)
    ratios = {tool: row["documents_per_cpu_second"] for tool, row in rows.items()}
    targets = [Target("dedup", f"times {tool}", ratios["ours"] / ratios[tool], "at least", bound) for tool, bound in AT_LEAST.items()]
    targets += [
        Target("dedup", f"recall of pairs from J = {THRESHOLD}", rows["ours"]["recall"], "at least", 0.999),
        Target("dedup", f"removed with no other from J = {THRESHOLD}", rows["ours"]["removed_below"], "at most", 0),
    ]
    return rows, targets


def quality(setup: Setup) -> tuple[dict[str, Any], list[Target]]:
    """All quality statistics, without startup and reading."""
    documents = setup.corpus / "corpus" / "documents"
    setup.ours("statistics", str(setup.small / "corpus" / "documents"))
    rows = _speeds(
        {
            "ours": lambda: setup.ours("statistics", str(documents)),
            "datatrove, white-space words": lambda: setup.peer("quality_datatrove.py", documents),
        },
        setup.rounds,
    )
    ours, peer = (row["megabytes_per_cpu_second"] for row in rows.values())
    return rows, [
        Target("statistics", "MB a CPU second", ours, "at least", 50),
        Target("statistics", "times datatrove, white-space words", ours / peer, "at least", 20),
    ]


def reading(setup: Setup) -> tuple[dict[str, Any], list[Target]]:
    """JSONL into columns, without startup."""
    raw = setup.corpus / "raw.jsonl"
    rows = _speeds(
        {
            "ours": setup.stages(["corpus"], RAW, {"corpus.path": "."}, task="read"),
            "pyarrow.json": lambda: setup.peer("read_pyarrow.py", raw),
            "datatrove JsonlReader": lambda: setup.peer("read_datatrove.py", raw),
        },
        setup.rounds,
    )
    return rows, [Target("reading", "MB of JSONL a CPU second", rows["ours"]["megabytes_per_cpu_second"], "at least", 100)]


def chain(setup: Setup) -> tuple[dict[str, Any], list[Target]]:
    """From raw text to the split, one worker in one process; CPU time by stage, startup separately."""
    size = (setup.corpus / "raw.jsonl").stat().st_size / 1e6
    answers, targets = {}, []
    for name, overrides in CHAINS.items():
        cost = _cheapest({name: setup.stages(STAGES, (*RAW, *overrides), PATHS)}, setup.rounds)[name]
        answer = json.loads(cost.output)
        for row in answer["stages"].values():
            row["megabytes_per_cpu_second"] = size / row["cpu_seconds"]
        answers[name] = answer | {"megabytes_per_cpu_second": size / cost.cpu_seconds, **_costs(cost)}
        targets.append(Target("corpus to split", f"MB of raw text a CPU second, {name}", size / cost.cpu_seconds, "at least", 5))
    return answers, targets


COMPARISONS: dict[str, Callable[[Setup], tuple[dict[str, Any], list[Target]]]] = {
    "dedup": dedup,
    "quality": quality,
    "reading": reading,
    "chain": chain,
}


def peers_python(name: str = "text") -> Path:
    """The interpreter of the peers' venv, made anew when benchmarks/requirements-NAME.txt changes."""
    wanted = ROOT / "benchmarks" / f"requirements-{name}.txt"
    venv = WORK / f"venv-{name}"
    made = venv / "requirements.txt"
    if not made.exists() or made.read_text() != wanted.read_text():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", "--requirement", str(wanted)], check=True)
        shutil.copyfile(wanted, made)
    return venv / "bin" / "python"


def corpus_folder(documents: int, seed: int, text: Path | None) -> Path:
    """The corpus, cached by everything it depends on."""
    parts = [(ROOT / "benchmarks" / name).read_bytes() for name in ("text_corpus.py", "text_pairs.py")] + (
        [text.read_bytes()] if text else []
    )
    folder = WORK / f"text-{documents}-{seed}-{hashlib.sha256(b''.join(parts)).hexdigest()[:8]}"
    if not folder.exists():
        make(folder, documents=documents, seed=seed, text=text)
    return folder


def stages_job(folder: Path, names: Sequence[str], overrides: Sequence[str]) -> Path:
    """Write a job for text_ours into this folder, which is emptied: the composed sections of some stages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = plain(compose(["hardware=cpu", "hardware.workers=1", "hardware.engine=threading", *overrides]))
    sections = {name: settings[name] for name in names}
    write_json(folder / "job.json", {"folder": str(folder), "stages": names, "hardware": settings["hardware"], "sections": sections})
    return folder / "job.json"


def _cheapest(tools: dict[str, Callable[[], Cost]], rounds: int) -> dict[str, Cost]:
    """The run of each tool with the least CPU time; the tools alternate."""
    runs = [{tool: run() for tool, run in tools.items()} for _ in range(rounds)]
    return {tool: min((one[tool] for one in runs), key=lambda cost: cost.cpu_seconds) for tool in tools}


def _speeds(tools: dict[str, Callable[[], Cost]], rounds: int) -> dict[str, dict[str, Any]]:
    """The answer of each tool in the round with the least CPU time."""
    runs = [{tool: json.loads(run().output) for tool, run in tools.items()} for _ in range(rounds)]
    best = {tool: min((one[tool] for one in runs), key=lambda answer: answer["cpu_seconds"]) for tool in tools}
    return {tool: {"megabytes_per_cpu_second": answer["bytes"] / 1e6 / answer["cpu_seconds"], **answer} for tool, answer in best.items()}


def _costs(cost: Cost) -> dict[str, float]:
    return {"cpu_seconds": cost.cpu_seconds, "seconds": cost.seconds, "peak_megabytes": cost.peak_megabytes}


def _score(corpus: Path, kept: Path) -> dict[str, Any]:
    """Score what a tool kept against ground truth."""
    ids = pq.read_table(corpus / "plants.parquet", columns=["id"])["id"].to_pylist()
    found = {key for path in kept.glob("*.parquet") for key in pq.read_table(path, columns=["id"])["id"].to_pylist()}
    return score(np.array([key in found for key in ids]), pq.read_table(corpus / "pairs.parquet"), threshold=THRESHOLD)


def environment() -> dict[str, str]:
    """This process's, with one thread for each library and nothing that talks."""
    return os.environ | ONE_THREAD | QUIET


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--text", type=Path, help="a real text for the chain of words; else the one beside the checkout, else generated words"
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each tool, of which the cheapest counts")
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS))
    return parser.parse_args()


if __name__ == "__main__":
    main()

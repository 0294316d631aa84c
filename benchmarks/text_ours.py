"""Our own runs for the comparison, each in a separate process; prints one line of JSON, like the peers.

python -m benchmarks.text_ours stages JOB.json        the recipes of stages one after the other, in JOB's folder
python -m benchmarks.text_ours statistics DOCUMENTS   all quality statistics, shard by shard
python -m benchmarks.text_ours read JOB.json          the sources of the section corpus into Arrow columns
"""

import gc
import importlib
import json
import logging
import os
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

FEW = 20  # warm-up documents
PASSAGE = 400  # characters for language identification


def main() -> None:
    """Run what the command line asks for."""
    importlib.import_module("stages")  # sets what the stages need before anything else is imported
    kind, path = sys.argv[1], Path(sys.argv[2]).resolve()
    answer = {"stages": stages, "statistics": statistics, "read": read}[kind](path)
    sys.stdout.write(json.dumps(answer) + "\n")
    gc.freeze()  # as the stages do at their end


def stages(job: Path) -> dict[str, Any]:
    """CPU seconds of each stage with one worker, startup (interpreter and imports) separately; documents and peak memory."""
    task = json.loads(job.read_text())
    doors = {name: importlib.import_module(f"stages.{name}").main for name in task["stages"]}
    from pipeline.core.track import NoTracker
    from stages._run import PYTHONS_OWN, Hardware, Run
    from stages._settings import typed

    os.chdir(task["folder"])
    hardware = typed(Hardware, task["hardware"], at="hardware")
    configs = {name: typed(door.config, task["sections"][name], at=name) for name, door in doors.items()}
    rows = {}
    gc.freeze()  # as a stage does when it begins
    gc.set_threshold(*PYTHONS_OWN)
    start = time.process_time()
    for name, door in doors.items():
        before, started = time.process_time(), time.perf_counter()
        run = Run(name, name, "benchmark", "benchmark", Path(".run") / name, hardware, NoTracker(), logging.getLogger(name))
        metrics = door.recipe(configs[name], run)
        rows[name] = {
            "cpu_seconds": time.process_time() - before,
            "seconds": time.perf_counter() - started,
            "peak_megabytes": peak(),
            "documents": metrics.get("documents"),
        }
    return {"start_seconds": start, "stages": rows}


def peak() -> float:
    """The peak memory of this process, MB. The maxrss of getrusage may be that of the parent process."""
    high = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(high.split()[1]) * 1024 / 1e6


def statistics(documents: Path) -> dict[str, Any]:
    """CPU seconds of all statistics, without startup, imports and reading; language identification separately, as it has no peer here."""
    import pyarrow.parquet as pq

    from pipeline.text.measure.language import detect_languages
    from pipeline.text.measure.statistics import NAMES
    from pipeline.text.measure.statistics import statistics as count
    from pipeline.text.ngrams import texts_of

    shards = [texts_of(pq.read_table(path, columns=["text"])["text"]) for path in sorted(documents.glob("*.parquet"))]
    few = texts_of(pq.read_table(next(iter(sorted(documents.glob("*.parquet")))), columns=["text"])["text"][:FEW])
    count(few)
    detect_languages(few, characters=PASSAGE)
    start = time.process_time()
    for texts in shards:
        count(texts)
    middle = time.process_time()
    for texts in shards:
        detect_languages(texts, characters=PASSAGE)
    end = time.process_time()
    size = sum(int(texts.starts[-1] - texts.starts[0]) for texts in shards)
    return {"bytes": size, "cpu_seconds": middle - start, "statistics": len(NAMES), "parts": {"language": end - middle}}


def read(job: Path) -> dict[str, Any]:
    """CPU seconds of reading the sources of the section `corpus` into Arrow columns, without startup, imports and writing.

    A few documents are read before, so that lazy imports are done.
    """
    from pipeline.text.reading.sources import Policy, ReadLimits, Source
    from stages._settings import typed

    task = json.loads(job.read_text())
    os.chdir(task["folder"])
    section = task["sections"]["corpus"]
    source = typed(Source, section["source_defaults"] | section["sources"][0], at="corpus.sources")
    policy = typed(Policy, section["policy"], at="corpus.policy")
    limits = ReadLimits(
        policy=policy, **{key: section[key] for key in ("shard_bytes", "max_document_bytes", "max_chunk_bytes", "max_bad_fraction")}
    )
    raw = Path(section["path"]) / source.path
    few = Path("few") / source.path
    few.parent.mkdir()
    with raw.open("rb") as lines:
        few.write_bytes(b"".join(islice(lines, FEW)))
    _read(source, limits, few.parent)
    start = time.process_time()
    documents = _read(source, limits, raw.parent)
    return {"bytes": raw.stat().st_size, "cpu_seconds": time.process_time() - start, "documents": documents}


def _read(source: Any, limits: Any, base: Path) -> int:
    """The number of documents read, including the newline survey that large files need."""
    from pipeline.core.parallel import parallel_map
    from pipeline.core.shards import map_shards
    from pipeline.text.reading.find import find_source_files
    from pipeline.text.reading.readers import read_task
    from pipeline.text.reading.tasks import plan_tasks

    one = partial(parallel_map, engine="threading", workers=1)
    plans = plan_tasks(
        [source],
        [find_source_files(source, base)[0]],
        limits,
        lambda phase, function, items: map_shards(function, items, folder=Path(f"{base.name}-{phase}"), run_map=one),
    )
    return sum(piece.counts["documents"] for plan in plans for task in plan for piece in read_task(task, limits, ()))


if __name__ == "__main__":
    main()

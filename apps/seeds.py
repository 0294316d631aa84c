"""The same run on several seeds, and on several worlds: `python -m apps.seeds --seeds 3 --worlds 2 --set 'size=smoke'`.

Each is an experiment of DVC, so what is there already is not run again. Then the spread of every headline figure is printed: a difference
between two recipes that is smaller says nothing.
"""

import argparse
import hashlib
import itertools
import json
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from apps import queue
from apps.experiments import Experiment, experiments
from pipeline.core.errors import InputError, PipelineError
from pipeline.report.figures import text

SETTINGS = Path("params.yaml")


def main() -> None:
    """Queue what is missing, run it, print the table."""
    options = arguments()
    try:
        words = shlex.split(options.set)
        wanted = runs(options.seeds, options.worlds, words, state=state(words))
        known = {one.name for one in shown() if one.state != "failed"}
        for name, told in wanted.items():
            if name not in known:
                dvc("exp", "run", "--queue", "--name", name, *itertools.chain(*(("-S", word) for word in told)))
        with queue.opened() as waiting:
            if queue.queued(waiting) and not queue.run_all(waiting, options.jobs, Console(highlight=False)):
                sys.exit(1)
        found = [one for one in shown() if one.name in wanted]
    except PipelineError as fault:
        sys.exit(f"seeds: {fault}")
    Console(highlight=False).print(spread(found, worlds=options.worlds))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.seeds", description="The same run on several seeds, and the spread of its figures."
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1 (default: 3)")
    parser.add_argument("--worlds", type=int, default=1, help="how many libraries of a hundred books, from 1 (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once (default: 1)")
    parser.add_argument("--set", default="", help="more values for all of them, as for -S: 'GROUP=FILE KEY=VALUE'")
    options = parser.parse_args()
    if min(options.seeds, options.worlds, options.jobs) < 1:
        parser.error("--seeds, --worlds, --jobs: 1 or more")
    return options


def state(words: Sequence[str]) -> str:
    """A name for what no commit knows of code, settings and data, so that nothing is taken for another's result."""
    seen = [subprocess.run(["git", "diff", "HEAD"], capture_output=True, check=False).stdout]
    others = subprocess.run(["git", "ls-files", "-o", "-z", "--exclude-standard"], capture_output=True, text=True, check=False).stdout
    own = yaml.safe_load(SETTINGS.read_text())
    told = [word.partition("=")[2] for word in words if "=" in word]
    for place in map(
        Path,
        sorted(
            {*others.split("\0"), *told, own["corpus"]["path"], *(own["dialogues"][key] for key in ("path", "preferences_path"))} - {""}
        ),
    ):
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        seen += [f"{file} {(at := file.stat()).st_size} {at.st_mtime_ns}".encode() for file in files if file.is_file()]
    return hashlib.sha256(b"\0".join([*seen, *(word.encode() for word in words)])).hexdigest()[:6]


def runs(seeds: int, worlds: int, words: Sequence[str], *, state: str = "") -> dict[str, list[str]]:
    """The overrides of each run by its name. InputError where there is one world alone, or a seed is set for all."""
    if fixed := [word for word in words if word.split("=")[0] in ("seed", "corpus.seed", "dialogues.seed")]:
        raise InputError(f"{fixed[0]} is what differs between the runs", mend="leave it out of SET")
    chosen = [word.removeprefix("data=") for word in words if word.startswith("data=")]
    own = (chosen or [yaml.safe_load(SETTINGS.read_text())["corpus"]["reader"]])[-1] == "world"
    if worlds > 1 and not own:
        raise InputError("only the hundred books come in several worlds", mend="make seeds WORLDS=1")
    told = "-".join([*words, *([state] if state else [])])
    suffix = re.sub(r"[^A-Za-z0-9]+", "-", f"-{told}").rstrip("-")
    fixed_world = lambda world: [f"corpus.seed={world}", f"dialogues.seed={world}"] if own else []  # noqa: E731
    return {
        f"world{world}-seed{seed}{suffix}": [*words, f"seed={seed}", *fixed_world(world)]
        for world in range(1, worlds + 1)
        for seed in range(1, seeds + 1)
    }


def shown() -> list[Experiment]:
    """The experiments that DVC knows."""
    return list(experiments(json.loads(dvc("exp", "show", "--json"))))


def dvc(*words: str) -> str:
    """What a command of DVC prints. InputError if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(done.stderr.strip() or f"dvc {words[0]} ended with {done.returncode}", mend="what DVC says above")
    return done.stdout


def spread(found: Sequence[Experiment], *, worlds: int) -> Table:
    """A row a figure: its mean over the runs, the standard deviation between them, the lowest and the highest."""
    done = [one for one in found if one.figures]
    told = f"{len(done)} runs" + (f" in {worlds} worlds" if worlds > 1 else "")
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=told, title_justify="left")
    grid.add_column("figure")
    for head in ("mean", "deviation", "lowest", "highest"):
        grid.add_column(head, justify="right")
    for name, values in figures(done).items():
        deviation = text(statistics.stdev(values)) if len(values) > 1 else "-"
        few = f" [dim]({len(values)} runs)[/dim]" if len(values) < len(done) else ""
        grid.add_row(name + few, text(statistics.fmean(values)), deviation, text(min(values)), text(max(values)))
    return grid


def figures(found: Sequence[Experiment]) -> Mapping[str, list[float]]:
    """The values of each headline figure, of the runs that have it."""
    names = dict.fromkeys(name for one in found for name in one.figures)
    values = {name: [float(value) for one in found if (value := one.figures.get(name)) is not None] for name in names}
    return {name: numbers for name, numbers in values.items() if numbers}


if __name__ == "__main__":
    main()

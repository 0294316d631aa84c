"""The held-out text as a multiple-choice benchmark in HellaSwag's file shape: `python -m apps.endings --target FILE.jsonl`.

The same scenes that tasks.endings asks, for any harness that reads hellaswag_val.jsonl; as many and as long
as params.yaml has them, else conf/.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import orjson
from omegaconf import OmegaConf

from pipeline.core.artifact.split import Split
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import write_text
from pipeline.core.params import PARAMS, read_params
from pipeline.core.seed import stream
from pipeline.evaluate.scenes import CHOICES, scenes

SETTINGS, CONF = PARAMS, Path("conf/tasks/endings.yaml")


def main() -> None:
    """Make the scenes, write a row of each, say how many."""
    options = arguments()
    try:
        count = written(settled(options))
    except PipelineError as fault:
        sys.exit(f"endings: {fault}")
    print(f"{options.target}: {count} scenes, {CHOICES} endings each")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.endings", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", type=Path, required=True, help="the file to be written, .jsonl")
    parser.add_argument("--split", type=Path, default=Path("data/split"), help="whose test part is read (default: data/split)")
    parser.add_argument("--items", type=int, help="scenes, at most; whole fours (default: the task's)")
    parser.add_argument("--characters", type=int, help="of a scene, at most (default: the task's)")
    parser.add_argument("--task", default="endings", help="the entry of tasks that asks the same scenes (default: endings)")
    parser.add_argument("--seed", type=int, help="of the choice (default: the run's)")
    return parser.parse_args()


def settled(options: argparse.Namespace) -> argparse.Namespace:
    """What the command line leaves open, as the run's task has it. InputError where there is no run."""
    if None not in (options.items, options.characters, options.seed):
        return options
    if not SETTINGS.is_file():
        raise InputError(f"there is no {SETTINGS}, so no run's task", mend="make repro, or --items N --characters N --seed N")
    settings = read_params(SETTINGS)
    task = settings["tasks"].get(options.task) or OmegaConf.merge(settings, OmegaConf.load(CONF)).tasks.endings
    if task["kind"] != "endings":
        raise InputError(f"tasks.{options.task} of {SETTINGS} is of kind {task['kind']}, not endings", mend="--task endings")
    for name, value in (("items", task["items"]), ("characters", task["characters"]), ("seed", settings["seed"])):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def written(options: argparse.Namespace) -> int:
    """The number of scenes. InputError where the file is there, an option can't be meant, or the text has none."""
    if options.items < CHOICES or options.characters < 1:
        raise InputError(f"--items {options.items}, --characters {options.characters}", mend=f"--items {CHOICES} or more, --characters 400")
    if options.target.exists():
        raise InputError(f"{options.target} is there: it is not written over", mend="another --target")
    named = partial(stream, options.seed, "task", options.task)
    found = scenes(Split(options.split), count=options.items, characters=options.characters, stream=named)
    if not found:
        raise InputError(f"{options.split} has no four held-out sentences of one length within paragraphs", mend="more held-out text")
    rows = (orjson.dumps(scene.row(number), option=orjson.OPT_APPEND_NEWLINE).decode() for number, scene in enumerate(found))
    write_text(options.target, "".join(rows))
    return len(found)


if __name__ == "__main__":
    main()

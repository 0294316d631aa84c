"""Compose conf/ into params.yaml, fingerprint each stage's code, and check every section before anything runs.

reads   conf/, pipeline/, stages/, params.yaml, dvc.yaml (DVC allows no dependency on it), requirements.lock
writes  params.yaml (no out: `dvc exp run` composes it too), plan/composed.yaml, plan/code/, plan/settings.json
"""

import argparse
import os
import sys
from pathlib import Path

from pipeline.core.closure import Code, check_lock
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from stages._checks import check_device, check_sections
from stages._log import logger
from stages._paths import expanded
from stages._plan import code_files, pipeline_of, remove_strays, told, write_params
from stages._settings import read_params
from stages._words import print_differences, save


def main() -> None:
    """Settings first, then code, so that a fault in either leaves the other as it was."""
    log = logger("plan")
    options = arguments()
    try:
        if options.save is not None:
            print(f"plan: wrote {save(options.save, read_params())}; -S experiment={options.save} applies it again")
            return
        if "DVC_EXP_NAME" not in os.environ:  # else DVC has composed already
            write_params(words_in(options), reset=options.reset, under_dvc="DVC_STAGE" in os.environ)
        if options.params or options.reset:
            return
        check_lock(Path("requirements.lock"))
        settings = read_params()
        blocks = pipeline_of(settings)
        code = Code(Path(), ("pipeline", "stages"))
        fingerprints = {path: code.fingerprint(module) for module, path in code_files().items()}
        check_device(settings["hardware"])
        check_sections(blocks, settings, fingerprints)
        for path, fingerprint in fingerprints.items():
            write_json(path, fingerprint)
        write_json(Path("plan/settings.json"), told(blocks, settings))
        print_differences(settings)
        remove_strays(blocks)
    except PipelineError as fault:
        log.error("%s", fault)
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("stopped")
        sys.exit(130)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m stages.plan", description="Compose conf/ into params.yaml and check it.")
    parser.add_argument("--params", action="store_true", help="only bring params.yaml up to conf/ and the words")
    parser.add_argument("--reset", action="store_true", help="drop an applied experiment")
    parser.add_argument("--save", metavar="NAME", help="write what is applied as conf/experiment/NAME.yaml")
    parser.add_argument("--data", metavar="DIR", default="", help="a folder, or a file, of your own text and dialogues")
    parser.add_argument("words", nargs="*", help="KEY=VALUE or GROUP=FILE, on top of what is applied")
    return parser.parse_args()


def words_in(options: argparse.Namespace) -> list[str]:
    """The words of the command line, its folder among them."""
    own = ["data=own", f"data.path={expanded(options.data)}"] if options.data else []
    return [*own, *options.words]


if __name__ == "__main__":
    main()

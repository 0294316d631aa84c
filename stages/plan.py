"""Compose conf/ into params.yaml, and write what each stage's code means.

reads   conf/, pipeline/, stages/, requirements.lock
writes  params.yaml (no out: `dvc exp run` composes it too), plan/<stage>.json, plan/composed.yaml
"""

import os
import sys
from pathlib import Path

from omegaconf import OmegaConf

from pipeline.core.closure import Code, check_lock
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json, write_text
from pipeline.core.merge import moved, settle, value_at
from stages._run import compose, logger, plain

PARAMS, COMPOSED = Path("params.yaml"), Path("plan/composed.yaml")
HEAD = "# GENERATED from conf/ by the stage plan and by dvc exp run -S; edit conf/, not this file.\n"
OUTSIDE = ("corpus.path", "select.examples", "dialogues.path", "split.benchmarks")
TEMPLATED = (*OUTSIDE, "export.source")  # deps in dvc.yaml that a setting names


def main() -> None:
    """Settings first, then code, so that a fault in either leaves the other as it was."""
    log = logger("plan")
    try:
        check_lock(Path("requirements.lock"))
        if "DVC_EXP_NAME" not in os.environ:  # else DVC has composed already
            write_params(reset="--reset" in sys.argv)
        write_text(COMPOSED, OmegaConf.to_yaml(compose([])))
        code = Code(Path(), ("pipeline", "stages"))
        for path in sorted(Path("stages").glob("[!_]*.py")):
            if path.stem != "plan":
                write_json(Path("plan") / f"{path.stem}.json", code.meaning(f"stages.{path.stem}"))
    except PipelineError as fault:
        log.error("%s", fault)
        sys.exit(1)


def write_params(*, reset: bool) -> None:
    """Bring params.yaml up to conf/; values that an experiment set stay, unless `reset`."""
    theirs = plain(compose([]))
    mine = plain(OmegaConf.load(PARAMS)) if PARAMS.exists() and not reset else theirs
    merged = settle(plain(OmegaConf.load(COMPOSED)) if COMPOSED.exists() else mine, mine, theirs)
    if lost := [f"{key}={value_at(merged, key)}" for key in OUTSIDE if not Path(value_at(merged, key)).exists()]:
        raise PipelineError(f"there is no {', no '.join(lost)}", mend="correct the path, or make the folder")
    if not PARAMS.exists() or merged != plain(OmegaConf.load(PARAMS)):
        write_text(PARAMS, HEAD + OmegaConf.to_yaml(OmegaConf.create(merged)))
    if changed := moved(mine, merged, TEMPLATED):  # DVC read the paths of dvc.yaml before this stage ran: it would record the old ones
        raise PipelineError(f"dvc.yaml now depends on {', '.join(changed)}", mend="run the same command again: params.yaml has it now")


if __name__ == "__main__":
    main()

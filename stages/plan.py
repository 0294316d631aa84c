"""Compose conf/ into params.yaml, and write what each stage's code means.

reads   conf/, pipeline/, stages/, requirements.lock
writes  params.yaml (not an out: `dvc exp run` composes it too), plan/<stage>.json, plan/composed.yaml
"""

import os
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pipeline.core.closure import Code, check_lock
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json, write_text
from pipeline.core.merge import three_way
from stages._run import compose, logger

PARAMS, COMPOSED = Path("params.yaml"), Path("plan/composed.yaml")
HEAD = "# GENERATED from conf/ by the stage plan and by dvc exp run -S; edit conf/, not this file.\n"


def main() -> None:
    """Settings first, then code, so that a fault in either leaves the other as it was."""
    log = logger("plan")
    try:
        if "DVC_EXP_NAME" not in os.environ:
            settle(reset="--reset" in sys.argv)
        write_text(COMPOSED, as_yaml(plain(compose([]))))
        code = Code(Path(), ("pipeline", "stages"))
        names = sorted(path.stem for path in Path("stages").glob("[!_]*.py") if path.stem != "plan")
        meanings = {name: code.meaning(f"stages.{name}") for name in names}
        check_lock(Path("requirements.lock"), meanings.values())
        for name, meaning in meanings.items():
            write_json(Path("plan") / f"{name}.json", meaning)
    except PipelineError as fault:
        log.error("%s", fault)
        sys.exit(1)


def settle(*, reset: bool) -> None:
    """Bring params.yaml up to conf/; values that an experiment set stay, unless `reset`."""
    theirs = plain(compose([]))
    mine = plain(OmegaConf.load(PARAMS)) if PARAMS.exists() and not reset else theirs
    base = plain(OmegaConf.load(COMPOSED)) if COMPOSED.exists() else mine
    merge = three_way(base, mine, theirs)
    if merge.conflicts:
        mend = "`make reset` takes conf/ and drops the experiment; or write the experiment's values into conf/experiment/NAME.yaml"
        raise PipelineError(f"set by an applied experiment and changed in conf/ as well: {', '.join(merge.conflicts)}", mend=mend)
    for word, keys in (("kept from an applied experiment", merge.kept), ("new from conf/", merge.taken)):
        if keys:
            print(f"plan: {word}: {', '.join(keys)}")
    if not PARAMS.exists() or merge.value != plain(OmegaConf.load(PARAMS)):
        write_text(PARAMS, HEAD + as_yaml(merge.value))


def plain(settings: Any) -> dict[str, Any]:
    """The settings as dicts, lists and plain values."""
    return OmegaConf.to_container(settings, resolve=True)  # type: ignore[return-value]


def as_yaml(settings: dict[str, Any]) -> str:
    """The settings as yaml, keys in the order of conf/."""
    return OmegaConf.to_yaml(OmegaConf.create(settings))


if __name__ == "__main__":
    main()

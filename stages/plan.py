"""Compose conf/ into params.yaml, fingerprint each stage's code, and check every section before anything runs.

reads   conf/, pipeline/, stages/, params.yaml, dvc.yaml (DVC allows no dependency on it), requirements.lock
writes  params.yaml (no out: `dvc exp run` composes it too), plan/composed.yaml, plan/code/, plan/settings.json
"""

import json
import os
import sys
from pathlib import Path

from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from pipeline.core.params import read_params
from stages._checks import all_faults, looked_at, refuse_other_sections
from stages._log import logger
from stages._mends import in_full, joined
from stages._plan import fingerprints_of_code, pipeline_of, print_end, remove_strays, told, write_params
from stages._words import arguments, deviations, print_differences, save


def main() -> None:
    """Settings first, then code, so that a fault in either leaves the other as it was."""
    log = logger("plan")
    try:
        options = arguments()
        if options.check:
            print(json.dumps(looked_at(options.words)))
            return
        if options.save is not None:
            print(f"plan: wrote {save(options.save, read_params())}; -S experiment={options.save} applies it again")
            return
        if "DVC_EXP_NAME" not in os.environ:  # else DVC has composed already
            write_params(options.words, reset=options.reset, under_dvc="DVC_STAGE" in os.environ)
        if options.params or options.reset:
            return
        settings = read_params()
        refuse_other_sections(settings)
        blocks, fingerprints = pipeline_of(settings), fingerprints_of_code()
        if faults := all_faults(blocks, settings, fingerprints):
            raise joined(faults)
        for path, fingerprint in fingerprints.items():
            write_json(path, fingerprint)
        apart = {"words": print_differences(settings), "deviations": deviations(settings)}
        write_json(Path("plan/settings.json"), told(blocks, settings) | apart)
        print_end(settings)
        remove_strays(blocks)
    except PipelineError as fault:
        log.error("%s", in_full(fault))
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()

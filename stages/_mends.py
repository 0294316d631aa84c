"""A mend as a whole command: what goes on from what is applied; and what an unknown key was meant to be."""

import logging
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.core.mends import command_of, together

RENAMED = {"steps": "duration"}  # a key by its old name


def in_full(fault: PipelineError, given: Sequence[str] = ()) -> str:
    """The error with its mend; where that names values, also the command that sets them and goes on: `dvc exp run -S` starts from conf/.

    `given` are words that the command has to say too, since they are not applied.
    """
    command = command_of(fault.mend, given)
    return f"{fault}\n  go on from here: {command}" if command else str(fault)


def warn_of_dropped(log: logging.Logger, dropped: Mapping[str, Mapping[str, Any]]) -> None:
    """Tell the files that are not released: by name their `faults` and their `mend`."""
    for name, told in dropped.items():
        faults = "\n  ".join(told["faults"])
        log.warning("%s", in_full(PipelineError(f"{name} is not released, it is not the model:\n  {faults}", mend=told["mend"])))


def meant(key: str, known: Collection[str]) -> str | None:
    """The dotted key that one was meant to be: by its new name, or the nearest of those `known` beside it; None where nothing is near."""
    above, _, last = key.rpartition(".")
    near = [RENAMED[last]] if RENAMED.get(last) in known else get_close_matches(last, known, n=1)
    return ".".join([above, near[0]] if above else near) if near else None


def joined(faults: Sequence[PipelineError]) -> PipelineError:
    """All faults as one, nothing said twice; what is mended by words is mended by one command."""
    lines = dict.fromkeys(line for fault in faults for line in fault.message.split("\n"))
    return PipelineError("\n".join(lines), mend=together(fault.mend for fault in faults))

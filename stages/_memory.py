"""A lack of memory, told with the setting that takes less: where a library runs into it, and where the system has killed the stage."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.core.memory import ONE_ROW, OutOfMemory, kills, out_of_memory
from stages._settings import read_settings

NO_ROWS = "hardware.workers=1 works on one piece at a time; or a machine with more memory"


@contextmanager
def lack_told(section: Mapping[str, Any], *, at: str) -> Iterator[None]:
    """OutOfMemory in place of what a library raises when it gets no memory; a mend that lacks its key gets the section's."""
    try:
        yield
    except OutOfMemory as fault:
        if fault.rows:
            fault.mend = f"{at}.{_key(section)}={fault.rows}"
        raise
    except PipelineError:
        raise
    except Exception as fault:
        if told := out_of_memory(fault, mend=less(section, at=at)):
            raise told from fault
        raise


def less(section: Mapping[str, Any], *, at: str) -> str:
    """The setting of a section that makes fewer rows stand in memory at once."""
    rows = next((section[name] for name in ("micro_batch", "mini_batch_size", "batch_size") if section.get(name)), None)
    if rows is None:
        return NO_ROWS
    return f"{at}.{_key(section)}={max(part for part in range(1, rows) if rows % part == 0)}" if rows > 1 else ONE_ROW


def _key(section: Mapping[str, Any]) -> str:
    return "micro_batch" if "micro_batch" in section else "batch_size"


def told_of_kill(words: Sequence[str], before: str) -> OutOfMemory:
    """What to say of a stage that ended by signal 9; `words` is its command line from the module's name on.

    `before` is the system's count of kills for memory at the stage's start, empty where it keeps none.
    """
    path, entry = words[0].split(".")[1:], next((word for word in words[1:] if "=" not in word), None)
    section, at = read_settings([word for word in words if "=" in word]).get(path[0], {}), path[0]
    if len(path) > 1 and entry:
        section, at = section.get(entry, {}), f"{at}.{entry}"
    grown = before.isdigit() and (kills() or 0) > int(before)
    why = "by the system: the memory did not suffice" if grown else "(signal 9): if nobody did that, the memory did not suffice"
    return OutOfMemory(f"{at} was killed {why}", mend=less(section, at=at))


if __name__ == "__main__":
    sys.exit(str(told_of_kill(sys.argv[1:], os.environ.get("OOM_KILLS", ""))))

"""Errors that a person can mend.

PipelineError            anything the user can heal: says what is wrong and the mend
├── ArtifactError        a folder on disk is missing, damaged or of another kind
├── InputError           the user's own data can't be used
├── Diverged             a training has left the numbers, or its bounds
└── OutOfMemory          the work needs more memory than there is (core/memory)
"""

from collections.abc import Iterator

SMALLER = "smaller learning rates"


class PipelineError(Exception):
    """Something the user can heal; `mend` is the key, the command or the edit that heals it."""

    def __init__(self, message: str, *, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}"


class ArtifactError(PipelineError):
    """A folder on disk is missing, half-written, damaged or of another kind."""


class InputError(PipelineError):
    """The user's own data can't be used as it is."""


class Diverged(PipelineError):
    """A training has left the numbers, or its bounds. The mend says SMALLER, in whose place the stage names them."""


def causes(fault: BaseException | None) -> Iterator[BaseException]:
    """The fault, and what it came from, and so on."""
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__

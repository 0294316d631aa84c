"""Errors that a person can mend.

PipelineError            anything the user can heal: says what is wrong and the mend
├── ArtifactError        a folder on disk is missing, damaged or of another kind
└── InputError           the user's own data can't be used
"""


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

"""What a reader of some format yields, and what it notes besides."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import InputError
from pipeline.text.reading.rows import Bad
from pipeline.text.reading.sources import POLICY_OF, Bounds, Part, Source

Document = tuple[int | None, str, Any]  # row from 1 (None: the file is the document), text, value of the group column
Found = Document | Bad


@dataclass(frozen=True)
class Job:
    """What a reader is told besides the part of the file."""

    source: Source
    bounds: Bounds

    def drops(self, reason: str, name: str, row: int | None, detail: str) -> None:
        """Return where the policy drops, raise InputError where it fails."""
        key = POLICY_OF[reason]
        if getattr(self.bounds.policy, key) == "fail":
            place = f"{name}:{row}" if row else name
            raise InputError(
                f"source {self.source.name!r}: {place} can't be used: {reason}{detail}", mend=f"mend it, or corpus.policy.{key}=drop"
            )

    @property
    def replaces(self) -> bool:
        """Whether bytes that are no UTF-8 become U+FFFD."""
        return self.bounds.policy.undecodable == "replace"

    @property
    def truncates(self) -> bool:
        """Whether of a text that is too long the beginning is kept."""
        return self.bounds.policy.too_long == "truncate"


@dataclass
class Notes:
    """Counts of what was read without being a document or a row of the quarantine."""

    encodings: Counter[str] = field(default_factory=Counter)  # of whole files
    mended: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)  # records that no policy concerns
    having: int = 0  # rows of this part that have the column
    columns: set[str] = field(default_factory=set)  # of rows that lack it


Reader = Callable[[Part, Job, Notes], Iterator[Found]]


def fault_of(value: Any) -> str | None:
    """Why a value is no text of a document, or None."""
    if isinstance(value, str):
        return "empty_text" if not value or value.isspace() else None
    return "null_text" if value is None else "wrong_type"


def text_of(raw: bytes, job: Job, notes: Notes) -> str | None:
    """UTF-8 as text; other bytes become U+FFFD or make it None, by the policy."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if not job.replaces:
            return None
        notes.mended["undecodable"] += 1
        return raw.decode("utf-8", "replace")

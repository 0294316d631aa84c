"""What a reader of some format yields, and what it notes besides."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.core.errors import InputError
from pipeline.text.reading.encoding import UndecodableError, mostly_utf8, western
from pipeline.text.reading.rows import Bad, unpacked
from pipeline.text.reading.sources import POLICY_OF, Bounds, Part, Source

_HEAD = 1 << 20  # bytes by which a file whose source states an encoding is told from UTF-8
Document = tuple[int | None, str, Any]  # row from 1 (None: the file is the document), text, value of the group column
Found = Document | Bad
_ROWS = ("jsonl", "json", "csv")  # in which rows are decoded one by one


@dataclass(frozen=True)
class Job:
    """What a reader is told besides the part of the file."""

    source: Source
    bounds: Bounds
    stated: bool  # whether the file is in the encoding that its source states

    def of(self, part: Part) -> "Job":
        """The job for this part's file, of which the beginning tells whether it is UTF-8, wherever the part begins."""
        if self.source.encoding is None or part.file.kind not in _ROWS:
            return self
        with unpacked(part.file.address) as file:
            head = file.read(_HEAD)
        return replace(self, stated=not mostly_utf8(head[: head.rfind(b"\n") + 1] or head))

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

    encodings: Counter[str] = field(default_factory=Counter)  # of whole files, and of rows that are no UTF-8
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
    """The text of a row's bytes; None where they are in no encoding that is stated, or no UTF-8, and the policy does not mend.

    The row alone decides, so that a file may be cut anywhere: it is UTF-8, or broken UTF-8 (in which bytes become U+FFFD); else it is in
    the encoding that the source states, or in cp1252. In a file whose beginning is in the stated encoding all rows are.
    """
    if not job.stated:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            if mostly_utf8(raw):
                return utf8_of(raw, job, notes)
    if raw.isascii():
        return raw.decode()
    name = job.source.encoding
    if name is None and not job.replaces:
        return None
    try:
        text, name = western(raw) if name is None else (raw.decode(name), name.lower())
    except UnicodeDecodeError:
        return _replaced(raw, str(name), job, notes)
    notes.encodings[name] += 1
    return text


def utf8_of(raw: bytes, job: Job, notes: Notes) -> str | None:
    """UTF-8 as text; other bytes become U+FFFD or make it None, by the policy."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _replaced(raw, "utf-8", job, notes)


def whole_text(raw: bytes, decoded: Callable[[bytes], tuple[str, str]], job: Job, notes: Notes) -> str:
    """The text of a whole file or page; bytes that are none become U+FFFD or raise UndecodableError, by the policy."""
    try:
        text, encoding = decoded(raw)
    except UndecodableError as fault:
        if str(fault) != "undecodable" or not job.replaces:
            raise
        notes.mended["undecodable"] += 1
        text, encoding = fault.replaced, "undecodable"
    notes.encodings[encoding] += 1
    return text


def _replaced(raw: bytes, name: str, job: Job, notes: Notes) -> str | None:
    if not job.replaces:
        return None
    notes.mended["undecodable"] += 1
    return raw.decode(name, "replace")

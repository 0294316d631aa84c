"""Open files, compressed or not; read JSON rows one at a time with a length limit; bad rows for the quarantine."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson
import pyarrow as pa

from pipeline.core.errors import InputError
from pipeline.core.files import files_below
from pipeline.text.reading.encoding import replace_surrogates
from pipeline.text.reading.lines import lines, row_digest

MAX_LINE = 1 << 26  # bytes; a longer line is skipped without being held
MAX_FILE = 1 << 31  # bytes of one .json file: Arrow's limit for a string
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_BUFFER = 1 << 18  # bytes


class DamagedError(Exception):
    """A compressed file that can't be decompressed to its end."""


GZIP_FAULTS = (DamagedError,)


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """An unusable row, or file (line None)."""

    file: str  # relative to the folder
    line: int | None  # from 1
    offset: int | None  # bytes from the start of the (decompressed) file; None if unknown
    reason: str
    sha256: str  # of the row's bytes, to find it again

    def as_dict(self) -> dict[str, Any]:
        """As in quarantine.jsonl."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class JsonRow:
    """A JSON object and its place."""

    file: str
    line: int
    offset: int | None  # None: unknown, as in BadRow
    sha256: str
    value: dict[str, Any]

    def bad(self, reason: str) -> BadRow:
        """This row as a bad row."""
        return BadRow(file=self.file, line=self.line, offset=self.offset, reason=reason, sha256=self.sha256)


def find_files(path: Path, suffixes: tuple[str, ...], *, key: str) -> list[tuple[Path, str]]:
    """The readable files in a folder (or the one file), compressed or not, sorted by relative name.

    Hidden files are skipped. Raises InputError for a missing path, an empty folder, or a folder without such a file; `key` is the
    configuration key for the mend.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", mend=f"{key}=FOLDER, a folder with {' '.join(suffixes)} files")
    base = path.parent if path.is_file() else path
    names = sorted(((file, file.relative_to(base).as_posix()) for file in files_under(path, base)[0]), key=lambda pair: pair[1])
    if not names:
        raise InputError(f"{path} is empty", mend=f"put {' '.join(suffixes)} files into it, or {key}=FOLDER")
    readable = [pair for pair in names if format_suffix(pair[0]) in suffixes]
    if not readable:
        others = sorted({Path(name).suffix or name for _, name in names})
        raise InputError(
            f"{path} has no readable file, only {', '.join(others[:8])}",
            mend=f"use {' '.join(suffixes)} (each also {' '.join(COMPRESSED)})",
        )
    return readable


def files_under(path: Path, base: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """All files in a folder and below it, or the one file; and what is skipped, with the reason. Nothing hidden below `base`."""

    def seen(place: Path) -> bool:
        return not any(part.startswith(".") for part in place.relative_to(base).parts)

    found, passed = ([path], []) if path.is_file() else files_below(path)
    return [file for file in found if seen(file)], [(place, why) for place, why in passed if seen(place)]


def format_suffix(path: Path) -> str:
    """The suffix of the format, in lower case, without the compression suffix."""
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower()


def open_decompressed(path: Path | str) -> IO[bytes]:
    """The file, open for reading, decompressed according to its suffix. Reading raises DamagedError if that fails.

    An address with :// is opened by fsspec.
    """
    address = str(path)
    file = open_raw(address)
    compression = COMPRESSED.get(Path(address).suffix.lower())
    return file if compression is None else cast(IO[bytes], io.BufferedReader(_Decompressed(file, compression), _BUFFER))


def open_raw(address: str) -> IO[bytes]:
    """The file's bytes as stored."""
    if "://" not in address:
        return Path(address).open("rb", buffering=_BUFFER)
    import fsspec  # type: ignore[import-untyped]

    return cast(IO[bytes], fsspec.open(address, "rb", compression=None).open())


class _Decompressed(io.RawIOBase):
    """Arrow's decompressing stream, with errors distinguishable from those of the disk."""

    def __init__(self, file: IO[bytes], compression: str) -> None:
        self._file = file
        self._stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = int(self._stream.readinto(buffer))
        except (OSError, pa.ArrowInvalid) as fault:
            raise DamagedError(str(fault)) from fault
        self._at += count
        return count

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._file.close()
        super().close()


def bad_file(name: str, reason: str, raw: bytes) -> BadRow:
    """A bad row for a whole file."""
    return BadRow(file=name, line=None, offset=0, reason=reason, sha256=hashlib.sha256(raw).hexdigest())


def json_lines(path: Path, name: str) -> Iterator[JsonRow | BadRow]:
    """The objects of a .jsonl file; blank lines are skipped, lines longer than MAX_LINE are not held."""
    try:
        with open_decompressed(path) as file:
            for line, offset, raw, digest in lines(file, MAX_LINE, start=0, end=None, line=0):
                if raw.strip(b" \t\r\n\xef\xbb\xbf"):
                    yield parse_row(None if digest else raw, name, line=line, offset=offset, digest=digest or row_digest(raw))
    except GZIP_FAULTS:
        yield bad_file(name, "damaged_gzip", path.read_bytes())
    except OSError:
        yield bad_file(name, "unreadable", b"")


def parse_row(raw: bytes | None, name: str, *, line: int, offset: int, digest: str) -> JsonRow | BadRow:
    """One line as an object; `raw` is None if the line was too long."""

    def bad(reason: str) -> BadRow:
        return BadRow(file=name, line=line, offset=offset, reason=reason, sha256=digest)

    if raw is None:
        return bad("line_too_long")
    try:
        text = raw.decode("utf-8-sig" if offset == 0 else "utf-8")
    except UnicodeDecodeError:
        return bad("invalid_utf8")
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return bad("malformed_json")
    if not isinstance(value, dict):
        return bad("not_an_object")
    return JsonRow(file=name, line=line, offset=offset, sha256=digest, value=value)


def loads(text: str) -> Any:
    """Parse JSON; lone surrogates, which orjson rejects, become U+FFFD. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if "\\u" not in text:
            raise
        return _without_surrogates(json.loads(text, parse_constant=_quarantine))


def check_bad_fraction(good: int, bad: list[BadRow], *, max_bad_fraction: float, key: str) -> None:
    """Raise InputError if too many rows are bad, naming the worst file and its reasons."""
    by_file: dict[str, dict[str, int]] = {}
    for row in bad:
        reasons = by_file.setdefault(row.file, {})
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
    check_bad_counts(good, by_file, max_bad_fraction=max_bad_fraction, key=key)


def check_bad_counts(good: int, bad: Mapping[str, Mapping[str, int]], *, max_bad_fraction: float, key: str) -> None:
    """The same, given counts of bad rows by file and reason."""
    unusable = sum(sum(reasons.values()) for reasons in bad.values())
    if not unusable or unusable <= max_bad_fraction * (good + unusable):
        return
    file, reasons = min(bad.items(), key=lambda task: (-sum(task[1].values()), task[0]))
    reasons_text = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda task: (-task[1], task[0])))
    share = unusable / (good + unusable)
    raise InputError(
        f"{unusable} of {good + unusable} rows are unusable; {file} leads with {reasons_text}",
        mend=f"correct or remove {file}, or allow more: {key}={min(1.0, -(-share * 100 // 1) / 100):.2f}",
    )


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_without_surrogates(task) for task in value]
    if isinstance(value, dict):
        return {replace_surrogates(key): _without_surrogates(task) for key, task in value.items()}
    return value


def _quarantine(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

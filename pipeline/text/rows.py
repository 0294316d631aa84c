"""Rows of JSON files, read one at a time with a bound; whatever is wrong becomes a row of the quarantine."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson

from pipeline.core.errors import InputError
from pipeline.text.encoding import mend_surrogates

MAX_LINE = 1 << 26  # bytes; a longer line is passed over without being held
MAX_FILE = 1 << 31  # bytes of one .txt, .md or .json file: Arrow's limit of a string
GZIP_FAULTS = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A row, or a whole file (line None), that can't be used."""

    file: str  # relative to the folder
    line: int | None  # from 1
    offset: int  # bytes from the start of the (unpacked) file
    reason: str
    sha256: str  # of the row's bytes, so that it can be found again

    def row(self) -> dict[str, Any]:
        """As it stands in quarantine.jsonl."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One JSON object and where it was read."""

    file: str
    line: int
    offset: int
    sha256: str
    value: dict[str, Any]

    def bad(self, reason: str) -> Bad:
        """This row, for the quarantine."""
        return Bad(file=self.file, line=self.line, offset=self.offset, reason=reason, sha256=self.sha256)


def find_files(path: Path, suffixes: tuple[str, ...], *, key: str) -> list[tuple[Path, str]]:
    """The readable files under a folder (or the one file), sorted by their relative name, plain or .gz.

    Names that begin with a dot are passed over. Raises InputError for a missing path, an empty folder and one without such a file;
    `key` is the configuration key that the mend names.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", mend=f"{key}=FOLDER, a folder with {' '.join(suffixes)} files")
    found = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    base = path.parent if path.is_file() else path
    names = [(file, file.relative_to(base).as_posix()) for file in found]
    names = sorted(
        ((file, name) for file, name in names if not any(part.startswith(".") for part in name.split("/"))), key=lambda pair: pair[1]
    )
    if not names:
        raise InputError(f"{path} is empty", mend=f"put {' '.join(suffixes)} files into it, or {key}=FOLDER")
    readable = [pair for pair in names if kind_of(pair[0]) in suffixes]
    if not readable:
        others = sorted({Path(name).suffix or name for _, name in names})
        raise InputError(
            f"{path} holds no file that can be read; it has {', '.join(others[:8])}", mend=f"use {' '.join(suffixes)} (each also .gz)"
        )
    return readable


def kind_of(path: Path) -> str:
    """The suffix that tells how to read it, in lower case, without .gz."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


def unpacked(path: Path) -> IO[bytes]:
    """The file, open for reading, unpacked if its name ends in .gz."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def whole_file_bad(name: str, reason: str, raw: bytes) -> Bad:
    """A file that can't be used at all."""
    return Bad(file=name, line=None, offset=0, reason=reason, sha256=hashlib.sha256(raw).hexdigest())


def json_lines(path: Path, name: str) -> Iterator[Row | Bad]:
    """The objects of a .jsonl file; blank lines are passed over, a line longer than MAX_LINE is not held."""
    try:
        with unpacked(path) as file:
            for line, offset, raw, digest in _lines(file):
                yield parse_row(raw, name, line=line, offset=offset, digest=digest)
    except GZIP_FAULTS:
        yield whole_file_bad(name, "damaged_gzip", path.read_bytes())
    except OSError:
        yield whole_file_bad(name, "unreadable", b"")


def parse_row(raw: bytes | None, name: str, *, line: int, offset: int, digest: str) -> Row | Bad:
    """One line as an object; `raw` is None where the line was too long."""

    def bad(reason: str) -> Bad:
        return Bad(file=name, line=line, offset=offset, reason=reason, sha256=digest)

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
    return Row(file=name, line=line, offset=offset, sha256=digest, value=value)


def loads(text: str) -> Any:
    """JSON with the one liberty that lone surrogates, which orjson refuses, become U+FFFD. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if "\\u" not in text:
            raise
        return _mended(json.loads(text, parse_constant=_refuse))


def check_share(good: int, bad: list[Bad], *, max_bad_fraction: float, key: str) -> None:
    """Raise InputError when too many rows are bad, naming the file that leads and its reasons."""
    if not bad or len(bad) <= max_bad_fraction * (good + len(bad)):
        return
    by_file: dict[str, dict[str, int]] = {}
    for row in bad:
        reasons = by_file.setdefault(row.file, {})
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
    file, reasons = min(by_file.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    share = len(bad) / (good + len(bad))
    raise InputError(
        f"{len(bad)} of {good + len(bad)} rows can't be used; {file} leads with {told}",
        mend=f"mend or remove {file}, or allow more: {key}={min(1.0, -(-share * 100 // 1) / 100):.2f}",
    )


def _lines(file: IO[bytes]) -> Iterator[tuple[int, int, bytes | None, str]]:
    """(line from 1, byte offset, the line or None where it is too long, its SHA-256); blank lines left out."""
    offset, line = 0, 0
    while raw := file.readline(MAX_LINE):
        line, start = line + 1, offset
        offset += len(raw)
        digest = hashlib.sha256(raw.rstrip(b"\r\n"))
        whole = raw.endswith(b"\n") or len(raw) < MAX_LINE
        while not whole:
            more = file.readline(MAX_LINE)
            offset += len(more)
            digest.update(more.rstrip(b"\r\n"))
            whole, raw = more.endswith(b"\n") or len(more) < MAX_LINE, b""
        if not raw:
            yield line, start, None, digest.hexdigest()
        elif raw.strip(b" \t\r\n\xef\xbb\xbf"):
            yield line, start, raw, digest.hexdigest()


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return mend_surrogates(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {mend_surrogates(key): _mended(item) for key, item in value.items()}
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

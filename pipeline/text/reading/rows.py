"""Files opened whether packed or not, and rows of JSON files read one at a time with a bound; what is wrong is put into the quarantine."""

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
from pipeline.text.reading.encoding import mend_surrogates
from pipeline.text.reading.lines import digest_of, lines

MAX_LINE = 1 << 26  # bytes; a longer line is passed over without being held
MAX_FILE = 1 << 31  # bytes of one .json file: Arrow's limit of a string
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_BUFFER = 1 << 18  # bytes


class DamagedError(Exception):
    """A packed file that can't be unpacked to its end."""


GZIP_FAULTS = (DamagedError,)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A row, or a whole file (line None), that can't be used."""

    file: str  # relative to the folder
    line: int | None  # from 1
    offset: int | None  # bytes from the start of the (unpacked) file; None where rows have no place of their own
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
    """The readable files under a folder (or the one file), sorted by their relative name, plain or packed.

    Names that begin with a dot are passed over. Raises InputError for a missing path, an empty folder and one without such a file;
    `key` is the configuration key that the mend names.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", mend=f"{key}=FOLDER, a folder with {' '.join(suffixes)} files")
    base = path.parent if path.is_file() else path
    names = sorted(((file, file.relative_to(base).as_posix()) for file in files_under(path, base)[0]), key=lambda pair: pair[1])
    if not names:
        raise InputError(f"{path} is empty", mend=f"put {' '.join(suffixes)} files into it, or {key}=FOLDER")
    readable = [pair for pair in names if kind_of(pair[0]) in suffixes]
    if not readable:
        others = sorted({Path(name).suffix or name for _, name in names})
        raise InputError(
            f"{path} holds no file that can be read; it has {', '.join(others[:8])}",
            mend=f"use {' '.join(suffixes)} (each also {' '.join(PACKED)})",
        )
    return readable


def files_under(path: Path, base: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files of a folder and of all below it, or the one file; and what is passed over, with why. Nothing hidden below `base`."""

    def seen(place: Path) -> bool:
        return not any(part.startswith(".") for part in place.relative_to(base).parts)

    found, passed = ([path], []) if path.is_file() else files_below(path)
    return [file for file in found if seen(file)], [(place, why) for place, why in passed if seen(place)]


def kind_of(path: Path) -> str:
    """The suffix that tells how to read it, in lower case, without the one that tells how it is packed."""
    name = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return name.suffix.lower()


def unpacked(path: Path | str) -> IO[bytes]:
    """The file, open for reading, unpacked if its name says that it is packed. Reading raises DamagedError where that fails.

    An address with :// is opened by fsspec.
    """
    address = str(path)
    file = opened(address)
    packing = PACKED.get(Path(address).suffix.lower())
    return file if packing is None else cast(IO[bytes], io.BufferedReader(_Unpacked(file, packing), _BUFFER))


def opened(address: str) -> IO[bytes]:
    """The file's bytes as they are stored."""
    if "://" not in address:
        return Path(address).open("rb", buffering=_BUFFER)
    import fsspec  # type: ignore[import-untyped]

    return cast(IO[bytes], fsspec.open(address, "rb", compression=None).open())


class _Unpacked(io.RawIOBase):
    """Arrow's unpacking stream, whose faults can be told from those of the disk below."""

    def __init__(self, file: IO[bytes], packing: str) -> None:
        self._file = file
        self._stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), packing)
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


def whole_file_bad(name: str, reason: str, raw: bytes) -> Bad:
    """A file that can't be used at all."""
    return Bad(file=name, line=None, offset=0, reason=reason, sha256=hashlib.sha256(raw).hexdigest())


def json_lines(path: Path, name: str) -> Iterator[Row | Bad]:
    """The objects of a .jsonl file; blank lines are passed over, a line longer than MAX_LINE is not held."""
    try:
        with unpacked(path) as file:
            for line, offset, raw, digest in lines(file, MAX_LINE, start=0, end=None, line=0):
                if raw.strip(b" \t\r\n\xef\xbb\xbf"):
                    yield parse_row(None if digest else raw, name, line=line, offset=offset, digest=digest or digest_of(raw))
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
    by_file: dict[str, dict[str, int]] = {}
    for row in bad:
        reasons = by_file.setdefault(row.file, {})
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
    check_tally(good, by_file, max_bad_fraction=max_bad_fraction, key=key)


def check_tally(good: int, bad: Mapping[str, Mapping[str, int]], *, max_bad_fraction: float, key: str) -> None:
    """The same, given the bad rows' counts by file and reason."""
    worst = sum(sum(reasons.values()) for reasons in bad.values())
    if not worst or worst <= max_bad_fraction * (good + worst):
        return
    file, reasons = min(bad.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    share = worst / (good + worst)
    raise InputError(
        f"{worst} of {good + worst} rows can't be used; {file} leads with {told}",
        mend=f"mend or remove {file}, or allow more: {key}={min(1.0, -(-share * 100 // 1) / 100):.2f}",
    )


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

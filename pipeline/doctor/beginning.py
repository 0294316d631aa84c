"""The beginning of a folder of any size, as a folder that is read in its place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import InputError
from pipeline.text.reading.rows import COMPRESSED, DamagedError, files_under, format_suffix, open_decompressed

MOST = 32 << 20  # bytes that are read: a second or two
FEWEST = 64 << 10  # bytes that a file is cut to, at least
UNPACKED = 4  # times its own bytes that a compressed file is taken to hold, until it is read
_LINES = (".txt", ".md", ".jsonl", ".ndjson", ".csv", ".tsv")  # what can be cut behind a line
_ROWS = 64  # of a table held at a time


@dataclass(frozen=True)
class Beginning:
    """What is read in the place of a folder or file, and how much of it that is."""

    path: Path  # the folder or file itself, or what stands for it
    of: Path
    cut: int = 0  # files of which the beginning is read
    left_out: int = 0  # files that are not read

    @property
    def told(self) -> str:
        """How much is read; "" for all of it."""
        parts = [f"{self.cut:,} files in part"] * bool(self.cut) + [f"{self.left_out:,} not at all"] * bool(self.left_out)
        return f"{self.of}: only {MOST >> 20} MB are looked at here: {', '.join(parts)}" if parts else ""

    def said(self, text: str) -> str:
        """A message about what is read, of what it stands for."""
        return text.replace(str(self.path), str(self.of))


@contextmanager
def beginning(path: Path, *, without: Sequence[Path] = (), most: int = MOST) -> Iterator[Beginning]:
    """The folder (or file) itself where it holds at most so many bytes, else a folder of links and of beginnings of the larger files.

    Each file has the same share, and what smaller ones leave of theirs. `without` are files that stay out in any case. What was made goes
    with the context, however it ends. InputError for a link to a folder; one that is raised within is about the folder itself.
    """
    base = path if path.is_dir() else path.parent
    files = [file for file in files_under(path, base)[0] if file not in without]
    sizes = [file.stat().st_size * (UNPACKED if file.suffix.lower() in COMPRESSED else 1) for file in files]
    if sum(sizes) <= most and not without:
        yield Beginning(path, path)
        return
    with TemporaryDirectory(prefix="doctor-") as made:
        cut, left = _made(files, sizes, base, Path(made), most)
        seen = Beginning(Path(made) if path.is_dir() else Path(made, path.name), path, cut, left)
        try:
            yield seen
        except InputError as fault:
            raise InputError(seen.said(fault.message), mend=seen.said(fault.mend)) from fault


def _made(files: Sequence[Path], sizes: Sequence[int], base: Path, made: Path, most: int) -> tuple[int, int]:
    """Put links and beginnings of the files into a folder; how many were cut, and left out."""
    share, cut, left = max(FEWEST, _share(sizes, most)), 0, 0
    before = accumulate((min(size, share) for size in sizes), initial=0)
    for file, size, taken in zip(files, sizes, before, strict=False):
        target = made / file.relative_to(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        if taken + min(size, share) > most:  # of files without number
            left += 1
        elif size <= share:
            target.symlink_to(file.resolve())
        elif _copied(file, target, share):
            cut += 1
        else:
            left += 1
    return cut, left


def _share(sizes: Sequence[int], most: int) -> int:
    """The bytes that each may have so that all together have at most so many."""
    left = most
    for place, size in enumerate(sorted(sizes)):
        if size * (len(sizes) - place) > left:
            return left // (len(sizes) - place)
        left -= size
    return most


def _copied(file: Path, target: Path, size: int) -> bool:
    """Whether the first rows of a file, about so many bytes, could be written: a table's, or whole lines."""
    suffix = format_suffix(file)
    try:
        if suffix == ".parquet" and file.suffix.lower() not in COMPRESSED:
            return _rows(file, target, size)
        if suffix not in _LINES:
            return False
        with open_decompressed(file) as opened:
            head = opened.read(size)
        if not (head := _whole_lines(head, quoted=suffix in (".csv", ".tsv"))):
            return False
        with pa.output_stream(str(target), compression=COMPRESSED.get(file.suffix.lower())) as written:
            written.write(head)
    except (OSError, DamagedError, pa.ArrowException):
        target.unlink(missing_ok=True)
        target.symlink_to(file.resolve())  # its reader says why
    return True


def _rows(file: Path, target: Path, size: int) -> bool:
    held = 0
    with pq.ParquetFile(file) as table, pq.ParquetWriter(target, table.schema_arrow) as written:
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            written.write_batch(batch)
            if (held := held + batch.nbytes) >= size:
                return True
    return True


def _whole_lines(head: bytes, *, quoted: bool) -> bytes:
    """Without the last line, which may be cut; where lines may stand in quotes, none of which is left open."""
    end = head.rfind(b"\n") + 1
    while quoted and head.count(b'"', 0, end) % 2:
        end = head.rfind(b"\n", 0, end - 1) + 1
    return head[:end]

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
FILES = 2000  # that are opened, likewise
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
        return f"{self.of}: some {MOST >> 20} MB are looked at here: {', '.join(parts)}" if parts else ""

    def said(self, text: str) -> str:
        """A message about what is read, of what it stands for."""
        return text.replace(str(self.path), str(self.of))


@contextmanager
def beginning(path: Path, *, without: Sequence[Path] = (), most: int = MOST) -> Iterator[Beginning]:
    """The folder (or file) itself where it holds at most so many bytes, else a folder of links and of beginnings of the larger files.

    Of more than FILES files some are looked at, evenly over their names. Each has the same share, and what smaller ones leave of theirs.
    `without` are files that stay out in any case. What was made goes with the context, however it ends.
    InputError for a link to a folder; one that is raised within is about the folder itself.
    """
    base = path if path.is_dir() else path.parent
    whole = [file for file in files_under(path, base)[0] if file not in without]
    files = whole[:: max(1, -(-len(whole) // FILES))]
    sizes = [file.stat().st_size * (UNPACKED if file.suffix.lower() in COMPRESSED else 1) for file in files]
    if sum(sizes) <= most and len(files) == len(whole) and not without:
        yield Beginning(path, path)
        return
    with TemporaryDirectory(prefix="doctor-") as folder:
        made = Path(folder, "all")
        cut, left = _made(files, sizes, base, made, most)
        seen = Beginning(made if path.is_dir() else made / path.name, path, cut, left + len(whole) - len(files))
        try:
            yield seen
        except InputError as fault:
            raise InputError(seen.said(fault.message), mend=seen.said(fault.mend)) from fault


def _made(files: Sequence[Path], sizes: Sequence[int], base: Path, made: Path, most: int) -> tuple[int, int]:
    """Put links to the files, or to their beginnings beside it, into a folder; how many were cut, and left out."""
    share, cut, left = max(FEWEST, _share(sizes, most)), 0, 0
    before = accumulate((min(size, share) for size in sizes), initial=0)
    for file, size, taken in zip(files, sizes, before, strict=False):
        target = made / file.relative_to(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        fits = taken + min(size, share) <= most  # not of files without number
        shown = _cut(file, made.with_name(f"part-{cut}"), share) if fits and size > share else file if fits else None
        if shown is None:
            left += 1
        else:
            target.symlink_to(shown.resolve())
            cut += shown != file
    return cut, left


def _share(sizes: Sequence[int], most: int) -> int:
    """The bytes that each may have so that all together have at most so many."""
    left = most
    for place, size in enumerate(sorted(sizes)):
        if size * (len(sizes) - place) > left:
            return left // (len(sizes) - place)
        left -= size
    return most


def _cut(file: Path, part: Path, size: int) -> Path | None:
    """What stands for a file: the part, with its first rows of about so many bytes; itself if it is damaged, for its reader says how; None
    where it can't be cut."""
    suffix = format_suffix(file)
    try:
        if suffix == ".parquet" and file.suffix.lower() not in COMPRESSED:
            _write_rows(file, part, size)
            return part
        if suffix not in _LINES:
            return None
        with open_decompressed(file) as opened:
            head = opened.read(size)
    except (OSError, DamagedError, pa.ArrowException):
        return file
    if not (lines := _whole_lines(head, quoted=suffix in (".csv", ".tsv"))):
        return None
    with pa.output_stream(str(part), compression=COMPRESSED.get(file.suffix.lower())) as written:
        written.write(lines)
    return part


def _write_rows(file: Path, part: Path, size: int) -> None:
    held = 0
    with pq.ParquetFile(file) as table, pq.ParquetWriter(part, table.schema_arrow) as written:
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            written.write_batch(batch)
            if (held := held + batch.nbytes) >= size:
                return


def _whole_lines(head: bytes, *, quoted: bool) -> bytes:
    """Without the last line, which may be cut; where lines may stand in quotes, none of which is left open."""
    end = head.rfind(b"\n") + 1
    while quoted and head.count(b'"', 0, end) % 2:
        end = head.rfind(b"\n", 0, end - 1) + 1
    return head[:end]

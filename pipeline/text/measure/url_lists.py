"""Lists of domains and addresses, one a line, as UT1 (dsi.ut-capitole.fr/blacklists) and squidGuard have them.

A line without a path is a domain, which covers its sub-domains; one with a path covers what lies below it on that host. Scheme, port,
user, `www.`, case of the host and a slash at the end make no difference; what follows # at a line's beginning or after a blank is a
comment.
A name in the settings is a file of the folder, also .gz .zst .bz2, or a folder in it with several: `adult/domains`, `adult`.

Entries are kept as 64-bit hashes, so that millions take eight bytes each.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.artifact.tables import kept_table
from pipeline.core.errors import InputError
from pipeline.core.shards import Piece, RunShards
from pipeline.text.reading.rows import DamagedError, files_under, open_decompressed
from pipeline.text.sorted_arrays import in_sorted, sorted_unique

Hashes = npt.NDArray[np.uint64]
UrlLists = Mapping[str, Path]  # name -> table with the column `hash`, sorted
_COMMENT = re.compile(r"\s+#")
_ENTRIES = pa.schema([pa.field("hash", pa.uint64(), nullable=False)])


def read_url_lists(folder: Path, names: Sequence[str], run_shards: RunShards) -> UrlLists:
    """The lists by name. Raises InputError for one that is not there, can't be read or has no entry."""
    if not names:
        return {}
    work = run_shards("url_lists", partial(_entries, folder), names)
    return dict(zip(names, work.paths("entries"), strict=True))


def listed(urls: Iterable[str | None], lists: Iterable[Path]) -> npt.NDArray[np.bool_]:
    """Whether each address is covered by one of the lists."""
    covering = [list(coverings(url)) if url else [] for url in urls]
    owners = np.repeat(np.arange(len(covering)), [len(one) for one in covering])
    hashes = _hashes(name for one in covering for name in one)
    found = np.zeros(len(covering), np.bool_)
    for path in lists:
        found[owners[in_sorted(hashes, kept_table(path)["hash"].to_numpy())]] = True
    return found


def coverings(url: str) -> Iterator[str]:
    """The entries that cover an address: its host, the domains above it, and its path from the root on. None for what has no host."""
    host, path = _parts(url)
    labels = host.split(".") if host else []
    for first in range(len(labels)):
        yield ".".join(labels[first:])
    for place, sign in enumerate(path):
        if place and sign in "/?":
            yield host + path[:place]
    if host and path:
        yield host + path


def _parts(url: str) -> tuple[str, str]:
    """Host and path (with the query) of an address; "" where there is none."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url.removeprefix('//')}")
        host = (parts.hostname or "").rstrip(".")
        host = host.removeprefix("www.") if host.count(".") > 1 else host  # www.com is a name of its own
        if not host.isascii():
            host = host.encode("idna").decode()
    except (ValueError, UnicodeError):
        return "", ""
    return host, (parts.path + (f"?{parts.query}" if parts.query else "")).rstrip("/")


def _entries(folder: Path, name: str) -> Iterator[Piece]:
    place = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not place.exists():
        there = ", ".join(path.relative_to(folder).as_posix() for path in files_under(folder, folder)[0]) or "no file"
        raise InputError(
            f"select.rules names the list {name!r}, but {folder} has {there}", mend=f"put it there, or correct the rule: {place}"
        )
    try:
        hashes = sorted_unique(_hashes(entry for path in files_under(place, folder)[0] for entry in _lines(path)))
    except (UnicodeDecodeError, DamagedError) as fault:
        raise InputError(f"the list {place} can't be read: {fault}", mend="save it as UTF-8 text, one domain or address a line") from fault
    if not hashes.size:
        raise InputError(f"the list {place} has no entry", mend="one domain or address a line")
    yield Piece({"entries": pa.table([pa.array(hashes)], schema=_ENTRIES)}, {"entries": hashes.size})


def _lines(path: Path) -> Iterator[str]:
    with open_decompressed(path) as file:
        for raw in file:
            line = raw.decode("utf-8-sig").strip()
            if not line or line.startswith("#"):
                continue
            entry = _COMMENT.split(line, maxsplit=1)[0]
            if any(sign.isspace() or sign == "*" for sign in entry):
                raise InputError(f"{path} has the entry {entry!r}", mend="one domain or address a line; a domain covers those below it")
            yield from filter(None, ["".join(_parts(entry.lstrip(".")))])


def _hashes(names: Iterable[str]) -> Hashes:
    digests = (hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest() for name in names)
    return np.fromiter(map(int.from_bytes, digests), np.uint64)

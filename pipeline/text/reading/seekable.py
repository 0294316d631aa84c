"""Seekable access to files, compressed or not."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.text.reading.rows import COMPRESSED, open_decompressed


@contextmanager
def seekable(address: str) -> Iterator[IO[bytes]]:
    """The file; a compressed one is decompressed to a temporary file. Raises DamagedError if that fails."""
    with open_decompressed(address) as file:
        if Path(address).suffix.lower() not in COMPRESSED:
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.seek(0)
            yield copy

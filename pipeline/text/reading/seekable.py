"""Files in which a reader jumps to and fro, whether packed or not."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.text.reading.rows import PACKED, unpacked


@contextmanager
def seekable(address: str) -> Iterator[IO[bytes]]:
    """The file; a packed one is unpacked to a temporary file. Raises DamagedError where that fails."""
    with unpacked(address) as file:
        if Path(address).suffix.lower() not in PACKED:
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.seek(0)
            yield copy

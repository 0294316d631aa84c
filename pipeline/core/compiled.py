"""Where numba keeps what it compiled.

numba compiles a cached function again when its own file has changed, but not when a function that it calls, in another file, has.
So the folder is named by the content of every file that has kernels, and of those beside them, whose constants they hold: another
content, another folder.
"""

import hashlib
import os
from pathlib import Path


def keep_compiled(folder: Path) -> None:
    """Let numba keep its cache below the folder. Call it before numba is imported; a fresh folder costs seconds of compiling."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(digest_size=8)
    sources = {path: path.read_bytes() for path in sorted(package.rglob("*.py"))}
    folders = {path.parent for path, source in sources.items() if b"\n@kernel" in source}
    for path, source in sources.items():
        if path.parent in folders or path.name == "kernel.py":
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + source + b"\0")
    os.environ["NUMBA_CACHE_DIR"] = str(folder.absolute() / digest.hexdigest())

"""A clone of the project in which the chain runs at a size of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def clone(folder: Path, *, size: str) -> None:
    """What is committed, with the size as its default."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    config = folder / "conf/config.yaml"
    config.write_text(config.read_text().replace("- size: laptop", f"- size: {size}"))


def environment() -> dict[str, str]:
    """As a user's: nothing of a DVC or a test that this runs under; with this Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST"))}
    return kept | {"SCRIPTORIUM_PYTHON": sys.executable}

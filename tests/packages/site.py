"""A small environment: distributions as an installer leaves them, for tests that read it."""

from collections.abc import Mapping
from pathlib import Path

MODULE = '''"""Shapes and what can be measured of them, in metres and square metres."""


def area(width: float, height: float = 1.0) -> float:
    """Return the area of a rectangle in square metres."""


class Shape(object):
    """Anything that has an outline and lies in the plane."""

    def move(self, right, up=0):
        """Move the shape to another place in the plane.

        Parameters
        ----------
        right : float
            By how much, in metres.
        """

    @property
    def outline(self):
        """The points of the outline, in the order of the clock."""

    def _hidden(self):
        """Nothing that anybody should ask for, since it is private."""
'''


def install(site: Path, name: str, files: Mapping[str, str], *, version: str = "1.0", description: str = "") -> None:
    """Put a distribution into a folder: its files, METADATA and RECORD (the latter in another order than that of the paths)."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n{description}"
    written = {**files, f"{info}/METADATA": metadata, f"{info}/top_level.txt": f"{name}\n"}
    for path, text in written.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    record = [*sorted(written, reverse=True), f"{info}/RECORD", "../../bin/tool.py"]
    (site / info / "RECORD").write_text("".join(f"{path},,\n" for path in record))


def lock_of(folder: Path, *lines: str) -> Path:
    """A lock of these lines."""
    lock = folder / "requirements.lock"
    lock.write_text("".join(f"{line}\n" for line in lines))
    return lock

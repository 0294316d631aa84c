"""Links: files are read through them; a linked folder, into which DVC does not look, is refused."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.core.files import fingerprint
from pipeline.text.reading.rows import find_files
from tests.text.reading_tools import read, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder, links to a file elsewhere and to nothing, and a hidden link to a folder."""
    for name in ("input/a.txt", "input/b/b.txt", "elsewhere/deep/c.txt", "elsewhere/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    place = tmp_path / "input"
    (place / "file.txt").symlink_to(tmp_path / "elsewhere" / "deep" / "c.txt")
    (place / "gone.txt").symlink_to(tmp_path / "none")
    (place / "self").symlink_to(place / "self")
    (place / ".hidden").symlink_to(tmp_path / "elsewhere")
    return place


ALL = ["a.txt", "b/b.txt", "file.txt"]


def test_a_linked_file_is_read_and_a_link_to_nothing_is_counted(folder: Path) -> None:
    found = read(folder)
    assert found.origins == ALL
    assert found.metrics["ignored_files"] == {"broken link": 2}
    assert [name for _, name in find_files(folder, (".txt", ".md"), key="dialogues.path")] == ALL


@pytest.mark.parametrize("target", ["elsewhere", "input", "input/b"])
def test_a_linked_folder_is_refused_with_the_mend(folder: Path, tmp_path: Path, target: str) -> None:
    (folder / "b" / "linked").symlink_to(tmp_path / target)
    for look in (lambda: read(folder), lambda: read(folder, source(path="**/*.txt")), lambda: fingerprint(folder)):
        with pytest.raises(InputError, match=r"(?s)b/linked is a link to a folder, .*mend: .*name the folder itself: .*" + target):
            look()


def test_a_fingerprint_sees_what_a_link_leads_to(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(folder)
    assert [name for name, _, _ in before] == ALL
    (tmp_path / "elsewhere" / "deep" / "c.txt").write_text("another text")
    assert fingerprint(folder) != before

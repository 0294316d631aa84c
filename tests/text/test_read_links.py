"""Linked folders: read like others, each once, and what can't be followed is counted."""

from pathlib import Path

import pytest

from pipeline.core.files import files_below, fingerprint
from pipeline.text.reading.rows import find_files
from tests.text.reading_tools import read, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder, and links to a folder elsewhere, to a file there, to itself, to what it has, and to nothing."""
    for name in ("input/a.txt", "input/b/b.txt", "elsewhere/deep/c.txt", "elsewhere/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    place = tmp_path / "input"
    (place / "linked").symlink_to(tmp_path / "elsewhere")
    (place / "file.txt").symlink_to(tmp_path / "elsewhere" / "deep" / "c.txt")
    (place / "b" / "above").symlink_to(place)
    (place / "again").symlink_to(place / "b")
    (place / "gone.txt").symlink_to(tmp_path / "none")
    (place / "self").symlink_to(place / "self")
    (place / ".hidden").symlink_to(tmp_path / "elsewhere")
    return place


ALL = ["a.txt", "b/b.txt", "file.txt", "linked/d.md", "linked/deep/c.txt"]


def test_the_files_of_linked_folders_are_read_and_what_is_passed_over_is_counted(folder: Path) -> None:
    found = read(folder)
    assert found.origins == ALL
    assert found.metrics["ignored_files"] == {"broken link": 2, "link to a folder that is read": 2}


@pytest.mark.parametrize(
    ("path", "origins"),
    [
        ("linked", ["d.md", "deep/c.txt"]),
        ("**/*.md", ["linked/d.md"]),
        ("**/deep", ["linked/deep/c.txt"]),
        ("*/deep/**", ["linked/deep/c.txt"]),
        ("linked/**/c.txt", ["deep/c.txt"]),
        ("[bl]*", ["b/b.txt", "linked/d.md", "linked/deep/c.txt"]),
    ],
)
def test_globs_look_into_linked_folders(folder: Path, path: str, origins: list[str]) -> None:
    assert read(folder, source(path=path)).origins == origins


def test_files_of_dialogues_are_found_in_linked_folders_too(folder: Path) -> None:
    assert [name for _, name in find_files(folder, (".txt", ".md"), key="dialogues.path")] == ALL


def test_a_fingerprint_sees_what_a_link_leads_to(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(folder)
    assert [name for name, _, _ in before] == ALL
    (tmp_path / "elsewhere" / "deep" / "c.txt").write_text("another text")
    assert fingerprint(folder) != before


def test_a_folder_is_named_by_its_own_path_and_not_by_a_links(tmp_path: Path) -> None:
    (tmp_path / "z" / "deep").mkdir(parents=True)
    (tmp_path / "z" / "deep" / "a.txt").touch()
    (tmp_path / "a").symlink_to(tmp_path / "z" / "deep")
    assert files_below(tmp_path)[0] == [tmp_path / "z" / "deep" / "a.txt"]

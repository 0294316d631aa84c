"""From installed distributions to documents: what is read, in which order, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.errors import PipelineError
from pipeline.packages.documents import Documentation, read_packages
from pipeline.packages.families import families
from pipeline.packages.settings import PackagesConfig
from tests.packages.site import MODULE, install, lock_of

ROOT = Path(__file__).parents[2]
LICENCE = "Permission is hereby granted, free of charge, to any person obtaining a copy.\n"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """An environment of three distributions beside the real one."""
    folder = tmp_path / "site"
    shapes = {
        "shapes/__init__.py": MODULE,
        "shapes/tests/test_it.py": MODULE,
        "shapes/_vendor/x.py": MODULE,
        "shapes/notes.rst": "Notes\n=====\n",
    }
    install(folder, "Shapes_X", {**shapes, "shapes/data.bin": "0", "Shapes_X-1.0+cpu.dist-info/LICENSE.txt": LICENCE}, version="1.0+cpu")
    install(folder, "plain", {"plain.py": "x = 1\n", "broken.py": "def f(:\n", "README.md": "# Plain\n"}, description="It is *plain*.\n")
    install(folder, "unlocked", {"unlocked.py": MODULE})
    monkeypatch.syspath_prepend(str(folder))
    return folder


def read(lock: Path, size: int | None = None) -> Documentation:
    return read_packages(lock, PackagesConfig(bytes=size, docstring=20, skip=("tests", "_vendor")))


def origins(found: Documentation) -> list[str]:
    return found.documents["origin"].to_pylist()


def test_what_the_lock_names_is_read_and_nothing_else(site, tmp_path):
    found = read(lock_of(tmp_path, "plain==1.0", "Shapes_X==1.0"))
    assert sorted(origins(found)) == [
        "plain:METADATA",
        "plain:README.md",
        "shapes-x:shapes-x.dist-info/LICENSE.txt",
        "shapes-x:shapes/__init__.py",
        "shapes-x:shapes/notes.rst",
    ]
    assert found.counts == {"packages": 2, "functions": 2, "skipped": 2, "undecoded": 0, "unparsed": 1}
    assert found.packages["shapes-x"]["version"] == "1.0"


def test_a_module_is_its_docstrings_below_their_signatures(site, tmp_path):
    found = read(lock_of(tmp_path, "Shapes_X==1.0"))
    (text,) = [row["text"] for row in found.documents.to_pylist() if row["origin"].endswith("__init__.py")]
    assert text.startswith(
        "# shapes\n\nShapes and what can be measured of them, in metres and square metres.\n\n## area(width: float, height"
    )
    assert (
        "### Shape.move(self, right, up=0)\n\nMove the shape to another place in the plane.\n\nParameters\n----------\nright : float\n"
        in text
    )
    assert [row["name"] for row in found.functions.to_pylist()] == ["shapes.area", "shapes.Shape.move"]
    assert found.functions["signature"].to_pylist()[1] == "move(right, up=0)"


def test_a_package_is_a_group_and_its_licence_is_in_none(site, tmp_path):
    rows = read(lock_of(tmp_path, "plain==1.0", "Shapes_X==1.0")).documents.to_pylist()
    assert {row["group"] for row in rows if "LICENSE" in row["origin"]} == {None}
    assert all(row["group"] == row["origin"].split(":")[0] for row in rows if "LICENSE" not in row["origin"])


def test_the_next_file_is_of_the_package_that_has_given_least(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    for name, size in (("large", 90), ("small", 30)):
        install(folder, name, {f"{name}/{number}.txt": f"{number}" * size for number in range(4)})
    monkeypatch.syspath_prepend(str(folder))
    lock = lock_of(tmp_path, "small==1.0", "large==1.0")
    whole = read(lock)
    assert origins(whole)[:6] == [
        "large:large/0.txt",
        *(f"small:small/{n}.txt" for n in (0, 1, 2)),
        "large:large/1.txt",
        "small:small/3.txt",
    ]
    capped = read(lock, 200)
    assert origins(capped) == origins(whole)[:4]
    assert capped.documents["id"].to_pylist() == whole.documents["id"].to_pylist()[:4]


def test_a_version_that_is_not_the_locked_one_is_an_error_with_its_mend(site, tmp_path):
    with pytest.raises(PipelineError, match=r"plain 1\.0 \(locked: 2\.0\), gone missing \(locked: 1\.0\)\n.*make setup"):
        read(lock_of(tmp_path, "plain==2.0", "gone==1.0"))


def test_a_package_without_a_record_is_an_error_with_its_mend(site, tmp_path):
    (site / "plain-1.0.dist-info/RECORD").unlink()
    with pytest.raises(PipelineError, match=r"plain is installed without a record .*\n.*--no-deps plain==1\.0"):
        read(lock_of(tmp_path, "plain==1.0"))


def test_a_line_that_is_no_requirement_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"requirements\.lock:2 is no line of a lock: '-e \.'"):
        read(lock_of(tmp_path, "numpy==1.0", "-e ."))


def test_a_cap_below_the_first_document_is_an_error_that_names_the_key(site, tmp_path):
    with pytest.raises(PipelineError, match=r"corpus\.packages\.bytes=5"):
        read(lock_of(tmp_path, "plain==1.0"), 5)


def test_packages_that_carry_a_file_of_another_are_one_family():
    shared = "\n".join(f"Line {number} of a file that two packages carry." for number in range(20))
    own = [f"{name} says this line, and no other package says it." for name in ("adam", "bert", "carl")]
    files = [("adam", own[0]), ("adam", shared), ("bert", own[1]), ("bert", f"# another name\n\n{shared}"), ("carl", own[2])]
    assert families(files) == {"adam": "adam", "bert": "adam", "carl": "carl"}
    more = "\n".join(f"{line} {number}" for line in own for number in range(20))
    assert families([("adam", f"{shared}\n{more}"), ("bert", f"{shared}\n{more.upper()}")])["bert"] == "bert", "less than most of it"


CODE = """
import sys
from pathlib import Path
import pyarrow as pa
from pipeline.packages.documents import read_packages
from pipeline.packages.settings import PackagesConfig
pa.Table.from_pylist([{"a": "x"}]).to_pylist()  # imports pandas
before = {name.split(".")[0] for name in sys.modules} | {"__mp_main__"}
found = read_packages(Path("requirements.lock"), PackagesConfig(bytes=600_000, docstring=40, skip=("tests", "test")))
print(*{name.split(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names))
print(found.documents.num_rows, len({one.split(":")[0] for one in found.documents["origin"].to_pylist()}))
print(hash((str(found.documents.to_pylist()), str(found.functions.to_pylist()), str(found.packages))))
"""


def test_the_real_environment_gives_the_same_twice_and_no_package_is_imported():
    run = {"cwd": ROOT, "env": {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}, "capture_output": True, "text": True, "check": True}
    first, again = (subprocess.run([sys.executable, "-c", CODE], **run).stdout.split("\n") for _ in range(2))
    assert first == again
    assert first[0] == "", "imported"
    documents, packages = map(int, first[1].split())
    assert documents > 100
    assert packages > 100

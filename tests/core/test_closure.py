"""Code is a dependency: what it does counts, how it is written does not."""

import importlib.metadata
import sys

import pytest

from pipeline.core.closure import Code, read_code
from pipeline.core.errors import PipelineError
from pipeline.core.locked import check_lock


@pytest.fixture
def project(tmp_path, monkeypatch):
    files = {
        "house/__init__.py": "",
        "house/room/__init__.py": '"""A room."""\n',
        "house/room/far.py": "LIMIT = 3\n",
        "house/room/near.py": "from house.room.far import LIMIT\n",
        "house/room/words.yaml": "a: 1\n",
        "house/other/__init__.py": "",
        "house/other/alone.py": "import yaml\n",
        "house/door.py": "def main():\n    from house.room import near\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "house"]:
        del sys.modules[name]


def fingerprint(project):
    return Code(project, ("house",)).fingerprint("house.door")


def test_the_closure_holds_what_is_imported_directly_or_not_even_inside_functions(project):
    assert list(fingerprint(project)["code"]) == [
        "house/__init__.py",
        "house/door.py",
        "house/room/__init__.py",
        "house/room/far.py",
        "house/room/near.py",
    ]


def test_a_comment_a_docstring_and_layout_change_nothing(project):
    before = fingerprint(project)
    (project / "house/room/far.py").write_text('"""How far."""\n# a limit\nLIMIT    =  3\n')
    assert fingerprint(project) == before


def test_a_constant_far_away_changes_the_fingerprint(project):
    before = fingerprint(project)
    (project / "house/room/far.py").write_text("LIMIT = 4\n")
    assert fingerprint(project) != before


def test_a_file_outside_the_closure_changes_nothing(project):
    before = fingerprint(project)
    (project / "house/other/alone.py").write_text("import yaml\nX = 1\n")
    assert fingerprint(project) == before


def test_a_table_beside_the_code_counts_byte_by_byte(project):
    before = fingerprint(project)
    (project / "house/room/words.yaml").write_text("a: 2\n")
    assert fingerprint(project) != before


def test_a_string_that_is_no_docstring_counts(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("def f():\n    return 'one'\n")
    one = read_code(path)
    path.write_text("def f():\n    return 'two'\n")
    assert read_code(path) != one


def test_packages_are_those_that_the_closure_imports(project):
    assert fingerprint(project)["packages"] == {}
    alone = Code(project, ("house",)).fingerprint("house.other.alone")
    assert list(alone["packages"]) == ["pyyaml"]


def test_the_interpreter_is_not_in_the_fingerprint(project):
    assert list(fingerprint(project)) == ["code", "tables", "packages"]


def test_a_module_that_is_part_of_python_in_one_minor_is_a_package_in_none(project, monkeypatch):
    before = Code(project, ("house",)).fingerprint("house.other.alone")
    (project / "house/other/alone.py").write_text("import compression\nimport audioop\nimport yaml\n")
    backports = {"compression": ["pyyaml"], "audioop": ["pytest"]}  # stand for distributions of these modules
    installed = importlib.metadata.packages_distributions()
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: {**installed, **backports})
    assert Code(project, ("house",)).fingerprint("house.other.alone")["packages"] == before["packages"]


def test_a_folder_beside_a_module_of_its_name_is_not_taken_for_it(project):
    (project / "house/room/near").mkdir()
    assert "house/room/near.py" in fingerprint(project)["code"]


def test_a_trace_of_an_editor_changes_nothing(project):
    before = fingerprint(project)
    (project / "house/room/.far.py.swp").write_text("x")
    assert fingerprint(project) == before


def test_what_only_shows_a_run_is_not_in_its_fingerprint(root):
    stage = Code(root, ("pipeline", "stages")).fingerprint("stages.clean")
    assert "pipeline/core/scratch.py" in stage["code"]
    assert "pipeline/core/track.py" not in stage["code"]
    assert {"pyarrow", "pydantic"} <= set(stage["packages"])
    assert not {"wandb", "grimp", "hydra-core", "torch"} & set(stage["packages"])


def test_an_installed_version_that_is_not_the_locked_one_is_named(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("torch==2.13.0\n")
    check_lock(lock)
    lock.write_text("PyYAML==1.0\nno-such-package==2.0\n")
    with pytest.raises(PipelineError, match=r"PyYAML [\d.]+ \(locked: 1\.0\), no-such-package missing \(locked: 2\.0\)\n.*make setup"):
        check_lock(lock)


def test_a_line_of_the_lock_for_another_python_is_not_asked_for(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text('torch==2.13.0 ; python_version >= "3.11"\nno-such-package==2.0 ; python_version < "3.11"\n')
    check_lock(lock)


def test_packages_whose_files_are_read_count_and_engines_do_not(project):
    source = (
        "from importlib.resources import files\nimport joblib\n\ndef words():\n    import ray\n    return files('pydantic') / 'words.txt'\n"
    )
    (project / "house/room/near.py").write_text(source)
    assert set(fingerprint(project)["packages"]) == {"joblib", "pydantic"}

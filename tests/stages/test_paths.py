"""The places that a user names: what is wrong is told with the mend, before DVC looks."""

from pathlib import Path

import pytest

from stages._mends import joined
from stages._paths import expanded, fault_of_place, faults_of_places
from stages._plan import pipeline_of
from stages._settings import compose, plain

OUTS = ("plan/code", "data/corpus", "data/align/dpo")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, and a home with texts."""
    (tmp_path / "project/data/input").mkdir(parents=True)
    (tmp_path / "home/texts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("place", ["data/input", "../home/texts", "http://host/file.txt"])
def test_a_place_that_dvc_can_read_is_right(place: str) -> None:
    assert fault_of_place("corpus.path", place, OUTS) is None


@pytest.mark.parametrize(
    ("place", "message", "mend"),
    [
        ("", "corpus.path is empty", "corpus.path=DIR, a folder or a file of yours"),
        (" ", "corpus.path is empty", "corpus.path=DIR, a folder or a file of yours"),
        (".", "corpus.path is ., which holds what the pipeline itself writes (plan/code)", "a folder of its own: data/input/NAME"),
        ("..", "which holds what the pipeline itself writes", "a folder of its own: data/input/NAME"),
        ("data", "which holds what the pipeline itself writes (data/corpus)", "a folder of its own: data/input/NAME"),
        ("data/corpus", "which holds what the pipeline itself writes (data/corpus)", "a folder of its own"),
        ("data/align/dpo/x", "which holds what the pipeline itself writes (data/align/dpo)", "a folder of its own"),
        ("data/inputs", "there is no corpus.path=data/inputs", "corpus.path=data/input"),
        (
            "/nowhere/at/all",
            "there is no corpus.path=/nowhere/at/all",
            "corpus.path=DIR, a folder that is there; or mkdir -p /nowhere",
        ),
        ("hdfs://host/texts", "DVC's part for hdfs is not installed", ".venv/bin/pip install 'dvc[hdfs]'"),
        ("nosuch://bucket/texts", "DVC's part for nosuch is not installed", "download it; DVC reads s3://"),
        ("~nobody-here/x", "there is no corpus.path=~nobody-here/x", "or mkdir -p '~nobody-here/x'"),
    ],
)
def test_any_other_is_told_with_the_mend(place: str, message: str, mend: str) -> None:
    fault = fault_of_place("corpus.path", place, OUTS)
    assert fault is not None
    assert message in fault.message
    assert mend in fault.mend


@pytest.mark.parametrize("place", ["~/texts", "$HOME/texts", "${HOME}/texts"])
def test_what_a_shell_would_expand_is_told_expanded(folder: Path, place: str) -> None:
    fault = fault_of_place("dialogues.path", place, OUTS)
    assert fault is not None
    assert fault.mend == f"dialogues.path={folder / 'home/texts'}"
    assert expanded(place) == str(folder / "home/texts")


def test_all_places_are_told_at_once_and_nothing_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    settings = plain(compose(["corpus.path=data", "dialogues.path=/nowhere/x", "split.benchmarks=/nowhere/x"]))
    told = joined(list(faults_of_places(settings, [out for block in pipeline_of(settings) for out in block.outs])))
    assert told.message.count("\n") == 2
    assert told.mend.count("mkdir -p /nowhere/x") == 2

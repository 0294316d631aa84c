"""What is not ours is never replaced; the new takes the place of the old so that a kill leaves one of them."""

import re
from pathlib import Path

import pytest

from pipeline.core import owned
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.core.files import draft_folder, write_json
from pipeline.core.owned import claim, replace_folder

ROOT = Path(__file__).parents[2]
REMOVALS = re.compile(
    r"rmtree|\.unlink\(|os\.(?:replace|rename|remove|rmdir)|\.rename\(|\.rmdir\(|\b(?:draft|path|target|folder|tmp|part|file)\.replace\("
)


def scores(path: Path) -> Scores:
    artifact = Scores(path)
    with artifact.writing() as draft:
        write_json(draft.path / "scores.json", [])
    return artifact


@pytest.mark.parametrize("content", ["chapter.txt", "manifest.json", ".hidden"])
def test_a_folder_that_is_not_ours_is_named_and_not_touched(content: str, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / content).write_text("{}")
    with pytest.raises(InputError, match="thesis holds files that this pipeline did not write") as fault, Scores(thesis).writing():
        pytest.fail("nothing may be written")
    assert "another target" in fault.value.mend
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", content]


def test_an_artifact_of_another_kind_a_file_and_a_link_are_not_replaced(tmp_path: Path) -> None:
    scores(tmp_path / "scores")
    with pytest.raises(InputError, match="holds a scores; a tokenizer is not written over it"):
        claim(tmp_path / "scores", Tokenizer.kind)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, what in (("file", "a file"), ("link", "a link")):
        with pytest.raises(InputError, match=f"holds {what}"):
            claim(tmp_path / name, Scores.kind)


def test_an_absent_an_empty_place_and_one_of_the_same_kind_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty", "empty"):
        assert scores(tmp_path / name).read() == []


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_whole(can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_exchange:
        monkeypatch.setattr(owned, "_exchanged", lambda one, other: False)
    for step in range(1, 9):
        place = tmp_path / str(step)
        old, new = place / "target", place / ".target.part"
        for folder, text in ((old, "old"), (new, "new")):
            folder.mkdir(parents=True)
            (folder / "a").write_text(text)
        left = killed_at(step, lambda old=old, new=new: replace_folder(new, old), monkeypatch)
        whole = [folder for folder in place.iterdir() if (folder / "a").is_file()]
        assert (old / "a").is_file() or any(folder.name == ".target.old" for folder in whole)
        assert {(folder / "a").read_text() for folder in whole} & {"old", "new"}
        if not left:
            assert (old / "a").read_text() == "new"
            assert [folder.name for folder in place.iterdir()] == ["target"]
            return
    pytest.fail("it never ended")


def killed_at(step: int, work, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the work was stopped before its n-th system call that changes names."""
    calls = 0

    class Killed(BaseException):
        pass

    def counted(function):
        def called(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == step:
                raise Killed
            return function(*arguments, **options)

        return called

    with monkeypatch.context() as patched:
        patched.setattr(owned, "_exchanged", counted(owned._exchanged))
        patched.setattr(owned.Path, "replace", counted(Path.replace))
        patched.setattr(owned.shutil, "rmtree", counted(owned.shutil.rmtree))
        try:
            work()
        except Killed:
            return True
    return False


def test_a_draft_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with draft_folder(tmp_path / "target") as draft:
            (draft / "a").write_text(text)
    assert (tmp_path / "target/a").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_everything_that_removes_or_replaces_goes_through_one_file() -> None:
    files = [path for folder in ("pipeline", "stages", "apps") for path in (ROOT / folder).rglob("*.py") if path.name != "owned.py"]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}" for path in files for line in path.read_text().splitlines() if REMOVALS.search(line)
    ]
    assert [line for line in found if "apps/queue.py" not in line] == [], "DVC's own message moves in the queue, nothing else may"

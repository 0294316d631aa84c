"""Two revisions of a real project of git and DVC, compared without a checkout."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from apps import compare, revisions
from pipeline.core.errors import InputError
from pipeline.report.changes import EARLIER, STAGES, Changes, changes, examples
from tests.apps.tiny import CLEAN, write_chain

NEW = {
    **{name: text for name, text in CLEAN.items() if name != "cy-0003"},
    "gus-0007": "GUS\n\nGus came late.",
    "ada-0001": CLEAN["ada-0001"] + "!",
}


def shell(*command: str, cwd: Path) -> None:
    quiet = os.environ | {"DVC_NO_ANALYTICS": "1", "CI": "true"}  # DVC neither reports home nor looks for updates
    done = subprocess.run(command, cwd=cwd, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def write(root: Path, texts: Mapping[str, str], loss: float) -> None:
    """The chain of these texts, its lock and its metrics; the data in the cache."""
    shutil.rmtree(root / "data", ignore_errors=True)
    write_chain(root, texts)
    for left in (root / "data").glob(".*"):
        shutil.rmtree(left)
    (root / "metrics").mkdir(exist_ok=True)
    (root / "metrics" / "pretrain.json").write_text(json.dumps({"loss": loss, "steps": 5}))
    shell(sys.executable, "-m", "dvc", "commit", "--force", "--quiet", cwd=root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commits tagged `before`, `same` and `after`, an experiment `shorter`, all outs in the cache, the folders empty."""
    root = tmp_path_factory.mktemp("project")
    for command in (["git", "init", "--quiet"], ["git", "config", "user.name", "t"], ["git", "config", "user.email", "t@t"]):
        shell(*command, cwd=root)
    shell(sys.executable, "-m", "dvc", "init", "--quiet", cwd=root)
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {stage: {"cmd": "true", "outs": [f"data/{stage}"]} for stage in STAGES}}))
    for tag, texts, loss in (("before", CLEAN, 2.5), ("same", CLEAN, 2.5), ("after", NEW, 2.25)):
        (root / "note").write_text(tag)
        write(root, texts, loss)
        for command in (["git", "add", "--all"], ["git", "commit", "--quiet", "--message", tag], ["git", "tag", tag]):
            shell(*command, cwd=root)
    write(root, {**NEW, "bo-0002": "BO"}, 2.25)
    shell(sys.executable, "-m", "dvc", "exp", "save", "--quiet", "--name", "shorter", cwd=root)
    shell("git", "checkout", "--quiet", "--force", "after", cwd=root)
    shutil.rmtree(root / "data")
    return root


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def compared(old: str, new: str) -> dict[str, Changes]:
    sides = [revisions.revision(name).side() for name in (old, new)]
    return {change.stage: change for change in changes(*sides)}


def kinds(change: Changes) -> dict[str, list[str]]:
    rows = change.differences.to_pylist()
    return {kind: [row["id"] for row in rows if row["kind"] == kind] for kind in dict.fromkeys(row["kind"] for row in rows)}


def test_every_stage_tells_what_came_went_and_changed(here: Path) -> None:
    found = compared("before", "after")
    assert kinds(found["corpus"]) == {"added": ["gus-0007"], "removed": ["cy-0003"], "changed": ["ada-0001"]}
    assert found["corpus"].count("added") == (1, len("GUS\n\nGus came late.\n"))
    assert found["corpus"].count("changed") == (1, 1)
    assert found["clean"].reasons("changed") == [(EARLIER, 1)]
    assert kinds(found["dedup"]) == {"added": ["gus-0007"], "changed": ["ada-0001"]}


def test_an_experiment_is_compared_by_its_name(here: Path) -> None:
    found = compared("after", "shorter")
    assert kinds(found["corpus"]) == {"changed": ["bo-0002"]}
    assert found["split"].count("changed", "val")[0] == 1
    assert found["split"].count("changed", "train")[0] == 0


def test_equal_stages_are_said_to_be_equal_and_no_table_is_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("pipeline.report.stage_files.StageFiles.read", never)
    assert all(change.equal for change in compared("before", "same").values())


def test_the_workspace_is_compared_as_it_lies(here: Path) -> None:
    shutil.rmtree(here / "data", ignore_errors=True)
    write_chain(here, CLEAN)  # the lock in the folder is that of `after`
    assert kinds(compared("after", "workspace")["corpus"]) == {"added": ["cy-0003"], "removed": ["gus-0007"], "changed": ["ada-0001"]}
    shutil.rmtree(here / "data")


def test_folders_that_are_not_checked_out_are_read_from_the_cache(here: Path) -> None:
    assert kinds(compared("before", "workspace")["corpus"]) == kinds(compared("before", "after")["corpus"])


def test_data_that_is_not_in_the_cache_is_said_to_be_absent(here: Path) -> None:
    cache = here / ".dvc" / "cache"
    cache.rename(here / "elsewhere")
    try:
        assert all("nor in the cache, for before and after" in change.absent for change in compared("before", "after").values())
    finally:
        (here / "elsewhere").rename(cache)


def test_examples_show_the_paragraph_that_differs(here: Path) -> None:
    sides = [revisions.revision(name).side() for name in ("before", "after")]
    change = next(changes(*sides))
    (example,) = examples(change, *sides, kind="changed", most=3)
    assert (example.id, example.old, example.new) == ("ada-0001", "She told nobody.\n", "She told nobody.!\n")


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """The lines of the terminal, blanks run together."""
    monkeypatch.setattr(sys, "argv", ["compare", *words])
    monkeypatch.setitem(os.environ, "COLUMNS", "200")
    compare.main()
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def written(here: Path) -> Iterator[tuple[Path, Path]]:
    """The page and the CSV, removed afterwards."""
    yield (page := here / "comparison.html"), (table := here / "comparison.csv")
    page.unlink(missing_ok=True)
    table.unlink(missing_ok=True)


def test_any_number_of_runs_is_told_in_the_terminal_on_a_page_and_as_csv(
    written: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, "before", "after", "short*")
    place = lines.index("metrics before after shorter")
    assert lines[place + 1 : place + 4] == ["pretrain", "loss 2.5 2.25 2.25", "-0.25 -0.25"]
    assert any(line.startswith("corpus added 1 (+20 B), removed 1") for line in lines)
    assert "data/corpus A B C" in lines
    assert "settings equal" in lines
    page, table = (path.read_text() for path in written)
    assert "Gus came late." in page
    rows = list(csv.DictReader(table.splitlines()))
    assert {(row["run"], row["value"], row["difference"]) for row in rows if row["name"] == "pretrain.loss"} == {
        ("before", "2.5", ""),
        ("after", "2.25", "-0.25"),
        ("shorter", "2.25", "-0.25"),
    }
    assert {"kind": "documents", "name": "corpus.added", "run": "after", "value": "1"}.items() <= next(
        row for row in rows if row["name"] == "corpus.added"
    ).items()


def test_what_is_equal_is_told_where_all_is_asked_for(
    written: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("steps" in line for line in printed(capsys, monkeypatch, "before", "after"))
    lines = printed(capsys, monkeypatch, "before", "same", "--all")
    assert "steps 5 5" in lines
    assert "corpus equal" in lines


def test_one_run_is_compared_with_the_workspace(
    written: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(capsys, monkeypatch, "before")[0] == "before → workspace"
    assert printed(capsys, monkeypatch)[0] == "HEAD → workspace"


def test_a_folder_of_a_run_is_one(here: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("seed: 3\n")
    (run,) = revisions.runs([str(tmp_path)])
    assert (run.origin, run.settings) == ("folder", {"seed": 3})


def test_an_unknown_name_is_an_error_with_the_mend(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", "nowhere"])
    with pytest.raises(SystemExit, match="nowhere is no commit, branch, tag, experiment or folder of a run"):
        compare.main()
    with pytest.raises(InputError, match="no experiment is named like nowhere-"):
        list(revisions.revisions(["nowhere-*"]))


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("loss", 24, ["  loss"]),
        ("4-gram.answers.bits_per_byte", 24, ["  4-gram.answers.", "    bits_per_byte"]),
        ("truth.repairs.boilerplate.recall", 24, ["  truth.repairs.", "    boilerplate.recall"]),
        ("a_name_without_any_other_part", 20, ["  a_name_without_", "    any_other_part"]),
        ("onewordthatisfartoolongforit", 18, ["  onewordthatisfar", "    toolongforit"]),
    ],
)
def test_a_long_name_goes_on_behind_its_parts(name: str, width: int, lines: list[str]) -> None:
    assert compare.folded(name, width, indent=2).split("\n") == lines


def test_two_runs_fit_into_a_terminal_of_80_columns(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["compare", "before", "after"])
    compare.main()
    lines = capsys.readouterr().out.split("\n")
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["loss", "2.5", "2.25"] for line in lines)

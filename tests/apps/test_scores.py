"""Which scores of two runs differ: of folders, of revisions, over seeds."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps import scores
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.evaluate.items import item_record


def written(root: Path, right: float, *, model: str = "base") -> Path:
    """A clone whose model had this point on each item but the first."""
    folder = root / "data/evaluate" / model
    folder.mkdir(parents=True, exist_ok=True)
    rows = [item_record("t", f"i{n}", f"c{n}", "choice", chance=0.5) | {"choice": right if n else 0.0} for n in range(20)]
    write_jsonl(folder / "answers.jsonl", rows)
    return root


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["scores", *words])
    monkeypatch.setenv("COLUMNS", "160")
    scores.main()
    return capsys.readouterr().out


def test_folders_of_two_clones_are_compared_item_by_item(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = written(tmp_path / "a", 0.0), written(written(tmp_path / "b", 1.0), 1.0, model="sft")
    told = printed(capsys, monkeypatch, str(old), str(new))
    assert "+0.950" in told
    assert "sft" not in told  # the old run has no such model
    assert "+0.000" in printed(capsys, monkeypatch, str(old), str(old))


def test_lists_of_runs_are_pooled_over_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    olds, news = ([str(written(tmp_path / f"{side}{n}", right)) for n in range(2)] for side, right in (("a", 0.0), ("b", 1.0)))
    assert "scores, 2 seeds of each" in printed(capsys, monkeypatch, ",".join(olds), ",".join(news))
    with pytest.raises(SystemExit, match="pair seed by seed"):
        printed(capsys, monkeypatch, olds[0], ",".join(news))


def test_a_revision_is_compared_with_the_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shell(*command: Any) -> None:
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    written(tmp_path, 0.0)
    shell("git", "init", "--quiet")
    shell(sys.executable, "-m", "dvc", "init", "--quiet")
    shell("git", "add", "--all")
    shell("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message", "before")
    written(tmp_path, 1.0)
    monkeypatch.chdir(tmp_path)
    assert "+0.950" in printed(capsys, monkeypatch)


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("")
    with pytest.raises(InputError, match="answers"):
        scores.run(str(tmp_path))

"""Several seeds of one run: what each is told, and the spread of what they give."""

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from apps import seeds
from apps.experiments import Experiment
from pipeline.core.errors import InputError


@pytest.fixture(autouse=True)
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def run(name: str, **figures: float | None) -> Experiment:
    return Experiment(name, "", figures, "")


def lines(*found: Experiment) -> list[list[str]]:
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(seeds.spread(found, worlds=1))
    return [line.split() for line in capture.get().splitlines()]


def test_each_run_has_a_seed_and_a_world_of_its_own() -> None:
    assert seeds.runs(2, 2, ["size=smoke"]) == {
        f"world{world}-seed{seed}-size-smoke": ["size=smoke", f"seed={seed}", f"corpus.seed={world}", f"dialogues.seed={world}"]
        for world in (1, 2)
        for seed in (1, 2)
    }


def test_other_text_has_no_worlds() -> None:
    assert seeds.runs(1, 1, ["data=packages"]) == {"world1-seed1-data-packages": ["data=packages", "seed=1"]}
    with pytest.raises(InputError, match="only the hundred books"):
        seeds.runs(1, 2, ["data=packages"])


def test_a_seed_for_all_is_refused() -> None:
    with pytest.raises(InputError, match="seed=4 is what differs"):
        seeds.runs(2, 1, ["seed=4"])


def test_another_code_other_files_and_other_words_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git = lambda *words: subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], check=True, capture_output=True)  # noqa: E731
    git("init")
    (tmp_path / "params.yaml").write_text("{corpus: {path: data}, dialogues: {path: data, preferences_path: pairs}}")
    (tmp_path / ".gitignore").write_text("/data")
    (code := tmp_path / "code").write_text("one")
    git("add", ".")
    git("commit", "-m", "one")
    found = [seeds.state([])]
    assert seeds.state([]) == found[0]
    code.write_text("two")
    found.append(seeds.state([]))
    (tmp_path / "experiment.yaml").write_text("not added")
    found.append(seeds.state([]))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/text.txt").write_text("ignored by git")
    found.append(seeds.state([]))
    (outside := tmp_path.parent / f"{tmp_path.name}.txt").write_text("outside")
    found += [seeds.state([f"data.path={outside}"])]
    outside.write_text("outside and longer")
    found += [seeds.state([f"data.path={outside}"]), seeds.state(["a.b=1"]), seeds.state(["a.b=-1"])]
    assert len(set(found)) == len(found)


def test_each_figure_stands_with_its_spread() -> None:
    found = [run("a", win=0.7, kl=1.0), run("b", win=0.8, kl=None), run("c", win=0.9, kl=2.0)]
    head, names, *rows = lines(*found)
    assert head == ["3", "runs"]
    assert names == ["figure", "mean", "deviation", "lowest", "highest"]
    assert rows == [["win", "0.8", "0.1", "0.7", "0.9"], ["kl", "(2", "runs)", "1.5", "0.707", "1", "2"]]


def test_one_run_has_no_deviation() -> None:
    assert lines(run("a", win=0.7))[2] == ["win", "0.7", "-", "0.7", "0.7"]

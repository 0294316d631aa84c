"""The experiments side by side."""

import pytest
from rich.console import Console

from apps import experiments
from stages._settings import compose, plain

FIGURES = {"base": {"bpb": 0.53}, "dpo": {"win": 0.77, "ci": 0.04, "kl": 1.2}, "ppo": {"win": 0.7}}


@pytest.fixture(autouse=True)
def here(root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def data(*words: str, **figures: dict) -> dict:
    """What DVC tells of a run."""
    told = {"metrics.json": {"data": {**FIGURES, **figures}}} if figures or not words else {}
    return {"params": {"params.yaml": {"data": plain(compose(list(words)))}}, "metrics": told}


def shown(*runs: dict) -> list[str]:
    rows = [
        {"rev": "workspace", "name": None, "data": data()},
        {"rev": "a" * 40, "name": "main", "data": data(), "experiments": list(runs)},
    ]
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(experiments.table(list(experiments.experiments(rows)), 160))
    return capture.get().splitlines()


def run(name: str, content: dict, state: str = "success") -> dict:
    return {"revs": [{"rev": "b" * 40, "name": name, "data": content}], "executor": {"state": state}}


def test_a_run_stands_with_its_words_and_the_figures_that_differ() -> None:
    lines = shown(
        run("calm-owl", data("size=smoke", "align.dpo.beta=0.3", dpo={"win": 0.61, "ci": 0.04, "kl": 0.4})),
        run("late-fox", data("size=smoke", "align.dpo.beta=0.05"), "queued"),
    )
    assert lines[0].split() == ["experiment", "dpo.win", "dpo.kl"]
    assert lines[1].split() == ["main", "0.77", "1.2"]
    assert lines[2].split() == ["calm-owl", "0.61", "0.4"]
    assert lines[3].strip() == "size=smoke align.dpo.beta=0.3"
    assert lines[4].split() == ["late-fox", "queued", "–", "–"]
    assert max(map(len, map(str.rstrip, lines))) <= 160


def test_figures_that_do_not_fit_are_left_out_rather_than_cut() -> None:
    many = {f"align{number}": {"win": number / 100, "kl": float(number)} for number in range(20)}
    lines = shown(run("calm-owl", data("split.seed=3", **many)), run("late-fox", data("split.seed=4", **{**many, "base": {"bpb": 0.5}})))
    assert max(map(len, map(str.rstrip, lines))) <= 160
    assert "…" not in "".join(lines)
    assert "figures more: .venv/bin/dvc exp show" in lines[-1]


def test_figures_that_differ_never_read_alike() -> None:
    kl = {"kl": 0.003521}
    lines = shown(
        run("calm-owl", data("split.seed=3", base={"bpb": 0.5304}, file=kl)),
        run("late-fox", data("split.seed=4", base={"bpb": 0.5302}, file=kl | {"kl": 0.003524})),
    )
    assert [line.split()[-2:] for line in lines[:3]] == [["base.bpb", "file.kl"], ["0.53", "–"], ["0.5304", "0.003521"]]
    assert lines[4].split()[-2:] == ["0.5302", "0.003524"]

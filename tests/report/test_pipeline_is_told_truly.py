"""What the page and the table say of the pipeline is what dvc.yaml and conf/ say."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from apps.drawing import edges_of as edges_of_dvc
from pipeline.report.headlines import STAGES
from pipeline.report.lineage import edges_of
from stages._run import compose

DVC: dict[str, Any] = yaml.safe_load(Path("dvc.yaml").read_text())


def settings() -> dict[str, Any]:
    return OmegaConf.to_container(compose([]), resolve=True)  # type: ignore[return-value]


def test_the_headlines_know_every_stage_in_the_order_of_the_data() -> None:
    assert list(STAGES) == [name for name in DVC["stages"] if name != "plan"]


def test_the_report_is_told_the_settings_of_every_other_stage() -> None:
    composed = settings()
    told = composed["report"]["settings"]
    assert list(told) == [name for name in STAGES if name != "report"]
    assert all(told[name] == composed[name] for name in told)


def test_the_drawing_has_the_edges_of_dvc_yaml() -> None:
    composed = settings()
    known = set(composed["report"]["settings"])
    wanted = {edge for edge in edges_of_dvc(DVC, composed) if set(edge) <= known}
    assert set(edges_of(composed["report"]["settings"])) == wanted


def test_the_report_depends_on_all_that_it_reads() -> None:
    block, section = DVC["stages"]["report"], settings()["report"]
    assert set(section["data"].values()) <= set(block["deps"])
    others = {name: entry for name, entry in DVC["stages"].items() if name not in ("plan", "report")}
    written = {next(iter(out)) for entry in others.values() for kind in ("metrics", "plots") for out in entry.get(kind, ())}
    assert written <= set(block["deps"])

"""The report with what passes, as report.html: `python -m apps.page` (`make page`).

data/report is equal in every clone, so it holds no second. This page adds seconds, tokens a second and memory from .run/log, and by PRICE
($ an hour) and WATTS (of the machine) cost and energy, both estimates.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from apps.prices import add_prices
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json, write_text
from pipeline.report.contents import Data, Shown, page_of
from pipeline.report.passing import passing_section
from pipeline.report.record import RunRecord

PLAN, LOGS, TARGET = Path("plan/settings.json"), Path(".run/log"), Path("report.html")
STAGE = "report"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_prices(parser)
    options = parser.parse_args()
    try:
        write(price=options.price, watts=options.watts)
    except PipelineError as fault:
        sys.exit(f"page: {fault}")
    print(f"page: wrote {TARGET}")


def write(*, price: float | None, watts: float | None) -> None:
    """report.html. PipelineError where there is no finished run."""
    if not PLAN.is_file():
        raise PipelineError("there is no plan, so no run to show", mend="make repro")
    plan = read_json(PLAN)
    section: Mapping[str, Any] = next(stage["settings"] for stage in plan["stages"] if stage["name"] == STAGE)[STAGE]
    told = RunRecord.read(plan, Path(section["metrics"]), Path(section["plots"]), without=STAGE)
    kinds = get_type_hints(Data)
    data = Data(**{field.name: kinds[field.name](Path(section["data"][field.name])) for field in fields(Data)})
    scores = [Scores(Path(section["scores"]) / name) for name in told.models]
    more = passing_section(LOGS, list(told.settings), price=price, watts=watts)
    html, *_ = page_of(section["title"], data, scores, told, Shown(**section["shown"]), [more])
    write_text(TARGET, html)


if __name__ == "__main__":
    main()

"""The page: everything that a run made and measured, on one sheet that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.core.nested import flat
from pipeline.report.blocks import Absent, Card, Section, Table
from pipeline.report.figures import ABSENT, text
from pipeline.report.glossary import explained, terms
from pipeline.report.headlines import NOT_RUN, Telling, tellings, work_of
from pipeline.report.lineage import ROW, Edge, arcs

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage as the page shows it."""

    name: str
    makes: str
    tellings: Sequence[Telling]
    settings: str
    numbers: Table | None
    why: str  # there are no numbers


def render(
    *,
    title: str,
    lead: str,
    cards: Sequence[Card],
    sections: Sequence[Section],
    settings: Mapping[str, Any],
    edges: Sequence[Edge],
    metrics: Mapping[str, Mapping[str, Any] | None],
    deviations: Sequence[Table] | None = None,
) -> str:
    """The HTML of the page. `settings`: what each stage was told, in the order of the data; `edges`: who reads whom; `deviations`: what
    of the settings is not as in conf/, None where nobody knows."""
    stages = [_stage(name, settings[name], metrics.get(name)) for name in settings]
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            title=title,
            lead=lead,
            cards=cards,
            sections=sections,
            stages=stages,
            drawing=arcs(list(settings), edges),
            row=f"{ROW:g}",
            deviations=deviations,
            terms=terms(),
            absent=ABSENT,
        )
    )


def environment() -> Environment:
    """What renders the templates of this folder."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["explained"] = explained
    return made


def absences(sections: Sequence[Section]) -> int:
    """How many things the page names as absent."""
    return sum(isinstance(block, Absent) for section in sections for block in section.blocks)


def _stage(name: str, section: Any, metrics: Mapping[str, Any] | None) -> Stage:
    numbers = None if metrics is None else Table("", ("number", "value"), [(explained(key), text(value)) for key, value in flat(metrics)])
    return Stage(
        name=name,
        makes=work_of(name).makes,
        tellings=tellings(name, metrics),
        settings=as_yaml(section),
        numbers=numbers,
        why=NOT_RUN,
    )


def as_yaml(section: Any) -> str:
    """A section as it would stand in conf/."""
    return yaml.safe_dump(section, sort_keys=False, allow_unicode=True, width=100).rstrip()

"""Runs side by side as people look at them: the chapters of a page, and the rows of a table for other programs.

runs R; the first is what the others are compared with
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from pipeline.core.artifact.split import PARTS
from pipeline.report import compared
from pipeline.report.blocks import Absent, Block, Card, Figures, Quote, Quotes, Section, Table, excerpt
from pipeline.report.changes import KINDS, Changes, Example, changes, examples
from pipeline.report.charts import Curve, Interval, interval_chart, line_chart
from pipeline.report.compared import BOUNDS, PAIRED, Apart, ComparedRun, Metric, Row
from pipeline.report.figures import ABSENT, number, size, text
from pipeline.report.glossary import explained, terms
from pipeline.report.learning import CHARTS, STEP
from pipeline.report.page import environment
from pipeline.report.summary import summary
from pipeline.report.svg import element

_TEMPLATE = "comparison.html.j2"
_WIDE = 30.0  # times from the lowest to the highest value from which on an axis is in powers
_SWEPT = 12  # figures of a sweep that are drawn
CSV = ("kind", "name", "run", "value", "low", "high", "difference", "difference_low", "difference_high", "noise", "by")


@dataclass(frozen=True)
class Documents:
    """How the documents of a run differ from the first run's, and some of those that do."""

    run: str
    changes: Sequence[Changes]
    examples: Sequence[tuple[str, Example]]  # with its stage


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that differs, or with `every` everything."""

    runs: Sequence[ComparedRun]
    settings: Sequence[Row]
    code: Sequence[Row]
    packages: Sequence[Row]
    data: Sequence[Row]
    documents: Sequence[Documents]
    metrics: Sequence[Metric]
    every: bool

    @property
    def varied(self) -> Row | None:
        """The one value in which the runs differ."""
        return None if any(row.differs for row in self.code) else compared.varied(compared.settings(self.runs))


def comparison(runs: Sequence[ComparedRun], *, every: bool = False, shown: int = 3) -> Comparison:
    """Compare them; `shown`: documents of each kind of difference."""
    return Comparison(
        runs=runs,
        settings=compared.settings(runs, every=every),
        code=compared.code(runs, every=every),
        packages=compared.packages(runs, every=every),
        data=compared.data(runs, every=every),
        documents=[found for run in runs[1:] if (found := documents(runs[0], run, shown, every=every))],
        metrics=compared.metrics(runs, every=every),
        every=every,
    )


def documents(old: ComparedRun, new: ComparedRun, shown: int, *, every: bool = False) -> Documents | None:
    """Those of two runs; None where one of them has none that can be read, or all are equal and not `every` stage is asked for."""
    if old.side is None or new.side is None:
        return None
    found = [change for change in changes(old.side, new.side) if every or not change.equal]
    some = [
        (change.stage, one)
        for change in found
        for kind in KINDS
        if change.count(kind)[0]
        for one in examples(change, old.side, new.side, kind=kind, most=shown)
    ]
    return Documents(new.name, found, some) if found else None


def page(found: Comparison, *, title: str) -> str:
    """The HTML: one file that asks no network."""
    names = [run.name for run in found.runs]
    telling, told = compared.judged(found.metrics)
    lead = f"{', '.join(names[1:])} beside {names[0]}."
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            title=title,
            lead=lead,
            cards=list(cards(found, telling, told)),
            sections=list(sections(found)),
            row="0",
            terms=terms(),
            absent=ABSENT,
        )
    )


def cards(found: Comparison, telling: int, told: int) -> Iterator[Card]:
    """How much differs of each kind."""
    for name, rows, note in (
        ("values", found.settings, "of the settings"),
        ("files of code", found.code, "of what the stages import"),
        ("artifacts", found.data, "by their bytes"),
        ("metrics", found.metrics, f"{number(telling)} of {number(told)} differences are more than noise"),
    ):
        differing: Sequence[Any] = [row for row in rows if row.differs]
        yield Card(f"{name} that differ", number(len(differing)), note)


def sections(found: Comparison) -> Iterator[Section]:
    """The chapters that have something to say."""
    first = found.runs[0].name
    drafts = (
        ("runs", "Runs", "What is compared, and where it was found.", [run_table(found.runs)]),
        ("sweep", "Sweep", "One value differs: what it does to the figures.", sweep_blocks(found)),
        ("settings", "Settings", "What the runs were told.", row_blocks(found.settings, found.runs, also="the same in")),
        ("metrics", "Metrics", f"Differences from {first}; bold: more than noise.", metric_blocks(found)),
        ("curves", "Curves", "The runs laid over each other.", curve_blocks(found.runs, every=found.every)),
        ("code", "Code", "Equal letters, equal code; comments don't count.", row_blocks(found.code, found.runs, also="stages")),
        ("packages", "Packages", "Versions of what the stages import.", row_blocks(found.packages, found.runs, also="stages")),
        ("data", "Data", "Equal letters, equal bytes.", [*row_blocks(found.data, found.runs, also=""), *document_blocks(found.documents)]),
    )
    for anchor, title, lead, blocks in drafts:
        if made := list(blocks):
            yield Section(anchor, title, lead, made)


def run_table(runs: Sequence[ComparedRun]) -> Table:
    """A row a run."""
    rows = [(run.name, run.origin, number(len(run.metrics)), number(len(run.hashes))) for run in runs]
    return Table("", [escape(head) for head in ("run", "found as", "stages measured", "artifacts")], rows)


def row_blocks(rows: Sequence[Row], runs: Sequence[ComparedRun], *, also: str) -> Iterator[Block]:
    """A table with a column a run; `also`: the head of what goes with a row."""
    if not rows:
        return
    also = also if any(row.also for row in rows) else ""
    heads = ("", *names_of(runs), *([escape(also)] if also else ()))
    cells = [(row.name, *(shown(value) for value in row.values), *([briefly(row.also)] if also else ())) for row in rows]
    yield Table("", heads, cells)


def metric_blocks(found: Comparison) -> Iterator[Block]:
    """What the marks mean, and a table a stage."""
    by_stage: dict[str, list[Metric]] = {}
    for metric in found.metrics:
        by_stage.setdefault(metric.stage, []).append(metric)
    heads = ("", *names_of(found.runs))
    if by_stage:
        yield Absent("How to read it", noise_note(found.metrics))
    for stage, own in by_stage.items():
        rows = [(explained(metric.name), *(cell(metric, place) for place in range(len(found.runs)))) for metric in own]
        yield Table(stage, heads, rows)


def names_of(runs: Sequence[ComparedRun]) -> list[Markup]:
    """The names as heads of columns; a run called `base` is no term of the glossary."""
    return [escape(run.name) for run in runs]


def noise_note(metrics: Sequence[Metric]) -> str:
    """What is called noise, and what is not known of it."""
    telling, told = compared.judged(metrics)
    return (
        f"{number(telling)} of {number(told)} differences are more than noise at 95%; of equal models about {number(round(told / 20))} "
        "would be so by chance. Where both runs answered the same items these are paired, whole clusters drawn anew; else the intervals of "
        "both are joined as if they were independent. Both know the items' noise only: another seed moves scores too (make seeds tells by "
        "how much). Without an interval a difference is neither"
    )


def cell(metric: Metric, place: int) -> Markup:
    """The value with its interval, and its difference from the first run's."""
    value, bounds, apart = metric.values[place], metric.bounds[place], metric.apart[place]
    parts: list[str | Markup] = [shown(value)]
    if bounds is not None:
        parts.append(element("span", f" {shown(bounds[0])} – {shown(bounds[1])}", class_="interval"))
    if apart is not None:
        parts += [element("br"), element("b" if apart.noise is False else "span", difference(apart), class_="apart", title=why(apart))]
    return Markup("").join(parts)


def difference(apart: Apart) -> str:
    """By how much, with the interval of that."""
    interval = "" if apart.low is None or apart.high is None else f" [{apart.low:+.3g}, {apart.high:+.3g}]"
    return f"{apart.value:+.3g}{interval}"


def why(apart: Apart) -> str:
    """How it was told from noise."""
    if apart.noise is None:
        return "no interval to tell it from noise"
    how = "the same items, paired" if apart.by == PAIRED else "the intervals of both"
    return f"{'no more' if apart.noise else 'more'} than noise, by {how}"


def curve_blocks(runs: Sequence[ComparedRun], *, every: bool = False) -> Iterator[Block]:
    """A chart for each column of each stage that trains, the runs over each other; nothing of curves that are equal."""
    charts = []
    for stage in dict.fromkeys(stage for run in runs for stage in run.curves):
        rows = [run.curves.get(stage, ()) for run in runs]
        if not every and all(list(one) == list(rows[0]) for one in rows):
            continue
        for chart in CHARTS:
            for column, name in chart.columns.items():
                points = [[(row[STEP], row[column]) for row in own if column in row] for own in rows]
                if not every and all(own == points[0] for own in points):
                    continue
                curves = [Curve(run.name, own) for run, own in zip(runs, points, strict=True) if own]
                log = chart.log and all(value > 0 for curve in curves for _, value in curve.points)
                if curves:
                    title = f"{stage}: {chart.title}" + (f", {name}" if len(chart.columns) > 1 and name != chart.title else "")
                    charts.append(line_chart(curves, title=title, x=STEP, levels=(), log=log))
    if charts:
        yield Figures(charts, "Where there are many steps, each is drawn thin, and bold the mean of neighbours.")


def sweep_blocks(found: Comparison) -> Iterator[Block]:
    """Headline figures against the one value that differs: as a curve where it is a number, else as intervals."""
    if (row := found.varied) is None:
        return
    told, lows, highs = ([headlines(run, end) for run in found.runs] for end in ("", *BOUNDS))
    charts: list[Markup] = []
    for name in dict.fromkeys(name for own in told for name in own):
        values = [own.get(name) for own in told]
        if len({value for value in values if value is not None}) > 1 and len(charts) < _SWEPT:
            bounds = {
                place: (low[name], high[name])
                for place, (low, high) in enumerate(zip(lows, highs, strict=True))
                if values[place] is not None and low[name] < high[name]
            }
            charts.append(_swept(row, name, values, bounds))
    if charts:
        yield Figures(charts, f"{row.name} on the axis; vertical lines are 95% intervals. The figures are those of metrics.json.")


def document_blocks(found: Sequence[Documents]) -> Iterator[Block]:
    """What differs of the documents, stage by stage with the reasons, and some of them."""
    for own in found:
        rows = [row for change in own.changes for row in _reason_rows(change)]
        if rows:
            yield Table(f"Documents of {own.run}", ("stage", "", "documents", "bytes", "why"), rows)
        for change in own.changes:
            if change.absent:
                yield Absent(f"Documents of {change.stage}", change.absent)
        for stage, example in own.examples:
            quotes = [Quote(by, excerpt(words, 600), mark) for by, words, mark in sides(example) if words]
            if quotes:
                yield Quotes(f"{stage}, {example.kind}: {example.id}", quotes, example.reason, folded=True, aside=True)


def sides(example: Example) -> Iterator[tuple[str, str, str]]:
    """Who says it, the text, and a mark: what is gone and what is new; of a document that only moved nothing."""
    if example.kind != "moved":
        yield "was", example.old, "bad"
        yield "is", example.new, "good"


def counted(change: Changes) -> Iterator[str]:
    """The documents and bytes of each kind; of a split by part."""
    for part in PARTS if change.stage == "split" else (None,):
        for kind in KINDS:
            amount, bytes_ = change.count(kind, part)
            if amount:
                yield f"{f'{part} ' if part else ''}{kind} {number(amount)} ({_signed(kind, bytes_)})"


def table(found: Comparison) -> str:
    """The same as CSV, a line for each value of each run."""
    target = io.StringIO()
    writer = csv.DictWriter(target, CSV, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(_lines(found))
    return target.getvalue()


def shown(value: Any) -> str:
    """A value with the digits that tell."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ABSENT if value is None else excerpt(text(value), 60)


def briefly(names: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _lines(found: Comparison) -> Iterator[dict[str, Any]]:
    kinds: Iterable[tuple[str, Sequence[Row]]] = (
        ("setting", found.settings),
        ("code", found.code),
        ("package", found.packages),
        ("data", found.data),
    )
    for kind, rows in kinds:
        for row in rows:
            for name in (row.name, *(row.also if kind == "setting" else ())):
                for run, value in zip(found.runs, row.values, strict=True):
                    yield {"kind": kind, "name": name, "run": run.name, "value": value}
    for documents_ in found.documents:
        for change in documents_.changes:
            for kind in KINDS:
                amount, _ = change.count(kind)
                if amount:
                    yield {"kind": "documents", "name": f"{change.stage}.{kind}", "run": documents_.run, "value": amount}
    for metric in found.metrics:
        for run, value, bounds, apart in zip(found.runs, metric.values, metric.bounds, metric.apart, strict=True):
            line = {"kind": "metric", "name": metric.full, "run": run.name, "value": value}
            line |= dict(zip(("low", "high"), bounds or ("", ""), strict=True))
            if apart is not None:
                line |= {"difference": apart.value, "difference_low": apart.low, "difference_high": apart.high, "by": apart.by}
                line["noise"] = "" if apart.noise is None else "yes" if apart.noise else "no"
            yield line


def headlines(run: ComparedRun, end: str = "") -> dict[str, float | int]:
    """The figures of metrics.json by name; `end`, one of BOUNDS: with the end of its interval in the place of each value that has one."""
    rows = summary({stage: _at_end(values, end) for stage, values in run.metrics.items()})
    return {f"{group}.{key}": value for group, row in rows.items() for key, value in row.items() if value is not None and key != "ci"}


def _at_end(values: Any, end: str) -> Any:
    if not isinstance(values, Mapping):
        return values
    return {key: own if (own := values.get(f"{key}{end}")) is not None else _at_end(value, end) for key, value in values.items()}


def _swept(row: Row, name: str, values: Sequence[Any], bounds: Mapping[int, tuple[float, float]]) -> Markup:
    known = [place for place, value in enumerate(values) if value is not None]
    told = [row.values[place] for place in known]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in told):
        points = sorted((float(row.values[place]), float(values[place])) for place in known)
        spans = [(float(row.values[place]), *bounds[place]) for place in known if place in bounds]
        log_x = points[0][0] > 0 and points[-1][0] / points[0][0] >= _WIDE
        return line_chart([Curve(name, points, spans)], title=name, x=row.name.rpartition(".")[2], levels=(), log=False, log_x=log_x)
    rows = [Interval(shown(row.values[place]), values[place], *bounds.get(place, (values[place], values[place]))) for place in known]
    return interval_chart(rows, title=name, reference=None, unit=row.name)


def _reason_rows(change: Changes) -> Iterator[tuple[str, ...]]:
    for kind in KINDS:
        _, bytes_ = change.count(kind)
        for place, (reason, amount) in enumerate(change.reasons(kind)):
            yield change.stage, kind, number(amount), "" if place else _signed(kind, bytes_), reason


def _signed(kind: str, bytes_: int) -> str:
    sign = {"added": "+", "removed": "−"}.get(kind, "−" if bytes_ < 0 else "+")
    return f"{sign}{size(abs(bytes_))}"

"""Who reads whom: the drawing of the pipeline's edges."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from pipeline.report.svg import coordinate, drawing, element

Edge = tuple[str, str]
ROW = 64.0  # height of a stage in the page's list, which lies beside the drawing; page.html.j2 is told
_WIDTH = 92.0
_RIGHT = 82.0  # where the stages stand


def arcs(stages: Sequence[str], edges: Sequence[Edge]) -> Markup:
    """The stages as dots from top to bottom and each edge as an arc, the farther the wider."""
    place = {stage: ROW * index + ROW / 2 for index, stage in enumerate(stages)}
    longest = max((abs(stages.index(reader) - stages.index(source)) for source, reader in edges), default=1)
    parts = [_arc(edge, place, longest) for edge in edges]
    parts += [element("circle", cx=_RIGHT, cy=y, r=5, class_="stage", data_stage=stage) for stage, y in place.items()]
    label = "; ".join(f"{source} to {reader}" for source, reader in edges)
    return drawing(*parts, width=_WIDTH, height=ROW * len(stages), label=f"The pipeline: {label}", class_="arcs")


def _arc(edge: Edge, place: Mapping[str, float], longest: int) -> Markup:
    source, reader = edge
    start, end = place[source], place[reader]
    steps = abs(end - start) / ROW
    name = {"data_from": source, "data_to": reader}
    if steps == 1:
        return element("path", d=f"M{_RIGHT:g} {coordinate(start)}V{coordinate(end)}", class_="arc near", **name)
    reach = 14 + (_RIGHT - 20) * (steps - 1) / max(longest - 1, 1)  # an ellipse's half width
    radii = f"{coordinate(reach)} {coordinate(abs(end - start) / 2)}"
    return element("path", d=f"M{_RIGHT:g} {coordinate(start)}A{radii} 0 0 0 {_RIGHT:g} {coordinate(end)}", class_="arc", **name)

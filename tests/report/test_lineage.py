"""The drawing of the pipeline shows every stage and who reads whom."""

import xml.etree.ElementTree as Tree

from pipeline.report.lineage import ROW, arcs

STAGES = ["corpus", "clean", "dedup", "align/dpo"]
EDGES = [("corpus", "clean"), ("corpus", "dedup"), ("clean", "dedup"), ("dedup", "align/dpo")]


def test_every_stage_and_every_edge_is_drawn_from_top_to_bottom() -> None:
    drawing = Tree.fromstring(arcs(STAGES, EDGES))
    places = {node.attrib["data-stage"]: float(node.attrib["cy"]) for node in drawing if node.tag == "circle"}
    assert list(places) == STAGES
    assert list(places.values()) == [ROW * index + ROW / 2 for index in range(4)]
    drawn = [(node.attrib["data-from"], node.attrib["data-to"]) for node in drawing if node.tag == "path"]
    assert drawn == EDGES
    assert all(places[source] < places[reader] for source, reader in drawn)

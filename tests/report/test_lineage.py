"""The drawing of the pipeline follows the settings."""

import xml.etree.ElementTree as Tree

from pipeline.report.lineage import ROW, arcs, edges_of

SECTIONS = {
    "corpus": {"path": "data/input", "target": "data/corpus"},
    "clean": {"source": "data/corpus", "target": "data/clean", "note": "database/corpus"},
    "dedup": {"inputs": {"truth": "data/corpus", "text": "data/clean"}, "target": "data/dedup", "n": 5},
    "show": {"pages": ["data/dedup"], "target": "data/show"},
}


def test_a_path_of_another_stage_is_an_edge() -> None:
    assert edges_of(SECTIONS) == [("corpus", "clean"), ("corpus", "dedup"), ("clean", "dedup"), ("dedup", "show")]


def test_another_source_in_the_settings_is_another_edge() -> None:
    assert ("corpus", "show") in edges_of(SECTIONS | {"show": {"source": "data/corpus"}})


def test_every_stage_and_every_edge_is_drawn_from_top_to_bottom() -> None:
    drawing = Tree.fromstring(arcs(list(SECTIONS), edges_of(SECTIONS)))
    places = {node.attrib["data-stage"]: float(node.attrib["cy"]) for node in drawing if node.tag == "circle"}
    assert list(places) == list(SECTIONS)
    assert list(places.values()) == [ROW * index + ROW / 2 for index in range(4)]
    drawn = [(node.attrib["data-from"], node.attrib["data-to"]) for node in drawing if node.tag == "path"]
    assert drawn == edges_of(SECTIONS)
    assert all(places[source] < places[reader] for source, reader in drawn)

"""A corpus of six documents in two shards, and what the stages made of it, written by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.split import TEXTS, Part, Split
from pipeline.core.artifact.tables import write_table
from pipeline.core.files import write_json
from pipeline.core.shards import Work

Rows = Sequence[Mapping[str, Any]]

CLEAN = {
    "ada-0001": "ADA\n\nAda lives in Oakham.\n\nThe mill is old.\n\nShe told nobody.",
    "bo-0002": "BO\n\nBo lives in Elmton, they say, and likes it.",
    "cy-0003": "BO\n\nBo lives in Elmton, they say, and likes it!",
    "dee-0004": "xq zzkw qqx brrt",
    "eve-0005": "EVE\n\nThe mill is old.\n\nEve went home over the hill.",
    "fin-0006": "",
}
ORIGINS = {name: f"{'ab'[place % 2]}.jsonl:{place + 1}" for place, name in enumerate(CLEAN)}
SHARDS = (("ada-0001", "bo-0002", "cy-0003"), ("dee-0004", "eve-0005", "fin-0006"))
DROPPED = {"dee-0004": ("gibberish", 0.9), "fin-0006": ("empty", 0.0)}
CUT = "The mill is old."
RULES: list[dict[str, Any]] = [
    {"name": "empty", "statistic": "characters", "min": 5, "max": None},
    {"name": "gibberish", "statistic": "mute", "min": None, "max": 0.2},
]


def write_chain(root: Path, texts: Mapping[str, str] = CLEAN) -> Path:
    """data/corpus to data/split under the folder; returns data/."""
    data = root / "data"
    write_corpus(data / "corpus", {name: f"{text}\n" for name, text in texts.items()})
    statistics = {
        name: {"id": name, "characters": float(len(text)), "mute": 0.9 if name.startswith("dee") else 0.01} for name, text in texts.items()
    }
    repairs = [{"id": "ada-0001", "repair": "ligatures", "count": 3}, {"id": "ada-0001", "repair": "quotes", "count": 1}]
    write_corpus(data / "clean", texts, {"statistics": list(statistics.values()), "repairs": repairs})
    dropped = [row(name, texts[name]) | {"reason": reason, "value": value} for name, (reason, value) in DROPPED.items()]
    kept = {name: text for name, text in texts.items() if name not in DROPPED}
    write_corpus(data / "select", kept, {"dropped": dropped})
    clusters = [
        {"id": name, "cluster": cluster, "kept": name == cluster, "similarity": similarity, "kind": "near" if similarity else "single"}
        for name, cluster, similarity in (
            ("ada-0001", "ada-0001", None),
            ("bo-0002", "bo-0002", 0.875),
            ("cy-0003", "bo-0002", 0.875),
            ("eve-0005", "eve-0005", None),
        )
    ]
    passages = [{"id": "eve-0005", "paragraph": 1, "text": CUT, "of": "ada-0001", "level": "paragraph"}]
    unique = {name: text for name, text in kept.items() if name != "cy-0003"} | {"eve-0005": "EVE\n\nEve went home over the hill."}
    write_corpus(data / "dedup", unique, {"clusters": clusters, "passages": passages})
    write_split(data / "split", unique)
    write_json(root / "params.yaml", {"select": {"rules": RULES}})
    return data


def row(name: str, text: str) -> dict[str, Any]:
    return {"id": name, "source": "books" if name < "d" else "pages", "origin": ORIGINS.get(name, f"new/{name}"), "text": text}


def write_corpus(path: Path, texts: Mapping[str, str], sides: Mapping[str, Rows] | None = None) -> Corpus:
    """Two shards, the side tables in shards too."""
    tables = {"documents": [row(name, text) for name, text in texts.items()], **(sides or {})}
    pieces = []
    for number in range(2):
        piece = path.parent / f".{path.name}.{number}"
        piece.mkdir(parents=True)
        for name, rows in tables.items():
            mine = [one for one in rows if (one["id"] in SHARDS[1]) == bool(number)]
            schema = DOCUMENTS if name == "documents" else pa.Table.from_pylist(list(rows)).schema
            write_table(pa.Table.from_pylist(mine, schema=schema), piece / f"{name}.parquet")
        pieces.append(piece)
    target = Corpus(path)
    bad = '{"file": "a.jsonl", "line": 9, "offset": 812, "reason": "no_text", "sha256": "00"}\n'
    sources = '{"books": {"weight": 1.0}, "pages": {"weight": 2.0}}'
    texts_ = {"quarantine.jsonl": bad, "sources.json": sources} if path.name == "corpus" else {}
    target.gather(Work(tuple(pieces), ({"documents": len(texts)}, {})), tables=tuple(tables), sides={}, texts=texts_)
    return target


def write_split(path: Path, texts: Mapping[str, str]) -> Split:
    """Ada's document in train, in two pieces, a paragraph of it cut; Bo's in val; Eve's in test."""
    head, tail = "ADA\n\nAda lives in Oakham.", "The mill is old."
    pieces = [
        {"id": f"ada-0001#{place}", "source": "books", "text": text, "book": "ada-0001", "heading": "ADA", "position": place}
        for place, text in enumerate((head, tail))
    ]
    others = {name: [{"id": name, "source": row(name, "")["source"], "text": text}] for name, text in texts.items() if name != "ada-0001"}
    rest = [one for name in sorted(set(others) - {"bo-0002", "eve-0005"}) for one in others[name]]
    parts: dict[Part, Any] = {
        "train": [*pieces, *rest] if "ada-0001" in texts else rest,
        "val": others.get("bo-0002", []),
        "test": others.get("eve-0005", []),
    }
    cut = [{"id": "ada-0001", "paragraph": 3, "text": "She told nobody.", "against": "test"}]
    target = Split(path)
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part, rows in parts.items()}, sides={"cut": pa.Table.from_pylist(cut)})
    return target

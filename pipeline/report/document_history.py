"""The life of a document, stage by stage: what was done to it, why it was dropped, where it lies now."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.metadata import values_of
from pipeline.core.artifact.split import PARTS
from pipeline.report.blocks import excerpt
from pipeline.report.figures import fixed, found_in, number, size, text
from pipeline.report.rules import allowed
from pipeline.report.search import PIECE, Found
from pipeline.report.stage_files import Place, Row, StageFiles, Where, equals
from pipeline.text.measure.metadata_rules import MetadataRule
from pipeline.text.measure.quality import LanguageRule, Rule, TextRule, first_broken
from pipeline.tokens.rows import rows_in

_PARAGRAPH = "\n\n"


@dataclass(frozen=True)
class Line:
    """A fact: what, its value, what is to be said of it, and whether that is good or bad news."""

    what: str
    value: str
    note: str = ""
    mark: str = ""  # good, bad or nothing


@dataclass(frozen=True)
class Chapter:
    """What a stage did to the document; `end` where it did not survive it, or where nothing more is known."""

    stage: str
    verdict: str
    lines: Sequence[Line] = field(default=())
    mark: str = ""  # of the verdict: good, bad or nothing
    end: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How much is told."""

    entries: int  # of copies, paragraphs and pieces
    excerpt: int  # characters of a quotation


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the chapters are told from."""

    folders: Mapping[str, StageFiles]  # by stage
    found: Found
    rules: Sequence[Rule]  # in force, as in select.rules
    shown: Shown

    @property
    def id(self) -> str:
        """The document's id."""
        return self.found.id


def history_of(asked: Asked) -> Iterator[Chapter]:
    """A chapter a stage, in the order of the data, until the document's end."""
    for stage, tell in _TELLERS.items():
        files = asked.folders[stage]
        if files.manifest is None:
            chapter = Chapter(stage, f"not known: {files.folder} is not there; .venv/bin/dvc repro {stage}", end=True)
        else:
            chapter = tell(asked, files)
        yield chapter
        if chapter.end:
            return


def _corpus(asked: Asked, files: StageFiles) -> Chapter:
    place = next(files.find("documents", ["id"], equals("id", asked.id)))
    row = place.row
    lines = [
        Line("origin", row["origin"], f"of the source {row['source']}"),
        Line("lies in", f"shard {place.shard} of {len(files.names('documents'))}", f"row {number(place.number)} of the corpus"),
        _size(row["text"]),
    ]
    if row.get("group"):
        lines.append(Line("group", row["group"], "stands on one side of the split, if there are others"))
    lines += [Line(name, value) for name, value in values_of(row).items()]
    lines += [_truth(truth.row) for truth in files.find("truth", ["id"], equals("id", asked.id))]
    return Chapter("corpus", "read", lines, "good")


def _truth(row: Row) -> Line:
    told = [f"planted: {', '.join(row['plants'])}"] if row.get("plants") else ["no dirt planted"]
    if row.get("copy_of"):
        told.append(f"{row.get('copy_kind')} copy of {row['copy_of']}")
    return Line("in truth", f"to {row['fate']}", "; ".join(told))


def _clean(asked: Asked, files: StageFiles) -> Chapter:
    place = next(files.find("documents", ["id"], equals("id", asked.id), ["id", "text"]), None)
    if place is None:
        return _unknown("clean", files)
    repairs = [found.row for found in files.find("repairs", ["id"], equals("id", asked.id))]
    lines = [_size(place.row["text"])]
    lines += [Line(row["repair"], number(row["count"]), "time" if row["count"] == 1 else "times") for row in repairs]
    verdict = f"repaired in {len(repairs)} way{'s' * (len(repairs) != 1)}" if repairs else "no repair changed it"
    return Chapter("clean", verdict if place.row["text"] else f"{verdict}; nothing is left of it", lines)


def _select(asked: Asked, files: StageFiles) -> Chapter:
    measured = next((place.row for place in asked.folders["clean"].find("statistics", ["id"], equals("id", asked.id))), {})
    measured |= next((place.row for place in files.find("scores", ["id"], equals("id", asked.id))), {})
    rules = [rule for rule in asked.rules if isinstance(rule, TextRule)]
    lines = [line for name, value in measured.items() if name != "id" for line in _judged(name, value, rules, measured)]
    unmeasured = [rule for rule in rules if _statistic(rule) not in measured]
    lines += [Line(_statistic(rule), "not measured", f"{rule.name}: {allowed(rule)}") for rule in unmeasured]
    lines += [Line(rule.field, "asked for", f"{rule.name}: {allowed(rule)}") for rule in asked.rules if isinstance(rule, MetadataRule)]
    dropped = next((place.row for place in files.find("dropped", ["id"], equals("id", asked.id))), None)
    if dropped is not None:
        return Chapter("select", f"dropped as {dropped['reason']}, {found_in(dropped)}", lines, "bad", end=True)
    if not any(True for _ in files.find("documents", ["id"], equals("id", asked.id), ["id"])):
        return _unknown("select", files)
    return Chapter("select", "kept", lines, "good")


def _judged(name: str, value: Any, rules: Sequence[TextRule], measured: Row) -> Iterator[Line]:
    """A line for each rule about the statistic; one without remark where there is none."""
    about = [rule for rule in rules if _statistic(rule) == name]
    for rule in about:
        reason, _ = first_broken(pa.Table.from_pylist([measured]), [rule])
        bad = reason[0].is_valid
        yield Line(name, text(value), f"{rule.name}: {allowed(rule)}, {'broken' if bad else 'met'}", "bad" if bad else "good")
    if not about:
        yield Line(name, text(value))


def _statistic(rule: TextRule) -> str:
    return "language" if isinstance(rule, LanguageRule) else rule.statistic


def _dedup(asked: Asked, files: StageFiles) -> Chapter:
    mine = next((place.row for place in files.find("clusters", ["id"], equals("id", asked.id))), None)
    if mine is None:
        return _unknown("dedup", files)
    all_ = [place.row for place in files.find("clusters", ["cluster"], equals("cluster", mine["cluster"]))]
    kept = next((row["id"] for row in all_ if row["kept"]), mine["cluster"])
    if mine["kind"] == "emptied":
        return Chapter("dedup", "nothing is left of it: all its paragraphs stand elsewhere", list(_passages(asked, files)), "bad", end=True)
    if not mine["kept"]:
        lines = [Line("cluster", mine["cluster"], f"of {number(len(all_))} documents")]
        return Chapter("dedup", f"lost to {kept}: {_alike(mine)}", lines, "bad", end=True)
    lost = [row for row in all_ if not row["kept"]]
    lines = [Line("lost to it", row["id"], _alike(row)) for row in lost[: asked.shown.entries]]
    lines += _more(lost, asked, "copies")
    lines += _passages(asked, files)
    verdict = f"kept; {number(len(lost))} cop{'ies' if len(lost) != 1 else 'y'} of it lost" if lost else "kept; it has no copy"
    return Chapter("dedup", verdict, lines, "good")


def _alike(row: Row) -> str:
    return (
        str(row["kind"]) if row["similarity"] is None else f"{row['kind']}, similarity {fixed(row['similarity'])} to the one most like it"
    )


def _passages(asked: Asked, files: StageFiles) -> Iterator[Line]:
    """What was cut out of the document, and what was cut elsewhere because it stands here."""
    mine = [place.row for place in files.find("passages", ["id"], equals("id", asked.id))]
    for row in mine[: asked.shown.entries]:
        yield Line(f"cut, {row['level']}", f"paragraph {row['paragraph']}", f"stands in {row['of']}: {_quote(row['text'], asked)}", "bad")
    yield from _more(mine, asked, "passages")
    if elsewhere := sum(1 for _ in files.find("passages", ["of"], equals("of", asked.id), ["id"])):
        yield Line("stays here", number(elsewhere), "passages of other documents were cut because they stand here")


def _split(asked: Asked, files: StageFiles) -> Chapter:
    mine = _of(asked.id)
    pieces = [(part, place) for part in PARTS for place in files.find(part, ["id", "book"], mine, ["id", "heading", "position", "text"])]
    wanted = [(part, place) for part, place in pieces if _wanted(asked, place)]
    lines = [_piece(part, place) for part, place in wanted[: asked.shown.entries]]
    lines += _more(wanted, asked, "pieces")
    cut = [place.row for place in files.find("cut", ["id"], mine)]
    for row in cut[: asked.shown.entries]:
        lines.append(Line(f"cut of {row['id']}", _which(row["paragraph"]), f"is in {row['against']}: {_quote(row['text'], asked)}", "bad"))
    lines += _more(cut, asked, "paragraphs cut")
    if not pieces and not cut:
        weight = _weight(asked)
        left_out = Chapter("split", f"left out of train: its source weighs {number(weight)}", end=True)
        return left_out if weight < 1 else _unknown("split", files)
    if not pieces:
        or_weight = f", or its source, which weighs {number(_weight(asked))}, left it out" if _weight(asked) < 1 else ""
        return Chapter("split", f"nothing was left when what is held out was cut from it{or_weight}", lines, "bad", end=True)
    if not wanted:
        return Chapter("split", f"it has no piece {asked.found.piece}, but {len(pieces)} others", lines, "bad", end=True)
    parts = [part for part in PARTS if any(part == one for one, _ in pieces)]
    return Chapter("split", f"in {' and '.join(parts)}, {len(pieces)} piece{'s' * (len(pieces) != 1)}", lines, "good")


def _of(identity: str) -> Where:
    """Rows of a document, whole or in pieces (ID#3), and where its source weighs more, a second time (ID#3*2)."""

    def where(table: pa.Table) -> pa.ChunkedArray:
        pieces = pc.match_substring_regex(table["id"], f"^{_escaped(identity)}{PIECE}$")
        return pc.or_kleene(pieces, pc.equal(table["book"], identity)) if "book" in table.column_names else pieces

    return where


def _which(paragraph: int | None) -> str:
    return "the whole of it" if paragraph is None else f"paragraph {paragraph}"


def _wanted(asked: Asked, place: Place) -> bool:
    piece, identity = asked.found.piece, place.row["id"]
    return piece is None or identity == piece or identity.startswith((f"{piece}*", f"{piece}#"))


def _weight(asked: Asked) -> float:
    """How often documents of its source stand in train."""
    corpus = asked.folders["corpus"]
    source = next(corpus.find("documents", ["id"], equals("id", asked.id), ["source"])).row["source"]
    try:
        return float(orjson.loads(corpus.bytes("sources.json"))[source]["weight"])
    except (FileNotFoundError, KeyError):
        return 1.0


def _escaped(literal: str) -> str:
    """The literal for RE2, which knows \\Q ... \\E."""
    return "\\Q" + literal.replace("\\E", "\\E\\\\E\\Q") + "\\E"


def _piece(part: str, place: Place) -> Line:
    row = place.row
    heading = f", {row['heading']}" if row.get("heading") else ""
    return Line(row["id"], f"{part}, shard {place.shard}", f"{size(len(row['text'].encode()))}{heading}")


def _tokenize(asked: Asked, files: StageFiles) -> Chapter:
    lines: list[Line] = []
    for part in PARTS:
        found = list(asked.folders["split"].find(part, ["id", "book"], _of(asked.id), ["id"]))
        wanted = [place for place in found if _wanted(asked, place)][: asked.shown.entries]
        if wanted:
            tokens = rows_in(Path(files.folder), part, (files.manifest or {})["facts"])
            for place in (one for one in wanted if one.number < len(tokens.sizes)):  # fewer, where the split is newer
                mine = tokens.rows_of(place.number).tolist()
                rows = ", ".join(map(number, mine[: asked.shown.entries])) + " …" * (len(mine) > asked.shown.entries)
                note = f"document {number(place.number)} of {part}, row{'s' * (len(mine) != 1)} {rows}" if mine else "no text, no row"
                lines.append(Line(place.row["id"], f"{number(int(tokens.sizes[place.number]))} tokens", note))
    return Chapter("tokenize", "in rows" if lines else "not known to it", lines, "good" if lines else "")


def _size(content: str) -> Line:
    paragraphs = content.count(_PARAGRAPH) + 1 if content else 0
    return Line(
        "size", size(len(content.encode())), f"{number(len(content))} characters, {number(paragraphs)} paragraph{'s' * (paragraphs != 1)}"
    )


def _quote(content: str, asked: Asked) -> str:
    return f"“{excerpt(content, asked.shown.excerpt)}”"


def _more(entries: Sequence[Any], asked: Asked, what: str) -> Iterator[Line]:
    if (left := len(entries) - asked.shown.entries) > 0:
        yield Line("and", number(left), f"more {what}")


def _unknown(stage: str, files: StageFiles) -> Chapter:
    return Chapter(stage, f"{files.folder} does not know it: it was made of another corpus; .venv/bin/dvc repro {stage}", end=True)


_TELLERS: Mapping[str, Callable[[Asked, StageFiles], Chapter]] = {
    "corpus": _corpus,
    "clean": _clean,
    "select": _select,
    "dedup": _dedup,
    "split": _split,
    "tokenize": _tokenize,
}
STAGES = tuple(_TELLERS)

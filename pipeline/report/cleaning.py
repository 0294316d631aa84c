"""What happened to the text: repaired, dropped, merged, cut; each with examples as they are."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, Split
from pipeline.report.blocks import Absent, Block, Quote, Quotes, Table, excerpt
from pipeline.report.charts import bar
from pipeline.report.figures import fixed, found_in, number, size, text
from pipeline.text.reading.ignored import how_to_read

Row = dict[str, Any]
_PARAGRAPH = "\n\n"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much is shown."""

    examples: int  # of each kind
    excerpt: int  # characters of each


def flow_blocks(corpora: Mapping[str, Corpus], split: Split) -> Iterator[Block]:
    """How much text is left after each stage; the corpora by what they hold, in the order of the data."""
    tables = {name: corpus.batches("documents", ["text"]) for name, corpus in corpora.items()}
    tables |= {part: split.batches(part, ["text"]) for part in PARTS}
    counts = {
        name: [(table.num_rows, pc.sum(pc.binary_length(table["text"])).as_py() or 0) for table in all_] for name, all_ in tables.items()
    }
    sizes = {name: sum(size_ for _, size_ in shards) for name, shards in counts.items()}
    rows = [
        (name, number(sum(count for count, _ in shards)), size(sizes[name]), bar(sizes[name], max(sizes.values())))
        for name, shards in counts.items()
    ]
    yield Table("What is left", ("", "documents", "text", ""), rows)


def quarantine_blocks(rows: Sequence[Row], amount: Amount) -> Iterator[Block]:
    """The rows that could not be read, with the reason."""
    if rows:
        quotes = [Quote(f"{row['file']}, line {text(row['line'])}", row["reason"], "bad") for row in rows[: amount.examples]]
        yield Quotes(f"Some of {number(len(rows))} rows in quarantine", quotes, folded=True)


def ignored_blocks(ignored: Mapping[str, int]) -> Iterator[Block]:
    """The files that were passed over, counted by kind, and how each kind is turned into text."""
    if ignored:
        rows = [(kind, number(count), how_to_read(kind)) for kind, count in table_order(ignored)]
        yield Table("Files passed over", ("kind", "files", "how to read them"), rows)


def dropped_blocks(selected: Corpus, truth: Mapping[str, Any], amount: Amount) -> Iterator[Block]:
    """The documents that the rules dropped, counted by reason, and the beginning of some of each."""
    rows: list[Row] = selected.table("dropped").to_pylist()
    if not rows:
        yield Absent("Dropped documents", "every document was kept")
        return
    counts = Counter(row["reason"] for row in rows)
    most = max(counts.values())
    table = [(reason.replace("_", " "), number(count), bar(count, most), *_known(truth, reason)) for reason, count in table_order(counts)]
    yield Table("Dropped by rules", ("reason", "documents", "", *_heads(truth)), table, _note(truth))
    for reason, _ in table_order(counts):
        some = [row for row in rows if row["reason"] == reason][: amount.examples]
        quotes = [Quote(f"{row['id']}, {found_in(row)}", excerpt(row["text"], amount.excerpt) or "(no text)", "bad") for row in some]
        yield Quotes(f"Dropped as {reason.replace('_', ' ')}", quotes, folded=True)


def repair_blocks(cleaned: Corpus, truth: Mapping[str, Any]) -> Iterator[Block]:
    """How often each repair was made, with its precision and recall where the truth is known."""
    rows: list[Row] = cleaned.table("repairs").to_pylist()
    times: Counter[str] = Counter()
    for row in rows:
        times[row["repair"]] += row["count"]
    documents = Counter(row["repair"] for row in rows if row["count"])
    if not documents:
        yield Absent("Repairs", "no document needed one")
        return
    most = max(documents.values())
    table = []
    for repair, count in table_order(documents):
        cells = (number(times[repair]), number(count), bar(count, most), *_known(truth, repair))
        table.append((repair.replace("_", " "), *cells))
    yield Table("Repairs", ("repair", "times", "documents", "", *_heads(truth)), table, _note(truth))


def copy_blocks(selected: Corpus, deduplicated: Corpus, truth: Mapping[str, Any], amount: Amount) -> Iterator[Block]:
    """The documents that repeat another, and where some of them differ from the one that was kept."""
    rows: list[Row] = deduplicated.table("clusters").to_pylist()
    removed = [row for row in rows if not row["kept"]]
    if not removed:
        yield Absent("Copies", "no document repeats another")
        return
    keepers = {row["cluster"]: row["id"] for row in rows if row["kept"]}
    counts = Counter(row["kind"] for row in removed)
    table = [(kind, number(count), *_known(truth, kind)[1:]) for kind, count in table_order(counts)]
    told = f"Precision over both kinds: {fixed(truth['precision'])}." if truth.get("precision") is not None else _note(truth)
    yield Table("Copies removed", ("kind", "documents", *_heads(truth)[1:]), table, told)
    near = [row for row in removed if row["kind"] in ("near", "semantic")][: amount.examples]
    texts = _texts(selected, {row["id"] for row in near} | {keepers[row["cluster"]] for row in near})
    for row in near:
        keeper = keepers[row["cluster"]]
        kept, copy = first_difference(texts[keeper], texts[row["id"]])
        quotes = [
            Quote(f"kept: {keeper}", excerpt(kept, amount.excerpt), "good"),
            Quote(f"removed: {row['id']}, similarity {number(row['similarity'])}", excerpt(copy, amount.excerpt), "bad"),
        ]
        yield Quotes(f"{row['id']} repeats {keeper}", quotes, "The first paragraph in which they differ.", folded=True, aside=True)


def passage_blocks(deduplicated: Corpus, truth: Mapping[str, Any], amount: Amount) -> Iterator[Block]:
    """The paragraphs, and runs within paragraphs, that stand in another document too and were cut out."""
    rows: list[Row] = deduplicated.table("passages").to_pylist()
    if not rows:
        yield Absent("Repeated passages", "no paragraph stands twice")
        return
    counts = Counter(row["level"] for row in rows)
    names = {"paragraph": "passages", "substring": "spans"}
    table = [(level, number(count), *_known(truth, names[level])) for level, count in table_order(counts)]
    yield Table("Passages cut out", ("level", "times", *_heads(truth)), table, _note(truth))
    quotes = [Quote(f"{row['id']}, also in {row['of']}", excerpt(row["text"], amount.excerpt), "bad") for row in rows[: amount.examples]]
    yield Quotes("Some of them", quotes, folded=True)


def cut_blocks(split: Split, amount: Amount) -> Iterator[Block]:
    """The training paragraphs that were cut because held-out text holds them too."""
    rows: list[Row] = split.table("cut").to_pylist()
    if not rows:
        yield Absent("Cut paragraphs", "no training paragraph stands in held-out text too")
        return
    quotes = [
        Quote(f"{row['id']}, also in {row['against']}", excerpt(row["text"], amount.excerpt), "bad") for row in rows[: amount.examples]
    ]
    yield Quotes(f"Some of {number(len(rows))} paragraphs cut from training", quotes, folded=True)


def first_difference(one: str, other: str) -> tuple[str, str]:
    """The first paragraph that the other text does not have at that place, and what it has there."""
    left, right = one.split(_PARAGRAPH), other.split(_PARAGRAPH)
    for index in range(max(len(left), len(right))):
        pair = tuple(side[index] if index < len(side) else "" for side in (left, right))
        if pair[0] != pair[1]:
            return pair[0], pair[1]
    return "", ""


def table_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The largest first, equal ones by name."""
    return sorted(counts.items(), key=_by_count)


def _heads(truth: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the columns that compare with the truth; none where it is not known."""
    return ("precision", "recall") if truth else ()


def _known(truth: Mapping[str, Any], name: str) -> tuple[str, ...]:
    known = truth.get(name) or {}
    return tuple(fixed(known.get(head)) for head in _heads(truth))


def _note(truth: Mapping[str, Any]) -> str:
    return "Precision and recall are over documents, against what the generator planted." if truth else ""


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _texts(corpus: Corpus, wanted: set[str]) -> dict[str, str]:
    among = pa.array(sorted(wanted), pa.string())
    found = [table.filter(pc.is_in(table["id"], among)) for table in corpus.batches("documents", ["id", "text"])]
    return {row["id"]: row["text"] for table in found for row in table.to_pylist()}

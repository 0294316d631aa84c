"""The exported files: sizes, and how near each is to the model that it was made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.blocks import Absent, Block, Table
from pipeline.report.charts import bar
from pipeline.report.figures import ABSENT, fixed, number, size

FP32, FOLDER = "fp32", "safetensors"


def files_of(parity: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The measures of each file, by its name; none where export has not run."""
    return {name: found for name, found in (parity or {}).items() if isinstance(found, Mapping) and "bytes" in found}


def parity_of(entries: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """The measures of all entries by file; a file that another entry has too is named by its entry."""
    found: dict[str, Any] = {}
    for entry, measures in entries.items():
        for name, values in (measures or {}).items():
            found[name if name not in found or name == FP32 else f"{entry}: {name}"] = values
    return found


def export_blocks(parity: Mapping[str, Any] | None, bounds: Mapping[str, Any]) -> Iterator[Block]:
    """One row a file, and the bounds that all have kept."""
    if parity is None:
        yield Absent("Exported files", "not run")
        return
    files = files_of(parity)
    most = max((found["bytes"] for found in files.values()), default=0)
    rows = [
        (
            name,
            size(found["bytes"]),
            bar(found["bytes"], most),
            number(int(found["ids_differ"])) if "ids_differ" in found else ABSENT,
            number(found.get("max_logit_share")),
            number(found.get("mean_logit")),
            fixed(found.get("argmax")),
            number(found.get("kl")),
            fixed(found.get("perplexity")),
        )
        for name, found in sorted(files.items(), key=lambda entry: (entry[0] != FOLDER, -entry[1]["bytes"], entry[0]))
    ]
    heads = (
        "file",
        "size",
        "",
        "ids that differ",
        "max |Δlogit| / sd",
        "mean |Δlogit|",
        "same favourite",
        "KL, nats a token",
        "perplexity",
    )
    told = ", ".join(f"{name} {number(value)}" for name, value in bounds.items() if isinstance(value, int | float))
    whole = parity.get(FP32, {}).get("perplexity") if isinstance(parity.get(FP32), Mapping) else None
    note = (
        f"Each file was loaded back by a program that is not ours and compared on held-out text; fp32 perplexity there: {fixed(whole)}. "
        f"Logits of a quantized file are compared with its own dequantized weights; KL is always from fp32. "
        f"Bounds, all kept: {told}."
    )
    yield Table("", heads, rows, note)

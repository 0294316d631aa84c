"""The exported files: sizes, and how near each is to the model that it was made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.blocks import Absent, Block, Figures, Table
from pipeline.report.charts import Curve, bar, line_chart
from pipeline.report.figures import ABSENT, fixed, number, size

FP32, FOLDER, DROPPED = "fp32", "safetensors", "dropped"
_BOUNDED = {"row_error": "worst row", "mean_logit": "logits", "kl": "KL"}  # the bounds of an entry, as the columns are called
LEAST = 1e-9  # nats a token: less is the noise of fp32


def files_of(parity: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The measures of each file, by its name; none where export has not run."""
    return {name: found for name, found in (parity or {}).items() if isinstance(found, Mapping) and "bytes" in found}


def dropped_of(parity: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """What is told of the files that were not released: faults and mend of each, by its name."""
    return dict((parity or {}).get(DROPPED) or {})


def parity_of(entries: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """The measures of all entries by file; a file that another entry has too is named by its entry."""
    found: dict[str, Any] = {}
    dropped: dict[str, Any] = {}
    for entry, measures in entries.items():
        for name, values in (measures or {}).items():
            if name == DROPPED:
                dropped |= {kind if kind not in dropped else f"{entry}: {kind}": told for kind, told in values.items()}
            else:
                found[name if name not in found or name == FP32 else f"{entry}: {name}"] = values
    return found | {DROPPED: dropped} if dropped else found


def loss_curves(entries: Mapping[str, Mapping[str, Any] | None]) -> list[Curve]:
    """KL by bytes on disk: a curve an entry, through its files, and one of what plain rounding makes of them, where that is worse.

    A file without loss has no place on a logarithmic axis.
    """
    curves = []
    for entry, measures in entries.items():
        found = [one for one in files_of(measures).values() if one.get("kl", 0) > LEAST]
        rounded = [(one["bytes"], kl) for one in found if (kl := (one.get("rounding") or {}).get("kl", 0)) > one["kl"]]
        curves.append(Curve(entry, sorted((float(one["bytes"]), float(one["kl"])) for one in found)))
        curves.append(Curve(f"{entry}, rounded to nearest", sorted((float(size), float(kl)) for size, kl in rounded)))
    return [curve for curve in curves if curve.points]


def loss_figure(entries: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """Loss against bytes on disk over all files, where there are two sizes to compare."""
    curves = loss_curves(entries)
    if len({size for curve in curves for size, _ in curve.points}) > 1:
        chart = line_chart(curves, title="Loss against bytes on disk", x="bytes", levels=(), log=True, log_x=True)
        yield Figures([chart], "KL divergence from the fp32 model, nats a token on held-out text: what each byte less costs.")


def export_blocks(parity: Mapping[str, Any] | None, bounds: Mapping[str, Any]) -> Iterator[Block]:
    """One row a file, the bounds that all have kept, and what was not released."""
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
            fixed(found.get("row_error")),
            number(found.get("mean_logit_share")),
            fixed(_times(found)),
            fixed(found.get("argmax")),
            number(found.get("kl")),
            number((found.get("rounding") or {}).get("kl")),
            fixed(found.get("perplexity")),
        )
        for name, found in sorted(files.items(), key=lambda entry: (entry[0] != FOLDER, -entry[1]["bytes"], entry[0]))
    ]
    heads = (
        "file",
        "size",
        "",
        "ids that differ",
        "worst row",
        "mean |Δlogit| / sd",
        "times rounding",
        "same favourite",
        "KL, nats a token",
        "KL to nearest",
        "perplexity",
    )
    told = ", ".join(f"{_BOUNDED.get(name, name)} {number(value)}" for name, value in bounds.items() if isinstance(value, int | float))
    whole = parity.get(FP32, {}).get("perplexity") if isinstance(parity.get(FP32), Mapping) else None
    note = (
        "Each file was loaded back by a program that is not ours and compared on held-out rows as long as those of training, "
        f"which don't overlap; fp32 perplexity there: {fixed(whole)}. "
        f"Worst row: the error of a matrix's row, times that of rounding it to nearest. Logits are compared with those of the file's own "
        f"weights in torch; times rounding: how much more they differ than rounding the inputs of the matrices explains. "
        f"KL is from fp32; to nearest: what plain rounding makes it. All files are within their bounds, in multiples of rounding: {told}."
    )
    yield Table("", heads, rows, note)
    for name, told_of in dropped_of(parity).items():
        yield Absent(f"File {name}", f"not released, it is not the model: {'; '.join(told_of['faults'])}. Ways out: {told_of['mend']}")


def _times(found: Mapping[str, Any]) -> float | None:
    """How much more the logits differ than rounding explains."""
    rounding = (found.get("rounding") or {}).get("mean_logit")
    return found["mean_logit"] / rounding if rounding else None

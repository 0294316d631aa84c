"""The results of a comparison as Markdown for docs/log.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_TERABYTE = 1e6  # MB


@dataclass(frozen=True)
class Target:
    """A target and the measured value."""

    about: str
    name: str
    value: float
    direction: Literal["at least", "at most"]
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.bound if self.direction == "at least" else self.value <= self.bound


def markdown(result: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """A table of the targets, and one per comparison."""
    head = (
        f"{result['documents']:,} documents, {result['raw_bytes'] / 1e6:.1f} MB of JSONL, a chain over {result['chain_of_words']}; "
        f"{result['cores']} cores, load {result['load_before']:.1f} before and {result['load_after']:.1f} after."
    )
    parts = [head, _targets(targets)]
    parts += [write(result[name]) for name, write in _TABLES.items() if name in result]
    return "\n\n".join(parts) + "\n"


def _targets(targets: Sequence[Target]) -> str:
    rows = [[f.about, f.name, f"{f.value:.4g}", f"{f.direction} {f.bound:g}", "holds" if f.holds else "**fails**"] for f in targets]
    return _table(["what", "figure", "found", "wanted", ""], rows)


def _dedup(rows: Mapping[str, Any]) -> str:
    ours = rows["ours"]["documents_per_cpu_second"]
    start = f"Of ours, start and imports: {rows['ours']['start_seconds']:.2f} CPU s."
    table = _table(
        [
            "dedup",
            "docs / CPU s",
            "ours is",
            "CPU s",
            "s",
            "peak MB",
            "kept",
            "recall J >= .8",
            "removed, J < .8",
            "removed, J < .5",
            "clusters lost",
        ],
        [
            [
                tool,
                f"{row['documents_per_cpu_second']:,.0f}",
                f"{ours / row['documents_per_cpu_second']:.1f}x",
                f"{row['cpu_seconds']:.2f}",
                f"{row['seconds']:.2f}",
                f"{row['peak_megabytes']:.0f}",
                f"{row['kept']:,}",
                f"{row['recall']:.4f}",
                str(row["removed_below"]),
                str(row["removed_below_half"]),
                str(row["lost"]),
            ]
            for tool, row in rows.items()
        ],
    )
    return f"{table}\n\n{start}"


def _speeds(title: str, rows: Mapping[str, Any]) -> str:
    ours = rows["ours"]["megabytes_per_cpu_second"]
    return _table(
        [title, "MB / CPU s", "ours is", "MB", "CPU s", "parts, or besides"],
        [
            [
                tool,
                f"{row['megabytes_per_cpu_second']:.4g}",
                f"{ours / row['megabytes_per_cpu_second']:.1f}x",
                f"{row['bytes'] / 1e6:.1f}",
                f"{row['cpu_seconds']:.2f}",
                ", ".join(f"{name} {seconds:.2f} s" for name, seconds in row.get("parts", {}).items()),
            ]
            for tool, row in rows.items()
        ],
    )


def _chains(answers: Mapping[str, Any]) -> str:
    return "\n\n".join(_chain(name, answer) for name, answer in answers.items())


def _chain(name: str, answer: Mapping[str, Any]) -> str:
    """The rates by stage, and extrapolated to a terabyte."""
    rows = [
        [
            stage,
            f"{row['megabytes_per_cpu_second']:.1f}",
            f"{_TERABYTE / row['megabytes_per_cpu_second'] / 3600:.1f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['seconds']:.2f}",
            f"{row['peak_megabytes']:.0f}",
            str(row["documents"]),
        ]
        for stage, row in answer["stages"].items()
    ]
    rows.append(["start and imports", "", "", f"{answer['start_seconds']:.2f}", "", "", ""])
    rate = answer["megabytes_per_cpu_second"]
    whole = [f"{rate:.1f}", f"{_TERABYTE / rate / 3600:.1f}", *(f"{answer[key]:.2f}" for key in ("cpu_seconds", "seconds"))]
    rows.append(["whole process", *whole, f"{answer['peak_megabytes']:.0f}", ""])
    return _table([f"stage, {name}", "MB of raw text / CPU s", "CPU hours a TB", "CPU s", "s", "peak MB so far", "documents"], rows)


_TABLES = {
    "dedup": _dedup,
    "quality": lambda rows: _speeds("quality statistics", rows),
    "reading": lambda rows: _speeds("JSONL reading", rows),
    "chain": _chains,
}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])

"""What of the settings is not as in conf/, and how much was computed by which stage."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.blocks import Block, Table
from pipeline.report.figures import ABSENT, large, number
from pipeline.report.headlines import found

_SENSE = "Reproducible counts. Seconds, cost and energy pass: make page and make card state them."


def deviation_blocks(words: Sequence[str], deviations: Sequence[Mapping[str, str]]) -> Iterator[Table]:
    """Each value that differs, beside its default; the words that give it again. Nothing where all are defaults."""
    if deviations:
        rows = [(one["key"], one["value"], one["default"]) for one in deviations]
        again = " ".join(f"-S {shlex.quote(word)}" for word in words)
        yield Table("Settings that differ from conf/", ("key", "this run", "conf/"), rows, f"Again: dvc exp run {again}" if words else "")


def compute_blocks(metrics: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """Steps, tokens and passes of each stage that trains; arithmetic where it is counted."""
    rows = []
    for stage, own in metrics.items():
        if own is None or found(own, "steps") is None or found(own, "tokens") is None:
            continue
        each = found(own, "training_flops_per_token")
        epochs = found(own, "epochs")
        flops = ABSENT if each is None else f"{each * own['tokens']:.2e}"
        rows.append((stage, number(own["steps"]), large(own["tokens"]), ABSENT if epochs is None else f"{epochs:.2f}", flops))
    if rows:
        yield Table("How much was computed", ("", "steps", "tokens", "epochs", "training FLOPs"), rows, _SENSE)

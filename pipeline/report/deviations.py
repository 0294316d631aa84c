"""What of the settings is not as in conf/."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from pipeline.report.blocks import Table


def deviation_blocks(words: Sequence[str], deviations: Sequence[Mapping[str, str]]) -> Iterator[Table]:
    """Each value that differs, beside its default; the words that give it again. Nothing where all are defaults."""
    if deviations:
        rows = [(one["key"], one["value"], one["default"]) for one in deviations]
        again = " ".join(f"-S {shlex.quote(word)}" for word in words)
        yield Table("Settings that differ from conf/", ("key", "this run", "conf/"), rows, f"Again: dvc exp run {again}" if words else "")

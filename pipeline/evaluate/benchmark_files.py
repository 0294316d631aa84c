"""Whether the files that a task asks have its shape: told before any model is trained."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.evaluate.benchmarks.formats import ANSWERS, CHOICES
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.kinds import toxicity
from pipeline.evaluate.kinds.bias import SHAPES
from pipeline.evaluate.kinds.refusals import COLUMNS, request_of

Reader = tuple[Callable[[Mapping[str, Any]], Any], Sequence[str]]  # of a row; the columns of a CSV without a head
READERS: dict[str, Callable[[Any], Reader]] = {  # by the kind of a task; of its format
    "benchmark": lambda shape: (CHOICES[shape].read, CHOICES[shape].columns),
    "written": lambda shape: (ANSWERS[shape].read, ANSWERS[shape].columns),
    "bias": lambda shape: (SHAPES[shape], ()),
    "refusals": lambda _: (request_of, COLUMNS),
    "toxicity": lambda _: (toxicity.prompt_of, toxicity.COLUMNS),
}


def refuse_other_shapes(folder: Path, files: str, *, kind: str, shape: str | None, key: str) -> None:
    """InputError where a file below the folder can't be read, or has rows of another shape than a task of this kind and format asks."""
    read, columns = READERS[kind](shape)
    problems(folder, files, read, columns, key=key)

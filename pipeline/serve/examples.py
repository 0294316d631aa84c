"""Questions to begin with: what the run itself was asked, for whoever does not know what its model knows."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import ArtifactError
from pipeline.core.seed import stream

LONGEST = 90  # characters, so that it fits a button
READ = 2_000  # rows at most, of each table: files may be large
TABLES = (("questions", "prompt"), ("preferences", "prompt"), ("instructions", "messages"))


def examples_of(folder: Path, *, count: int = 3) -> list[str]:
    """So many first questions from the run's dialogues, the same each time; none where there are no whole dialogues.

    Of the questions with known answers where there are some, else of prompts of pairs, else of instructions. Each begins with words of
    its own, as far as there are such.
    """
    dialogues = Dialogues(folder)
    try:
        tables = [list(dict.fromkeys(_short(dialogues, *one))) for one in TABLES]
    except ArtifactError:  # a model answers without them
        return []
    found = next(filter(None, tables), [])
    mixed = [found[number] for number in stream(0, "examples").permutation(len(found)).tolist()]
    kinds = {_beginning(text): text for text in reversed(mixed)}
    first = [text for text in mixed if kinds[_beginning(text)] == text]
    return [*first, *(text for text in mixed if text not in first)][:count]


def _short(dialogues: Dialogues, table: str, column: str) -> Iterator[str]:
    """What users begin with, where it is one short line."""
    for row in islice(dialogues.rows_if_any(table), READ):
        asked = next((message["content"] for message in row[column] if message["role"] == "user"), "").strip()
        if 0 < len(asked) <= LONGEST and "\n" not in asked:
            yield asked


def _beginning(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split()[:2])

"""Instructions, preferences and questions."""

from collections.abc import Iterator
from typing import Any

from pipeline.core.artifact.base import Artifact
from pipeline.core.files import read_jsonl


class Dialogues(Artifact):
    """instructions.jsonl and preferences.jsonl always; questions.jsonl where answers can be checked; labels.jsonl where files say
    that an answer is good or bad; quarantine.jsonl."""

    kind = "dialogues"

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of NAME.jsonl."""
        return read_jsonl(self.file(f"{name}.jsonl"))

    def rows_if_any(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of NAME.jsonl; none where there is no such table."""
        return self.rows(name) if self.has(f"{name}.jsonl") else iter(())

"""What an evaluation found."""

from typing import Any

from pipeline.core.artifact.base import Artifact
from pipeline.core.files import read_json


class Scores(Artifact):
    """scores.json (a list of rows) and answers.jsonl (what was asked and what each model said)."""

    kind = "scores"

    def read(self) -> list[dict[str, Any]]:
        """The rows of scores.json."""
        rows: list[dict[str, Any]] = read_json(self.file("scores.json"))
        return rows

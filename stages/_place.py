"""Where a stage stands in the run that DVC does: which of how many, and how long the rest takes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.blocks import Block, read_blocks
from pipeline.core.params import Params
from pipeline.core.remaining import head_line, told_key
from stages._log import LOG


class Place:
    """The stage that DVC runs here, among the others; by hand there is none."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        name = os.environ.get("DVC_STAGE")
        self._settings = settings
        self._blocks: list[Block] = read_blocks(Path("dvc.yaml"), settings) if name else []
        self._own = next((block for block in self._blocks if block.name == name), None)

    @property
    def told(self) -> str | None:
        """The key of what DVC told the stage."""
        return told_key(self._own, self._settings) if self._own else None

    @property
    def head(self) -> str | None:
        """A line to begin with."""
        if self._own is None:
            return None
        lock = Path("dvc.lock")
        content = yaml.load(lock.read_bytes(), Params) if lock.is_file() else {}
        return head_line(self._own.name, self._blocks, self._settings, content or {}, LOG)

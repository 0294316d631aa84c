"""The base of all artifacts: a path that knows what lies there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline.core import manifest
from pipeline.core.files import draft_folder
from pipeline.core.owned import claim


@dataclass
class Draft:
    """A folder being written, and the facts that its manifest will state."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)


class Artifact:
    """A folder of one kind. Nothing is read until it is asked for; then every file is checked once."""

    kind: ClassVar[str]

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @cached_property
    def manifest(self) -> manifest.Manifest:
        """The manifest, after all files were compared with it. Raises ArtifactError with the mend."""
        stage = self.path.name
        if (
            len(self.path.parts) >= 3 and self.path.parts[0] == "data"
        ):  # data/align/dpo is of the stage align@dpo, data/pretrain/kept/1 of pretrain
            stage = "@".join(self.path.parts[1:]) if len(self.path.parts) == 3 else self.path.parts[1]
        return manifest.check(self.path, self.kind, mend=f".venv/bin/dvc repro {stage}")

    @property
    def facts(self) -> dict[str, Any]:
        """What the writer stated: counts, digests of what it was made with."""
        return dict(self.manifest.facts)

    @property
    def digest(self) -> str:
        """SHA-256 of kind, facts and files: equal for equal content."""
        return self.manifest.digest

    def has(self, name: str) -> bool:
        """Whether the artifact carries this file."""
        return name in self.manifest.files

    def file(self, name: str) -> Path:
        """The path of one of its files, checked against the manifest."""
        if not self.has(name):
            raise KeyError(f"{self.path} carries no {name}; it has {', '.join(self.manifest.files)}")
        return self.path / name

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Write all or nothing: the folder appears, with its manifest, when the body has succeeded.

        InputError where the place holds something else than an artifact of this kind.
        """
        claim(self.path, self.kind)
        with draft_folder(self.path) as folder:
            draft = Draft(folder)
            yield draft
            manifest.seal(folder, self.kind, draft.facts)
        self.__dict__.pop("manifest", None)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Self], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))

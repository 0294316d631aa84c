"""A model that is judged: ours, or one of other people."""

from functools import cached_property

from pipeline.core.artifact.model import Model
from pipeline.core.files import sha256_of
from pipeline.core.manifest import NAME, Manifest


class Candidate(Model):
    """A folder as transformers reads it. One without a manifest is no stage's: its files are taken as they are, but for folders in it; its
    facts are the digest of its tokenizer, and that it is not ours."""

    @property
    def ours(self) -> bool:
        """Whether a stage of ours wrote it; also where nothing is there, which its reader tells."""
        return (self.path / NAME).is_file() or not (self.path / "config.json").is_file()

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, or what one would say."""
        if self.ours:
            return super().manifest
        paths = sorted(path for path in self.path.iterdir() if path.is_file() and not path.name.startswith("."))
        files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths}
        return Manifest(kind=self.kind, facts={"ours": False, "tokenizer": files.get("tokenizer.json", {}).get("sha256")}, files=files)

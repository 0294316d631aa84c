"""Tokens, and how they are laid into rows of fixed length."""

from pipeline.core.artifact.base import Artifact
from pipeline.core.artifact.split import Part


class Tokens(Artifact):
    """PART/00000.safetensors, ... of each part of the split.

    `tokens` uint16 or uint32 [n + 1], documents one after the other; `starts` int64 [D + 1]; `runs` int64 [P, 2]; `rows` int64 [R + 1];
    of train perhaps `scores` float32 [D].
    The facts state the digest of the tokenizer that made them.
    """

    kind = "tokens"

    @staticmethod
    def shard(part: Part, number: int) -> str:
        """The file of a shard, relative to the artifact."""
        return f"{part}/{number:05d}.safetensors"

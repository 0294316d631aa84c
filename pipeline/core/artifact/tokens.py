"""Token rows of fixed length."""

from pipeline.core.artifact.base import Artifact


class Tokens(Artifact):
    """train.safetensors, val.safetensors, test.safetensors: `rows` uint16 or uint32 [N, length].

    The facts state the digest of the tokenizer that made them.
    """

    kind = "tokens"

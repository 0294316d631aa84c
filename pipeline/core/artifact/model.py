"""A model on disk."""

from pipeline.core.artifact.base import Artifact


class Model(Artifact):
    """config.json, generation_config.json, model.safetensors and the tokenizer's files, as transformers reads them.

    The facts state the digest of the tokenizer and the number of parameters.
    """

    kind = "model"

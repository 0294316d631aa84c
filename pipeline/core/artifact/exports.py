"""A model as files for other programs."""

from pipeline.core.artifact.base import Artifact


class Exports(Artifact):
    """safetensors/ (a transformers folder), model-FORMAT.gguf a format, parity.json."""

    kind = "exports"

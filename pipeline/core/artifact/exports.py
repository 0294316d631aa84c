"""A model as files for other programs."""

from pipeline.core.artifact.base import Artifact


class Exports(Artifact):
    """The files of one format and parity.json. The facts state the model, and the types of GGUF or ONNX files (none for folders)."""

    kind = "exports"

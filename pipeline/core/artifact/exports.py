"""A model as files for other programs."""

from pipeline.core.artifact.base import Artifact


class Exports(Artifact):
    """The files of one format and parity.json. The facts state the model, and the types of GGUF or ONNX files (none for folders)."""

    kind = "exports"
    BILL = "scriptorium"  # the key of the bill of materials in config.json, and before its keys in the metadata of GGUF and ONNX

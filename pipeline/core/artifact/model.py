"""A model on disk."""

from pipeline.core.artifact.base import Artifact


class Model(Artifact):
    """config.json, generation_config.json, model.safetensors and the tokenizer's files, as transformers reads them.

    The facts state the digest of the tokenizer and the number of parameters.
    """

    kind = "model"
    EARLIER = "kept"  # the folder below that holds models of fewer steps, by number
    ADAPTER = "adapter"  # the folder below that holds, in peft's files, what was learned of a model whose weights were held
    NOT_TRAINED = "not_trained"  # the fact that says why a stage took over the model before it

    @property
    def own_files(self) -> list[str]:
        """What makes the model: not what the folders below hold."""
        return [name for name in self.manifest.files if "/" not in name]

    @property
    def not_trained(self) -> str | None:
        """Why the stage that wrote it has learned nothing; None where it has."""
        reason: str | None = self.facts.get(self.NOT_TRAINED)
        return reason

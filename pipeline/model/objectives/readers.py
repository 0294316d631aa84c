"""The objectives whose model reads texts and can't go on from one. Imports nothing heavy: the plan tells before anything is trained."""

from pipeline.core.errors import PipelineError

READERS = ("contrastive", "masked", "span")
END = ".venv/bin/dvc repro pretrain"  # the last stage that has a use for one


def refuse_reader(objective: str | None, *, place: str) -> None:
    """PipelineError for a model that was taught by one of these, where a language model is needed."""
    if objective in READERS:
        message = f"{place} was pretrained by objective={objective}: it can't go on from a text, as all that comes after pretrain asks"
        raise PipelineError(message, mend=f"objective=causal, or end with `{END}`")

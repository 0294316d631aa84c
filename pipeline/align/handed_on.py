"""A stage that has nothing to learn from hands on the model before it, so that the chain ends with what there is."""

import shutil
from typing import Any

from pipeline.core.artifact.model import Model


def hand_on(source: Model, target: Model, missing: str) -> dict[str, Any]:
    """Write the model as it is, byte by byte, with the reason among its facts; the metrics tell it too."""
    reason = nothing(missing)
    with target.writing() as draft:
        for name in source.own_files:
            shutil.copyfile(source.file(name), draft.path / name)
        draft.facts |= {**source.facts, Model.NOT_TRAINED: reason}
    return {Model.NOT_TRAINED: reason}


def nothing(missing: str) -> str:
    """The reason, in words."""
    return f"there are no {missing}"

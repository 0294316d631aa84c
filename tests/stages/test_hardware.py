"""The section `hardware`: what does not go together is told with what does."""

import pytest

from pipeline.core.errors import PipelineError
from stages._hardware import Hardware
from stages._settings import compose, plain, typed


def hardware(*words: str) -> Hardware:
    return typed(Hardware, plain(compose(list(words)))["hardware"], at="hardware")


def test_weights_are_dealt_to_two_ranks_or_more() -> None:
    assert hardware("hardware.ranks=2", "hardware.parallel=fsdp").parallel == "fsdp"
    with pytest.raises(PipelineError, match="ranks=2 or more, or parallel=data"):
        hardware("hardware.parallel=fsdp")

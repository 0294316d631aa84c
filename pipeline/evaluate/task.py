"""What a kind of task is given, and what it gives back."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import tokenizers

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.table import Row
from pipeline.tokens.tokenizer import vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The data that tasks draw on, and how scores are estimated."""

    split: Split
    tokens: Tokens
    tokenizer: tokenizers.Tokenizer
    digest: str  # of the tokenizer
    bootstrap: Bootstrap
    seed: int

    @cached_property
    def widths(self) -> npt.NDArray[np.int64]:
        """Bytes of each token: the byte-level alphabet has a character a byte."""
        return np.array([len(token) for token in vocabulary(self.tokenizer)])


@dataclass(frozen=True, kw_only=True)
class Examined(HeldOut):
    """The same for a model."""

    name: str  # of the model
    dialogues: Dialogues
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """Scores, and a record of each thing asked, for answers.jsonl."""

    rows: list[Row]
    records: list[dict[str, Any]] = field(default_factory=list)


class Task(Protocol):
    """One entry of `tasks`."""

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """What the model scores."""
        ...

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """What can be said without a model: counting, chance, the source itself."""
        ...

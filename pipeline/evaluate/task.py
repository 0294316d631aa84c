"""What a kind of task is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import tokenizers

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram, characters
from pipeline.evaluate.table import Row
from pipeline.tokens.codec import Codec, Own, ids_of
from pipeline.tokens.rows import open_rows
from pipeline.tokens.special import IDS, PAD
from pipeline.tokens.tokenizer import widths

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The data that tasks draw on, and how scores are estimated."""

    split: Split
    tokens: Tokens
    dialogues: Dialogues
    benchmarks: Path  # published ones lie below
    tokenizer: tokenizers.Tokenizer  # of `tokens`
    digest: str  # of the tokenizer
    bootstrap: Bootstrap
    seed: int
    tasks: Mapping[str, "Task"] = field(default_factory=dict)  # all that are asked, by name: some ask the items of another

    @cached_property
    def widths(self) -> npt.NDArray[np.int64]:
        """Bytes of each token."""
        return np.array(widths(self.tokenizer))

    def stream(self, *names: str | int) -> np.random.Generator:
        """A stream of random numbers of that name."""
        return stream(self.seed, "task", *names)

    @property
    def codec(self) -> Codec:
        """How texts and dialogues become ids."""
        return Own(self.tokenizer)

    def ids(self, text: str) -> list[int]:
        """The ids of a text."""
        return ids_of(text, self.codec)

    def ngram(self, order: int) -> Ngram:
        """An n-gram model of the training text; counted once. PipelineError where there is too little."""
        if (order, "tokens") not in self._counted:
            train = list(open_rows(self.tokens, "train", tokenizer_digest=self.digest).documents())
            text = np.concatenate(train)[None] if train else np.zeros((1, 0), dtype=np.int64)
            if text.shape[1] < order:
                raise PipelineError(
                    f"{self.tokens.path} has too little training text to count", mend="larger shares in split, or more text"
                )
            found = Ngram(text, order=order, vocabulary=int(self.tokens.facts["vocabulary"]), padding=IDS[PAD])
            self._counted[order, "tokens"] = found
        return self._counted[order, "tokens"]

    def characters(self, order: int) -> Ngram:
        """The same of its bytes; counted once."""
        if (order, "bytes") not in self._counted:
            texts = [text.encode() for text in self.split.read("train", ["text"])["text"].to_pylist()]
            if sum(map(len, texts)) < order:
                raise PipelineError(f"{self.split.path} has too little training text to count", mend="larger shares in split, or more text")
            self._counted[order, "bytes"] = characters(texts, order=order)
        return self._counted[order, "bytes"]

    @cached_property
    def _counted(self) -> dict[tuple[int, str], Ngram]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Examined(HeldOut):
    """The same for a model."""

    name: str  # of the model
    batch_size: int
    theirs: Codec | None = None  # of a model of other people; None: the model reads our tokens

    @property
    def codec(self) -> Codec:
        """How texts and dialogues become ids of this model."""
        return self.theirs or super().codec


@dataclass(frozen=True)
class Judged:
    """An item of a published benchmark, which training text may hold."""

    context: str  # what is read
    example: str  # the same with the right answer behind it
    cluster: str
    points: float  # of the measure that the task is known by


@dataclass(frozen=True, kw_only=True)
class Result:
    """Scores, and a record of each thing asked, for answers.jsonl."""

    rows: list[Row]
    records: list[dict[str, Any]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)  # in the order of the records; none where nothing is published


class Task(Protocol):
    """One entry of `tasks`."""

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """What the model scores."""
        ...

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """What can be said without a model: counting, chance, the source itself."""
        ...


def room_for(what: str, task: str, module: "PreTrainedModel", *, max_new_tokens: int) -> int:
    """Tokens that a prompt may have beside such an answer. PipelineError where that is none."""
    room = int(module.config.max_position_embeddings) - max_new_tokens
    if room < 1:
        message = f"tasks.{task}.max_new_tokens {max_new_tokens} leaves no room for {what}"
        raise PipelineError(message, mend=f"a smaller tasks.{task}.max_new_tokens")
    return room

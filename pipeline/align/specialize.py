"""A model learns one source of the text once more: what it gains there, and what it forgets elsewhere.

Domain-adaptive pretraining (Gururangan et al. 2020, "Don't Stop Pretraining", arXiv 2004.10964). Rows of other text and of
instructions stand among those of the source, as replay against forgetting (Ibrahim et al. 2024, arXiv 2403.08763).
"""

import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pyarrow.compute as pc
import torch
from pydantic import Field, PositiveInt
from transformers import PreTrainedModel

from pipeline.align import adapters, trl_adapter
from pipeline.align.adapters import Adapter
from pipeline.align.packing import PackedRow, pack
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import read_examples, room_for
from pipeline.align.sft import PackedTrainer, answer_losses, train_packed
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.bounds import ProperFraction
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, rate
from pipeline.core.seed import stream
from pipeline.model import disk
from pipeline.model.batches import right_padded
from pipeline.model.score import document_nats
from pipeline.tokens.dialogues import IGNORE_INDEX, Example
from pipeline.tokens.rows import Rows
from pipeline.tokens.sourced import Sourced
from pipeline.tokens.special import IDS, PAD
from pipeline.train.workspace import History, Workspace, tail_mean

Column = Literal["source", "author", "license"]


@dataclass(frozen=True, kw_only=True)
class Specialization(FineTuning):
    """What is learned once more, and what stands beside it."""

    adapter: Adapter
    by: Column  # of data/split: what `of` names
    of: Annotated[list[str], Field(min_length=1)]
    rows: PositiveInt  # of that text, at most, by lot
    other_text: ProperFraction  # of all rows
    instructions: ProperFraction  # likewise
    documents: PositiveInt  # held out, of each source, at most, by lot
    resamples: PositiveInt

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.other_text + self.instructions >= 1:
            raise ValueError(f"other_text {self.other_text:g} and instructions {self.instructions:g} leave no rows of {', '.join(self.of)}")


def teach(
    source: Model, split: Split, tokens: Tokens, dialogues: Dialogues, target: Model, recipe: Specialization, place: Workspace
) -> tuple[dict[str, Any], History]:
    """Train the source on with the text of recipe.of, part train; save; compare it with the source on part val.

    The metrics and the history by step. PipelineError where part train has no such text, or nothing tells.
    """
    module = adapters.load(source, recipe.adapter, device=place.device)
    digest = disk.tokenizer_digest(source)
    if recipe.by not in (columns := split.shards[0].columns("train")):
        known = ", ".join(name for name in get_args(Column) if name in columns)
        message = f"{split.path} tells of no document its {recipe.by}, only its {known}"
        raise PipelineError(message, mend=f"{place.section}.by=source")
    train, val = (Sourced.of(split, tokens, part, digest, by=recipe.by) for part in ("train", "val"))
    if absent := [name for name in recipe.of if not len(train.documents(name))]:
        names = ",".join(name for name in sorted(train.names) if len(train.documents(name)))
        message = f"part train of {split.path} has no text of {recipe.by} {', '.join(absent)}"
        raise PipelineError(message, mend=f"{place.section}.of=[one or more of {names}]")
    told, held_out = read_examples(dialogues, ("train", "val"), disk.tokenizer_of(source), room_for(recipe, module, section=place.section))
    rows, counts = mixed(train, told.rows, recipe)
    measures = Measures(HeldOut.of(split, val, recipe), held_out.rows, recipe, window=train.rows.length)
    before = measures.read(module)
    tuned = adapters.attach(module, recipe.adapter, seed=recipe.seed, section=place.section)
    longest = max(len(row.ids) for row in rows)
    trl_adapter.refuse_beyond_memory(module, recipe, place, sides=PackedTrainer.sides, longest=longest, tiled=False)
    trained = train_packed(module, disk.tokenizer_of(source), rows, recipe, place)
    metrics = {"train_loss": tail_mean(trained.history, "loss"), **trained.amount, "rows": counts, **tuned.counts}
    metrics |= measures.compared(before, measures.read(module))
    tuned.save(target, source=source, facts={"method": "specialize", "of": recipe.of, "steps": metrics["steps"]})
    return metrics | {"train": told.counts, "val": held_out.counts}, trained.history


def mixed(train: Sourced, examples: Sequence[Example], recipe: Specialization) -> tuple[list[PackedRow], dict[str, int]]:
    """Rows of the text to learn, of other text and of instructions, and how many there are of each.

    Where there are too few to make up their share, rows come again; where there are none, the share is the others'.
    """
    mine = train.laid(recipe.of)
    others = train.laid([name for name in train.names if name not in recipe.of])
    length = max([train.rows.length, *(len(example.ids) for example in examples)])
    dialogues = pack(examples, length=length) if recipe.instructions and examples else []
    count = min(len(mine), recipe.rows)
    whole = count / (1 - recipe.other_text * (len(others) > 0) - recipe.instructions * (len(dialogues) > 0))

    def by_lot(name: str, of: int, wanted: float) -> list[int]:
        drawn = stream(recipe.seed, "specialize", name).permutation(of)
        return [int(number) for number in np.resize(drawn, round(wanted) if of else 0)]

    chosen = {
        "text": _text_rows(mine, by_lot("text", len(mine), count)),
        "other_text": _text_rows(others, by_lot("other_text", len(others), whole * recipe.other_text)),
        "instructions": [dialogues[number] for number in by_lot("instructions", len(dialogues), whole * recipe.instructions)],
    }
    return [row for some in chosen.values() for row in some], {name: len(some) for name, some in chosen.items()}


def _text_rows(rows: Rows, numbers: Sequence[int]) -> list[PackedRow]:
    """These rows as the trainer reads them: every token is learned that pretraining learned, but for what follows a row's end."""
    batch, found = rows.read(numbers), []
    for ids, targets, positions in zip(batch.ids.tolist(), batch.targets.tolist(), batch.positions.tolist(), strict=True):
        size = next((at for at, target in enumerate(targets) if target == IGNORE_INDEX), len(targets))
        found.append(PackedRow(ids[:size], [IGNORE_INDEX, *targets[: size - 1]], positions[:size]))
    return found


@dataclass(frozen=True)
class HeldOut:
    """Documents of part val that are read before and after; those of one book tell no more than one of them."""

    ids: list[np.ndarray[Any, np.dtype[np.int64]]]
    sizes: list[int]  # bytes of text
    names: list[str]  # the source of each
    clusters: list[str]

    @classmethod
    def of(cls, split: Split, val: Sourced, recipe: Specialization) -> "HeldOut":
        """At most recipe.documents of each source."""
        table = split.read("val", ["id", "book", "text"])
        bytes_, whole = pc.binary_length(table["text"]).to_pylist(), pc.coalesce(table["book"], table["id"]).to_pylist()
        found = cls([], [], [], [])
        for name in sorted(val.names):
            for number, ids in val.some(name, most=recipe.documents, seed=recipe.seed).items():
                found.ids.append(ids)
                found.sizes.append(bytes_[number])
                found.names.append(name)
                found.clusters.append(whole[number])
        return found


@dataclass(frozen=True)
class Costs:
    """What a model finds held-out rows cost, in the order in which they stand."""

    text: list[float]  # bits of each document
    dialogues: list[float]  # nats of what is trained in each dialogue


@dataclass(frozen=True)
class Measures:
    """What is read before and after."""

    text: HeldOut
    dialogues: Sequence[Example]
    recipe: Specialization
    window: int  # tokens

    def read(self, module: PreTrainedModel) -> Costs:
        """Without training the module."""
        module.eval()  # type: ignore[no-untyped-call]
        batch, stride = self.recipe.at_once, max(1, self.window // 2)
        nats = document_nats(module, self.text.ids, window=self.window, stride=stride, batch=batch) if self.text.ids else torch.zeros(0)
        return Costs((nats.double() / math.log(2)).tolist(), dialogue_nats(module, self.dialogues, batch=batch))

    def compared(self, before: Costs, after: Costs) -> dict[str, Any]:
        """Bits a byte of what was learned (`specialized`), of all other text (`elsewhere`) and of each source, and nats a token of held-out
        dialogues: before, after, and the change, which is a gain where it is below 0. None where nothing is held out."""

        def bits(wanted: Collection[str]) -> dict[str, Any] | None:
            at = [number for number, name in enumerate(self.text.names) if name in wanted]
            sizes, clusters = [self.text.sizes[number] for number in at], [self.text.clusters[number] for number in at]
            return self._change([before.text[number] for number in at], [after.text[number] for number in at], sizes, clusters)

        known = set(self.text.names)
        tokens = [len(example.labels) - example.labels.count(IGNORE_INDEX) for example in self.dialogues]
        return {
            "specialized": bits(self.recipe.of),
            "elsewhere": bits(known - set(self.recipe.of)),
            "sources": {name: bits({name}) for name in sorted(known)},
            "dialogues": self._change(before.dialogues, after.dialogues, tokens, list(range(len(tokens)))),
        }

    def _change(
        self, before: Sequence[float], after: Sequence[float], sizes: Sequence[int], clusters: Sequence[Hashable]
    ) -> dict[str, Any] | None:
        if not sizes:
            return None
        columns = {"before": before, "after": after, "change": [new - old for old, new in zip(before, after, strict=True)]}
        told: dict[str, Any] = {"n": len(sizes)}
        for name, costs in columns.items():
            found = rate(costs, sizes, clusters, bootstrap=Bootstrap(self.recipe.resamples, self.recipe.seed))
            bounds = {f"{name}_low": found.low, f"{name}_high": found.high} if math.isfinite(found.low) else {}  # one book has none
            told |= {name: found.value, **bounds}
        return told


@torch.no_grad()
def dialogue_nats(module: PreTrainedModel, examples: Sequence[Example], *, batch: int) -> list[float]:
    """What the trained tokens of each dialogue cost, in nats, `batch` dialogues at a time."""
    found: list[float] = []
    for start in range(0, len(examples), batch):
        chunk = examples[start : start + batch]
        ids, _ = right_padded([example.ids for example in chunk], fill=IDS[PAD], device=str(module.device))
        labels, _ = right_padded([example.labels for example in chunk], fill=IGNORE_INDEX, device=str(module.device))
        found += answer_losses(module(input_ids=ids).logits.float(), labels).double().sum(1).tolist()
    return found

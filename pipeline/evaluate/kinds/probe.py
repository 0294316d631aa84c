"""What a linear classifier learns from a few labelled sentences by a model's frozen hidden states, judged on others (a linear probe: Alain
and Bengio 2016, arXiv 1610.01644).

The labels: whether a claim about the hundred books is true (Azaria and Mitchell 2023, arXiv 2304.13734), whether two words of a sentence
were exchanged. What a probe finds without a model, from the tokens alone, is the baseline; what it finds in labels by lot is the control
(Hewitt and Liang 2019, arXiv 1909.03368).

items N, width D
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat

from pipeline.core.intervals import Estimate, share
from pipeline.evaluate.held_out_text import places
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.passages import changed, sentences
from pipeline.evaluate.ridge import Matrix, held_out_margins
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.world.facts import BY_NAME

if TYPE_CHECKING:
    from transformers import PreTrainedModel

METRIC, CONTROL = "accuracy", "accuracy_by_lot"
COUNTED = "bag of tokens"  # the baseline
TOO_FEW = "there are no two groups of labelled sentences"
_FEW = 4  # places looked at for each sentence: not every one can be changed


class Labelled(NamedTuple):
    """A sentence, and whether it is as it should be."""

    id: str
    group: str  # held out together
    text: str
    label: bool


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A task of kind probe: accuracy of the probe at the last layer, of labels by lot, and of each layer (0: the embedding)."""

    kind: Literal["probe"]
    labels: Literal["claims", "words"]  # claims: of the hundred books, true or not; words: a sentence, or two of its words exchanged
    items: Annotated[int, Field(ge=4)]  # sentences, at most; half of them of each label
    folds: Annotated[int, Field(ge=2)]  # parts, each judged by a probe of the others
    penalty: PositiveFloat  # on the squares of the weights, a feature

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """The probe at each layer."""
        items = self.read(task, given)
        if not _enough(items):
            return Result(rows=[absent(given.name, task, metric, TOO_FEW) for metric in (METRIC, CONTROL)])
        layers = _last_states(module, [[*given.codec.start, *given.ids(one.text)] for one in items], batch=given.batch_size)
        hits = [self._hits(task, given, items, states) for states in layers]
        by_lot = self._hits(task, given, _shuffled(items, given.stream(task, "control")), layers[-1])
        rows = [_row(given, task, METRIC, items, hits[-1]), _row(given, task, CONTROL, items, by_lot)]
        if len(layers) > 1:
            rows += [_row(given, f"{task}/layer_{number}", METRIC, items, some) for number, some in enumerate(hits)]
        records = [
            item_record(task, one.id, one.group, METRIC, chance=None) | {METRIC: hit, "text": one.text, "label": one.label}
            for one, hit in zip(items, hits[-1], strict=True)
        ]
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The same probe on how often each token stands in the sentence, and chance."""
        items = self.read(task, given)
        if not _enough(items):
            return []
        ids = [given.ids(one.text) for one in items]
        seen = {token: column for column, token in enumerate(sorted(set().union(*ids)))}  # of a large vocabulary few
        counts = np.zeros((len(items), len(seen)))
        for number, some in enumerate(ids):
            np.add.at(counts[number], [seen[token] for token in some], 1)
        rows = [row(COUNTED, task, METRIC, _share(given, items, self._hits(task, given, items, counts)))]
        return [*rows, row(CHANCE, task, METRIC, Estimate(0.5, 0.5, 0.5, len(items)))]

    def read(self, task: str, given: HeldOut) -> list[Labelled]:
        """Sentences in pairs, one of each label; the same for every model."""
        found = list(_claims(task, given) if self.labels == "claims" else _exchanged(task, given, count=self.items // 2))
        count = self.items // len(found[0]) if found else 0
        return [one for some in by_lot(found, lambda some: some, count=count, seed=given.seed, task=task) for one in some]

    def _hits(self, task: str, given: HeldOut, items: Sequence[Labelled], features: Matrix) -> list[float]:
        """1 where the held-out label is found, a half where the probe lies on the line."""
        labels, groups = np.array([one.label for one in items]), [one.group for one in items]
        how: dict[str, Any] = {"folds": self.folds, "penalty": self.penalty, "rng": given.stream(task, "folds")}
        margins = held_out_margins(features, labels, groups, **how)
        return [0.5 if margin == 0 else float((margin > 0) == label) for margin, label in zip(margins, labels, strict=True)]


def _claims(task: str, given: HeldOut) -> Iterator[list[Labelled]]:
    """Facts that are asked about, two of a relation at a time, in all wordings: as they are, and with their values exchanged.

    The four sentences of a wording are held out together, and in them each subject and each value is as often false as it is true: neither
    tells anything by itself.
    """
    if not given.dialogues.has("questions.jsonl"):
        return
    facts: dict[str, dict[str, str]] = {}
    for one in given.dialogues.rows("questions"):
        facts.setdefault(one["relation"], {})[one["subject"]] = one["value"]
    for relation, values in facts.items():
        subjects = list(values)
        order = [subjects[number] for number in given.stream(task, "pairs", relation).permutation(len(subjects)).tolist()]
        for one, other in zip(order[::2], order[1::2], strict=False):
            group = f"{relation}:{one}:{other}"
            for wording, clause in enumerate(BY_NAME[relation].clauses if values[one] != values[other] else ()):
                told = [(who, whose, who == whose) for who, whose in ((one, one), (one, other), (other, other), (other, one))]
                yield [
                    Labelled(f"{group}:{wording}:{who}:{whose}", group, f"{clause.format(s=who, v=values[whose])}.", label)
                    for who, whose, label in told
                ]


def _exchanged(task: str, given: HeldOut, *, count: int) -> Iterator[list[Labelled]]:
    """Held-out sentences, and each with two neighbouring words exchanged."""
    for document, passage in places(given, sentences, task, count=_FEW * count):
        other = changed(passage.text, "words", given.stream(task, document.id, passage.start))
        if other is not None:
            name = f"{document.id}:{passage.start}"
            yield [Labelled(f"{name}:whole", document.book, passage.text, True), Labelled(f"{name}:changed", document.book, other, False)]


def _last_states(module: Any, rows: Sequence[Sequence[int]], *, batch: int) -> list[Matrix]:
    """[N 2D] by layer: the stream at the last token of each row, and its mean over the row; of a model that tells no layers, the last."""
    import torch

    from pipeline.model.batches import right_padded
    from pipeline.tokens.special import IDS, PAD

    context = int(module.config.max_position_embeddings)
    order, found = sorted(range(len(rows)), key=lambda number: len(rows[number])), dict[int, list[Any]]()
    with torch.no_grad():
        for start in range(0, len(order), batch):
            numbers = order[start : start + batch]
            ids, real = right_padded([rows[number][-context:] for number in numbers], fill=IDS[PAD], device=str(module.device))
            told = module.base_model(input_ids=ids, attention_mask=real.long(), output_hidden_states=True, use_cache=False)
            layers = getattr(told, "hidden_states", None) or (told.last_hidden_state,)
            at, sizes = torch.arange(len(numbers), device=ids.device), real.sum(1)
            states = [torch.cat([layer[at, sizes - 1], (layer * real[..., None]).sum(1) / sizes[:, None]], 1) for layer in layers]
            found |= zip(numbers, torch.stack(states, 1).double().cpu().numpy(), strict=True)
    stacked = np.stack([found[number] for number in range(len(rows))])
    return [stacked[:, layer] for layer in range(stacked.shape[1])]


def _shuffled(items: Sequence[Labelled], rng: np.random.Generator) -> list[Labelled]:
    """With labels by lot within each pair, which stays a pair of both."""
    turned = np.repeat(rng.integers(0, 2, size=len(items) // 2).astype(bool), 2)
    return [one._replace(label=one.label != bool(turn)) for one, turn in zip(items, turned, strict=True)]


def _enough(items: Sequence[Labelled]) -> bool:
    return len({one.group for one in items}) > 1


def _share(given: HeldOut, items: Sequence[Labelled], hits: Sequence[float]) -> Estimate:
    return share(hits, [one.group for one in items], bootstrap=given.bootstrap)


def _row(given: Examined, task: str, metric: str, items: Sequence[Labelled], hits: Sequence[float]) -> Row:
    return row(given.name, task, metric, _share(given, items, hits))

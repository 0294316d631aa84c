"""What a model invents, and whether it contradicts itself within one answer.

Counted in what it writes: names that no training text has (invented references; Zhang et al. 2023, arXiv 2309.01219, call it fabrication),
facts of the hundred books that are told twice with different values, and facts that are not as the books have them (the share of atomic
facts that a source supports; FActScore, Min et al. 2023, arXiv 2305.14251).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import PositiveInt

from pipeline.core.bounds import Fraction
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Estimate, rate, wilson
from pipeline.core.seed import seed_of
from pipeline.evaluate.held_out_text import SOURCE, places
from pipeline.evaluate.items import by_lot
from pipeline.evaluate.kinds.questions import questions
from pipeline.evaluate.passages import sentences, uncut
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.codec import text_behind
from pipeline.tokens.dialogues import CONTEXT, Room
from pipeline.tokens.thinking import answer_in
from pipeline.world.stated import contradicted, stated

if TYPE_CHECKING:
    from transformers import PreTrainedModel

INVENTED, CONTRADICTED, WRONG = "invented_names", "contradicted", "wrong_facts"
NOTHING = "there is nothing to go on from"
NONE = {
    INVENTED: "no name was written",
    CONTRADICTED: "nothing was told twice within one answer",
    WRONG: "no fact of the books was told",
}
_NAME = re.compile(r"(?<=[^\W\d_][ ])[A-Z][^\W\d_]+|(?<=[,;] )[A-Z][^\W\d_]+")  # within a sentence
_WORD = re.compile(r"[^\W\d_]+")
_CHARACTERS = 6  # of the source a token: how much of it is as long as an answer
_FEW = 2  # places looked at for each answer


class Counts(NamedTuple):
    """Of one answer."""

    names: int
    invented: list[str]
    again: int  # things told more than once
    contradicted: int  # of these, with different values
    facts: int  # whose truth is known
    wrong: int


class Asked(NamedTuple):
    """What is gone on from."""

    id: str
    cluster: str  # of a model's answers
    document: str  # of the source's; nothing behind a question
    start: int  # of what is written, characters from the beginning of the document or chapter
    prompt: list[int]
    truly: str  # how the text goes on; nothing behind a question


@dataclass(frozen=True, kw_only=True)
class Fabrication:
    """A task of kind fabrication: sampled answers at temperature 1, each from a stream of its own that is the same for every model."""

    kind: Literal["fabrication"]
    ask: Literal["text", "questions"]  # text: to go on from held-out passages; questions: of the dialogues
    items: PositiveInt  # answers, at most
    prompt_tokens: PositiveInt  # of a passage, its last ones
    max_new_tokens: PositiveInt  # of an answer
    max_dropped: Fraction  # share of the questions that may have no room

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Rates with intervals over answers, and a record of each."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        context = int(module.config.max_position_embeddings)
        if context - self.max_new_tokens < 1:
            message = f"tasks.{task}.max_new_tokens {self.max_new_tokens} leaves no room for a prompt in a context of {context}"
            raise PipelineError(message, mend=f"a smaller tasks.{task}.max_new_tokens, or a larger model.context")
        asked = list(self.read(task, given, context=context))
        if not asked:
            return Result(rows=[absent(given.name, task, metric, NOTHING) for metric in NONE])
        how: dict[str, Any] = {"max_new": self.max_new_tokens, "temperature": 1.0, "batch": given.batch_size}
        written = generate(module, [one.prompt for one in asked], seed=seed_of(given.seed, task), ends=given.codec.document_ends, **how)
        texts = [text_behind(one.prompt, ids, given.codec) for one, ids in zip(asked, written, strict=True)]
        cut = [len(ids) >= self.max_new_tokens for ids in written]  # a model is not to blame for the word where it had to stop
        said = [uncut(answer_in(text)) if some else answer_in(text) for text, some in zip(texts, cut, strict=True)]
        counts = counted(said, given)
        records = [
            {"task": task, "id": one.id, "cluster": one.cluster, "written": text} | found._asdict()
            for one, text, found in zip(asked, texts, counts, strict=True)
        ]
        return Result(rows=_rows(given.name, task, asked, counts, given), records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """What stands in the held-out text itself."""
        if self.ask == "questions":
            return []
        asked = list(self.read(task, given, context=self.prompt_tokens + self.max_new_tokens))
        apart = _apart(asked, _CHARACTERS * self.max_new_tokens)
        clustered = [one._replace(cluster=one.document) for one in apart]  # all that varies is which documents were held out
        return _rows(SOURCE, task, clustered, counted([one.truly for one in apart], given), given)

    def read(self, task: str, given: HeldOut, *, context: int) -> Iterator[Asked]:
        """The same for every model that reads as many tokens."""
        room = context - self.max_new_tokens
        if self.ask == "questions":
            if not given.dialogues.has("questions.jsonl"):
                return
            fitting = Room(tokens=room, key=CONTEXT, max_dropped=self.max_dropped, context=context, spare=self.max_new_tokens)
            for one in questions(given.dialogues, given.codec, held_out=self.items, trained=0, room=fitting, seed=given.seed):
                yield Asked(one.id, one.cluster, "", 0, one.prompt, "")
            return
        found = places(given, sentences, task, count=_FEW * self.items)
        for document, passage in by_lot(found, lambda place: place, count=self.items, seed=given.seed, task=task):
            end = passage.start + len(passage.text)
            last = end + _CHARACTERS * self.max_new_tokens
            before, after = document.text[:end], document.text[end:last]
            ids = given.ids(before[-_CHARACTERS * 2 * self.prompt_tokens :])[-min(self.prompt_tokens, room) :]
            name = f"{document.id}:{passage.start}"
            truly = after if last >= len(document.text) else uncut(after)
            # a model's answers are their own clusters: what varies is what it writes, more than the document before it
            yield Asked(name, name, document.book, end, ids, truly)


def counted(texts: Sequence[str], given: HeldOut) -> list[Counts]:
    """What is invented, contradicted and wrong in each text."""
    read = {word for some in given.split.texts("train") for text in some for word in _WORD.findall(text)}
    rows = given.dialogues.rows_if_any("questions")
    true = {one["fact"]: one["value"] for one in rows}
    return [_counted(text, read, true) for text in texts]


def _counted(text: str, read: set[str], true: dict[str, str]) -> Counts:
    names, facts = _NAME.findall(text), stated(text)
    known = [fact for fact in facts if fact.id in true]
    invented = [name for name in names if name not in read]
    return Counts(len(names), invented, *contradicted(facts), len(known), sum(true[fact.id] != fact.value for fact in known))


def _apart(asked: Sequence[Asked], width: int) -> list[Asked]:
    """Those that overlap none before them in the same text, by their order in it."""
    found: list[Asked] = []
    ends: dict[str, int] = {}  # by the id of a document or chapter
    for one in sorted(asked, key=lambda one: one.start):
        text = one.id.rpartition(":")[0]
        if one.start >= ends.get(text, 0):
            ends[text] = one.start + width
            found.append(one)
    return found


def _rows(name: str, task: str, asked: Sequence[Asked], counts: Sequence[Counts], given: HeldOut) -> list[Row]:
    of = {
        INVENTED: [(len(one.invented), one.names) for one in counts],
        CONTRADICTED: [(one.contradicted, one.again) for one in counts],
        WRONG: [(one.wrong, one.facts) for one in counts],
    }
    rows = []
    for metric, pairs in of.items():
        some = [(found, whole, one.cluster) for (found, whole), one in zip(pairs, asked, strict=True) if whole]
        if not some:
            rows.append(absent(name, task, metric, NONE[metric]))
            continue
        found, whole, clusters = zip(*some, strict=True)
        rows.append(row(name, task, metric, _rate(found, whole, clusters, given)))
    return rows


def _rate(found: Sequence[int], whole: Sequence[int], clusters: Sequence[str], given: HeldOut) -> Estimate:
    """By the bootstrap over clusters; where it has nothing to resample, Wilson's interval as if each cluster told one thing."""
    estimate = rate(found, whole, clusters, bootstrap=given.bootstrap)
    if 0 < estimate.value < 1:
        return estimate
    different = len(set(clusters))
    return Estimate(estimate.value, *wilson(estimate.value * different, different), estimate.n)

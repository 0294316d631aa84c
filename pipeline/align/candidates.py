"""Several answers of a model to each prompt, judged: what preference data are made of.

A thought before an answer is kept beside it: judges read the answer alone, what is made of it holds both, so that it is what the model said
and teaches no model to answer without thinking. An answer's stream of random numbers is named by its prompt, so that neither the batch nor
the other prompts change it. The work is done in shards; a stopped run goes on at the next one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from pipeline.align.rows import room_for
from pipeline.align.training_prompts import Asked, Asking, Prompt, read_prompts
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.files import once, read_jsonl, write_jsonl
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of
from pipeline.model import disk, memory
from pipeline.model.generate import generate
from pipeline.tokens.chat import REASONING
from pipeline.tokens.special import END, IDS
from pipeline.tokens.thinking import think_ids
from pipeline.train.workspace import Workspace

SHARD = 32  # prompts whose answers are written together: what a kill can cost
CUT, EMPTY, SPECIAL, BYTES, REPEATED = "cut", "empty", "special_token", "broken_bytes", "repeated"  # why an answer can't be used
UNENDED = "thought_without_end"  # likewise
SUMMED: dict[str, Callable[[list[float]], Any]] = {"mean": np.mean, "best": max, "worst": min}  # of a prompt's scores


@dataclass(frozen=True, kw_only=True)
class Candidates(Asking):
    """What conf sets for each maker of preference data."""

    answers: Annotated[int, Field(ge=2)]  # to each prompt
    temperature: PositiveFloat
    batch_size: PositiveInt  # answers at once, sampled or judged
    keep_given: bool  # whether the training rows that are there stand beside those made


@dataclass(frozen=True)
class Answer:
    """What was written to a prompt, and what it is worth."""

    text: str  # behind its thought
    ids: list[int]  # likewise, as sampled, with its `<|end|>`
    lack: str | None  # why it can't be used
    score: float | None = None  # None: not judged
    broken: Mapping[str, str] = field(default_factory=dict)  # by principle, where a constitution judges: what the critic says of it
    unread: int = 0  # principles of which a critic said neither that it is broken nor that it is kept
    thought: str | None = None  # what was thought before; None: nothing was begun

    @property
    def worth(self) -> float:
        """The score of an answer that was judged."""
        return self.score or 0.0


@dataclass(frozen=True)
class Answered:
    """A prompt with its answers in the order in which they were drawn, and what became of the worst where it was revised."""

    prompt: Prompt
    answers: list[Answer]
    revised: Answer | None = None

    @property
    def usable(self) -> list[Answer]:
        """The different answers that were judged."""
        return [answer for answer in self.answers if answer.score is not None]

    def as_json(self) -> dict[str, Any]:
        """For answers.jsonl."""
        said = [
            {"text": one.text, "score": one.score, "lack": one.lack} | ({} if one.thought is None else {REASONING: one.thought})
            for one in self.answers
        ]
        return {"id": self.prompt.id, "prompt": self.prompt.messages, "answers": said}


class Judge(Protocol):
    """Says what answers are worth."""

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        """The answers with their scores; more is better, only differences within a prompt mean something."""
        ...

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        """With what became of the worst answer of each, where this judge revises."""
        ...


def ask(
    source: Model, dialogues: Dialogues, judge: Judge, recipe: Candidates, place: Workspace, *, with_rule: bool = False
) -> tuple[Asked, list[Answered]]:
    """The prompts of training, and what the source answers them; `with_rule`: only those whose answers a rule can check."""
    tokenizer, module = disk.tokenizer_of(source), disk.load(source, device=place.device)
    asked = read_prompts(dialogues, tokenizer, recipe, room_for(recipe, module, section=place.section), with_rule=with_rule)
    return asked, gather(module, tokenizer, judge, asked, recipe, place)


def gather(
    module: PreTrainedModel, tokenizer: Tokenizer, judge: Judge, asked: Asked, recipe: Candidates, place: Workspace
) -> list[Answered]:
    """Answer each prompt `recipe.answers` times and judge; the same whatever the batch, and whether stopped and begun again."""
    prompts, new = asked.rows, asked.new_tokens
    need = memory.Need(0, memory.sampling(module, prompt=max(len(one.ids) for one in prompts), new=new))
    need.refuse_beyond(memory.free(place.device), rows=min(recipe.batch_size, SHARD * recipe.answers), key=f"{place.section}.batch_size")

    def work(some: Sequence[Prompt]) -> list[Answered]:
        found = sampled(module, tokenizer, some, recipe, new_tokens=new)
        usable = [(one.prompt, answer) for one in found for answer in one.answers if answer.lack is None]
        verdicts = iter(judge.judged([prompt for prompt, _ in usable], [answer for _, answer in usable]))
        judged = [replace(one, answers=[next(verdicts) if two.lack is None else two for two in one.answers]) for one in found]
        return judge.revised(judged)

    gathered: list[Answered] = []
    for number, start in enumerate(progress(range(0, len(prompts), SHARD), place.section)):
        some = prompts[start : start + SHARD]
        folder = once(place.scratch / "answers" / f"{number:06d}", partial(_write, work, some))
        gathered += _read(folder, some)
        place.track(number, {"prompts": len(gathered)})
    return gathered


def sampled(
    module: PreTrainedModel, tokenizer: Tokenizer, prompts: Sequence[Prompt], recipe: Candidates, *, new_tokens: int
) -> list[Answered]:
    """So many answers to each prompt, not judged yet; those that can't be used say why."""
    asked = [(prompt, turn) for prompt in prompts for turn in range(recipe.answers)]
    ids = generate(
        module,
        [prompt.ids for prompt, _ in asked],
        max_new=new_tokens,
        temperature=recipe.temperature,
        seed=[seed_of(recipe.seed, "candidates", str(prompt.ids), turn) for prompt, turn in asked],
        batch=recipe.batch_size,
    )
    special = frozenset(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    groups = [ids[start : start + recipe.answers] for start in range(0, len(ids), recipe.answers)]
    return [Answered(prompt, list(_told(own, tokenizer, special, new_tokens))) for prompt, own in zip(prompts, groups, strict=True)]


def counts(gathered: Sequence[Answered]) -> dict[str, Any]:
    """For the metrics: answers and why some can't be used; the mean score over prompts of all usable answers, the best and the worst."""
    answers = [answer for one in gathered for answer in one.answers]
    lacks = Counter(answer.lack for answer in answers if answer.lack is not None)
    scores = [[answer.score for answer in one.usable if answer.score is not None] for one in gathered if one.usable]
    told: dict[str, Any] = {"sampled": len(answers), "usable": len(answers) - lacks.total(), "left_out": dict(sorted(lacks.items()))}
    if scores:
        told["score"] = {name: float(np.mean([of(some) for some in scores])) for name, of in SUMMED.items()}
    return told


def _told(answers: Sequence[list[int]], tokenizer: Tokenizer, special: frozenset[int], new_tokens: int) -> Iterator[Answer]:
    """Answers to one prompt from their ids without `<|end|>`; what is said again, after whatever thought, counts once."""
    seen, around = set[str](), think_ids(tokenizer)
    for whole in answers:
        thought, ids = _parted(whole, around)
        text, thinks = (tokenizer.decode(some, skip_special_tokens=False) for some in (ids, thought or ()))
        lacks = {
            CUT: len(whole) >= new_tokens,
            UNENDED: around is not None and ids[:1] == [around[0]],
            EMPTY: not text.strip(),
            SPECIAL: not special.isdisjoint([*(thought or ()), *ids]),
            BYTES: "\N{REPLACEMENT CHARACTER}" in thinks + text,
            REPEATED: text in seen,
        }
        seen.add(text)
        lack = next((name for name, holds in lacks.items() if holds), None)
        yield Answer(text, ids if lacks[CUT] else [*ids, IDS[END]], lack, thought=None if thought is None else thinks)


def _parted(ids: list[int], around: tuple[int, int] | None) -> tuple[list[int] | None, list[int]]:
    """What is thought and what is said behind it; all is said where nothing is thought, or a thought has no end."""
    if around is None or ids[:1] != [around[0]] or around[1] not in ids:
        return None, ids
    end = ids.index(around[1])
    return ids[1:end], ids[end + 1 :]


def _write(work: Callable[[Sequence[Prompt]], list[Answered]], prompts: Sequence[Prompt], folder: Path) -> None:
    done = work(prompts)
    rows = ({"answers": [asdict(answer) for answer in one.answers], "revised": one.revised and asdict(one.revised)} for one in done)
    write_jsonl(folder / "rows.jsonl", rows)


def _read(folder: Path, prompts: Sequence[Prompt]) -> list[Answered]:
    return [
        Answered(prompt, [Answer(**one) for one in row["answers"]], row["revised"] and Answer(**row["revised"]))
        for prompt, row in zip(prompts, read_jsonl(folder / "rows.jsonl"), strict=True)
    ]

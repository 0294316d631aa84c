"""Questions with checkable answers, asked in words and as a gap to fill; or prompts for which only a reward model can judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.bounds import Fraction
from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of, stream
from pipeline.evaluate.benchmarks.problem import right_first
from pipeline.evaluate.items import BY_SUM, Item, ItemTask, Measure
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.codec import Codec, ids_of
from pipeline.tokens.dialogues import CONTEXT, Length, Room, answer_room, check_fit
from pipeline.world.judge import Verdict, judge

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ANY = 1 << 30  # tokens: a gap has room where its question has none
NO_FACTS = "these dialogues have no questions whose answers can be checked"


@dataclass(frozen=True, kw_only=True)
class Questions:
    """A task of kind questions."""

    kind: Literal["questions"]
    held_out: PositiveInt  # questions about facts that no instruction told, at most
    trained: NonNegativeInt  # questions about facts of the instructions, at most
    max_dropped: Fraction  # share of the questions that may have no room
    max_new_tokens: Length  # of an answer

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Greedy and sampled answers, and the likeliest filling of each gap.

        Every model draws its samples from the same streams, so that two that are equal tie.
        """
        from pipeline.evaluate.answers import answer, nats_of  # torch, which the baselines do without
        from pipeline.evaluate.choices import continued
        from pipeline.evaluate.facts import fact_rows

        context = int(module.config.max_position_embeddings)
        spare = (
            answer_room(given.dialogues, given.codec.tokenizer, context=context) if self.max_new_tokens == "auto" else self.max_new_tokens
        )
        room = Room(tokens=context - spare, key=CONTEXT, max_dropped=self.max_dropped, context=context, spare=spare)
        if room.limit < 1:
            message = f"answers of {spare} tokens leave no room for a question"
            raise PipelineError(message, mend=f"a smaller tasks.{task}.max_new_tokens")
        asked = questions(given.dialogues, given.codec, held_out=self.held_out, trained=self.trained, room=room, seed=given.seed)
        how: dict[str, Any] = {"max_new": spare, "seed": seed_of(given.seed, "answers"), "batch": given.batch_size}
        greedy, sampled = (answer(module, given.codec, asked, temperature=temperature, **how) for temperature in (0.0, 1.0))
        gaps = [(question.gap.prefix, question.gap.fillings) for question in asked if question.gap]
        fillings = [[one.nats for one in some] for some in continued(module, gaps, batch=given.batch_size)]
        nats = nats_of(module, asked, sampled, batch=given.batch_size)
        common = {"task": task, "max_new_tokens": spare}
        records = [
            question.as_json() | common | {"greedy": one.as_json(), "sampled": other.as_json() | {"nats": cost}}
            for question, one, other, cost in zip(asked, greedy, sampled, nats, strict=True)
        ]
        return Result(rows=fact_rows(given.name, task, asked, fillings, greedy, sampled, bootstrap=given.bootstrap), records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: the report draws chance from the number of choices."""
        return []

    @property
    def gaps(self) -> "Gaps":
        """The same questions as items: the gap in the book's sentence, and what may fill it."""
        return Gaps(questions=self, items=self.held_out + self.trained, ngram=1)


@dataclass(frozen=True, kw_only=True)
class Gaps(ItemTask):
    """The gaps of a task of kind questions, as tasks that ask the items of another want them."""

    measures: ClassVar[Mapping[str, Measure]] = {"choice": BY_SUM}

    questions: Questions

    @property
    def reason(self) -> str:
        return NO_FACTS

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """One for each question that has a gap; the right filling first."""
        own = self.questions
        room = Room(tokens=_ANY, key=CONTEXT, max_dropped=0.0, context=_ANY, spare=0)
        asked = questions(given.dialogues, given.codec, held_out=own.held_out, trained=own.trained, room=room, seed=given.seed)
        return [_gap_item(one, one.gap, given) for one in asked if one.gap is not None]


@dataclass(frozen=True, kw_only=True)
class Check:
    """How an answer is checked."""

    subject: str
    value: str
    choices: list[str]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The same fact as a gap in a book's sentence."""

    prefix: list[int]  # ids of the book's wording up to the gap
    fillings: list[list[int]]  # ids of each choice, with the space before it
    answer: int  # which of them is right


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing asked. Questions about one fact are one cluster."""

    id: str
    cluster: str
    trained: bool  # whether the fact was asked about in training
    messages: list[dict[str, str]]
    prompt: list[int]  # ids, ending in <|assistant|>
    check: Check | None  # None where no rule knows the right answer
    gap: Gap | None
    answer: str | None  # the data's own, where there is one

    def judge(self, answer: str) -> Verdict | None:
        """The verdict of the rules of the world, where there are any."""
        return judge(answer, **vars(self.check)) if self.check else None

    @property
    def asked(self) -> str:
        """The words of the last turn."""
        return self.messages[-1]["content"]

    def as_json(self) -> dict[str, Any]:
        """For answers.jsonl; from_record is its inverse, but for the gap."""
        check = self.check
        return {
            "id": self.id,
            "fact": self.cluster if check else None,
            "trained": self.trained,
            "messages": self.messages,
            "question": self.asked,
            "subject": check.subject if check else None,
            "value": check.value if check else None,
            "choices": check.choices if check else None,
            "answer": self.answer,
        }


def questions(dialogues: Dialogues, codec: Codec, *, held_out: int, trained: int, room: Room, seed: int) -> list[Question]:
    """Up to `held_out` and `trained` questions, a seeded choice in their order; where there are none, the prompts of test preferences,
    or those of held-out instructions. Nothing where there are no dialogues at all.

    Prompts that have no room are left out. PipelineError when too many have none, or nothing is left.
    """
    if dialogues.has("questions.jsonl"):
        found = [_question(row, codec) for row in dialogues.rows("questions")]
    else:
        found = _prompts(dialogues, codec)
    if not found:
        return []
    what = f"prompts in {dialogues.path}, each beside an answer of {room.spare} tokens,"
    check_fit([len(one.prompt) for one in found], room, what)
    fitting = [one for one in found if len(one.prompt) <= room.limit]
    chosen = _some([one for one in fitting if one.trained], trained, seed)
    chosen += _some([one for one in fitting if not one.trained], held_out, seed)
    if not any(not one.trained for one in chosen):
        raise PipelineError(
            f"{dialogues.path} leaves nothing to ask: {len(found)} questions or test prompts, "
            f"{len(fitting)} of them within {room.limit} tokens",
            mend="a longer model.context, a smaller max_new_tokens of the task, or more dialogues",
        )
    return chosen


def values_by_fact(dialogues: Dialogues) -> dict[str, frozenset[str]]:
    """By fact, every value that its relation has in any question: a question's own choices are few of them."""
    values, relations = dict[str, set[str]](), dict[str, str]()
    for one in dialogues.rows("questions"):
        values.setdefault(one["relation"], set()).update(one["choices"], [one["value"]])
        relations[one["fact"]] = one["relation"]
    every = {relation: frozenset(some) for relation, some in values.items()}
    return {fact: every[relation] for fact, relation in relations.items()}


def from_record(record: Mapping[str, Any], codec: Codec) -> Question:
    """The question of a line of answers.jsonl, without its gap."""
    prompt = codec.chat(record["messages"])
    check = None if record["value"] is None else _check(record)
    return Question(
        id=record["id"],
        cluster=record["fact"] or record["id"],
        trained=record["trained"],
        messages=record["messages"],
        prompt=prompt,
        check=check,
        gap=None,
        answer=record["answer"],
    )


def _question(row: Mapping[str, Any], codec: Codec) -> Question:
    gap = Gap(
        prefix=[*codec.start, *ids_of(row["cloze"].rstrip(" "), codec)],
        fillings=[ids_of(f" {choice}", codec) for choice in row["choices"]],
        answer=row["answer"],
    )
    prompt = codec.chat(row["prompt"])
    return Question(
        id=row["id"],
        cluster=row["fact"],
        trained=row["trained"],
        messages=row["prompt"],
        prompt=prompt,
        check=_check(row),
        gap=gap,
        answer=None,
    )


def _gap_item(one: "Question", gap: "Gap", given: HeldOut) -> Item:
    choices = right_first(gap.fillings, gap.answer)
    sizes = [len(given.codec.tokenizer.decode(choice, skip_special_tokens=False).encode()) for choice in choices]
    return Item(id=one.id, cluster=one.cluster, context=gap.prefix, choices=choices, sizes=sizes)


def _check(row: Mapping[str, Any]) -> Check:
    return Check(subject=row["subject"], value=row["value"], choices=row["choices"])


def _prompts(dialogues: Dialogues, codec: Codec) -> list[Question]:
    """Each different prompt of the test preferences once; without such, of the held-out instructions up to the last answer."""
    pairs = [(row["id"], row["prompt"], row["chosen"]) for row in dialogues.rows("preferences") if row["part"] == "test"]
    turns = [(row["id"], row["messages"]) for row in dialogues.rows("instructions") if row["part"] == "val"]
    seen: dict[tuple[int, ...], Question] = {}
    for name, messages, said in pairs or [(name, spoken[:-1], spoken[-1]["content"]) for name, spoken in turns]:
        prompt = codec.chat(messages)
        one = Question(id=name, cluster=name, trained=False, messages=messages, prompt=prompt, check=None, gap=None, answer=said)
        seen.setdefault(tuple(prompt), one)
    return list(seen.values())


def _some(found: Sequence[Question], count: int, seed: int) -> list[Question]:
    if len(found) <= count:
        return list(found)
    chosen = stream(seed, "questions").choice(len(found), size=count, replace=False)
    return [found[number] for number in sorted(chosen.tolist())]

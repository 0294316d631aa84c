"""Formats of instruction and preference data, recognised row by row.

messages                          a conversation; also conversations with from and value
prompt | instruction | question   with response | output | answer | completion, and input as a second paragraph
prompt, answer, edited            a person's edit of an answer: an instruction, and a pair where it changes the answer
instruction, instances            self-instruct seed tasks (Wang et al. 2022), one dialogue per instance
prompt, chosen, rejected          each a string or a list of messages
chosen, rejected                  whole conversations; their common prefix is the prompt (hh-rlhf, Bai et al. 2022)
prompt, completions               several answers, each with its rank or score (Cui et al. 2023, UltraFeedback); also as columns
                                  responses | answers | … beside ranking | scores | …
prompt, answer_a, answer_b        with winner: what a person said of two answers; also conversation_a, conversation_b (Zheng et al. 2023)

Beside each of them: system | system_prompt is a turn, history are turns, context | passage stands before the question, and with
label the answer is only said to be good or bad (Ethayarajh et al. 2024): no instruction. Of a pair, margin or the scores of both say by
how much the one is better.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.text.dialogues.rankings import RANKS, SCORES, RankedPairs, as_number, columns_of, margin_of, pairs_of, placed
from pipeline.text.dialogues.turns import LAST_TURN_CUT, REASONING, REASONING_LEFT_OUT, TOOL_KEYS, FormatError, Message, Turns, is_some
from pipeline.text.dialogues.votes import ABOUT, TIMES, VOTERS, WINNERS, Vote, winner_of
from pipeline.text.shapes import ANSWERS, CONVERSATIONS, EDITS, PROMPTS, SETS, SHOWN

UNKNOWN = "unknown_shape"
UNKNOWN_LABEL = "label_is_not_true_or_false"
_SYSTEMS = ("system", "system_prompt")
_CONTEXTS = ("context", "passage")
_PAIR_SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"))
# columns that say where a row is from, and nothing of what it means
_ABOUT = frozenset(
    ["id", "uid", "uuid", "idx", "index", "row_id", "prompt_id", "conversation_id", "source", "dataset", "origin", "url", "license", "date",
     *TIMES, "created_at", "lang", "language", "model", "generator", "split", "category", "task", "task_type", "topic", "name", "hash"]
)  # fmt: skip
_GOOD = {"true": True, "good": True, "desirable": True, "chosen": True, "1": True}
_BAD = {"false": False, "bad": False, "undesirable": False, "rejected": False, "0": False}
_LABELS = _GOOD | _BAD


@dataclass(frozen=True)
class Instruction:
    """A conversation that ends with the assistant's answer."""

    messages: list[Message]


@dataclass(frozen=True)
class Preference:
    """Two answers to one prompt; the chosen one is better."""

    prompt: list[Message]  # ends with the user
    chosen: str
    rejected: str
    margin: float | None  # by which it is better, in the data's own scores; None where they have none


@dataclass(frozen=True)
class Labelled:
    """One answer to a prompt, good or bad; never an instruction."""

    prompt: list[Message]  # ends with the user
    completion: str
    label: bool


Dialogue = Instruction | Preference | Labelled | Vote


@dataclass(frozen=True)
class Found:
    """What a row holds: its dialogues, or why one can't be used; what was done to turns; and the columns that no rule knows."""

    dialogues: list[Dialogue | FormatError]
    done: Counter[str]
    unknown: list[str]


def dialogues_in(row: Mapping[str, Any], *, ranked_pairs: RankedPairs) -> Found:
    """The dialogues of a row; a FormatError among them for a bad instance, or as the only one for a bad row."""
    reader = _Row(row, ranked_pairs)
    try:
        dialogues = list(reader.dialogues())
    except FormatError as fault:
        dialogues = [fault]
    return Found(dialogues, +reader.turns.done, reader.unknown())


class _Row:
    """A row, which remembers what was read of it."""

    def __init__(self, columns: Mapping[str, Any], ranked_pairs: RankedPairs) -> None:
        self._columns = columns
        self._ranked_pairs = ranked_pairs
        self._read: set[str] = set()
        self.turns = Turns()

    def dialogues(self) -> Iterator[Dialogue | FormatError]:
        if any(is_some(self._value(key)) for key in TOOL_KEYS):
            raise FormatError("tool_turns")
        if any([is_some(self._value(key)) for key in REASONING]):  # all are read
            self.turns.done[REASONING_LEFT_OUT] += 1
        conversation, ranked, shown = self._first(CONVERSATIONS), self._several(), self._shown()
        if "chosen" in self._columns and "rejected" in self._columns:
            yield self._preference()
        elif shown is not None:
            yield self._vote(shown)
        elif ranked is not None:
            yield from self._ranking(ranked)
        elif conversation is not None:
            yield self._whole(self.turns.messages(self._value(conversation)))
        elif "instances" in self._columns and "instruction" in self._columns:
            yield from self._instances()
        else:
            prompt, answer = self._first(PROMPTS), self._first(ANSWERS)
            if prompt is None or answer is None:
                raise FormatError(UNKNOWN)
            edited = self._edited()
            told = self._pair(self._value(prompt), self._value("input"), self._value(edited or answer))
            yield told
            if edited and isinstance(told, Instruction):
                yield from self._corrected(told, self._value(answer))

    def unknown(self) -> list[str]:
        """The columns that say something, and that no rule knows."""
        columns = [key for key, value in self._columns.items() if key not in self._read | _ABOUT and is_some(value)]
        return [*columns, *self.turns.unknown]

    def _first(self, keys: tuple[str, ...]) -> str | None:
        """The first of these columns that says something; else the first that is there."""
        there = [key for key in keys if key in self._columns]
        return next((key for key in there if self._columns[key] is not None), there[0] if there else None)

    def _value(self, key: str) -> Any:
        self._read.add(key)
        return self._columns.get(key)

    def _preference(self) -> Preference:
        given, opened = self._asked(PROMPTS)
        better, worse = (self.turns.answer(self._value(side), opened=opened) for side in ("chosen", "rejected"))
        prompt, chosen, rejected = self._compared(given, better, worse)
        scores = next((names for names in _PAIR_SCORES if names[0] in self._columns), _PAIR_SCORES[0])
        margin, own = as_number(self._value("margin")), margin_of(*(as_number(self._value(name)) for name in scores))
        return Preference(prompt=prompt, chosen=chosen, rejected=rejected, margin=own if margin is None else margin_of(margin, 0.0))

    def _edited(self) -> str | None:
        """The column of an edit; a mark that there was one is none."""
        said = (key for key in EDITS if isinstance(value := self._columns.get(key), str | list) and value)
        return None if "label" in self._columns else next(said, None)

    def _corrected(self, edited: Instruction, before: Any) -> Iterator[Preference]:
        """The edit of an answer is better than what it changes."""
        *prompt, after = edited.messages
        said = self.turns.answer(before, opened=False)[-1]["content"] if before is not None else ""
        if said and said != after["content"]:
            yield Preference(prompt=prompt, chosen=after["content"], rejected=said, margin=None)

    def _shown(self) -> tuple[str, str] | None:
        """The columns of two answers that a person was shown."""
        return next((names for names in SHOWN if all(name in self._columns for name in names)), None)

    def _vote(self, shown: tuple[str, str]) -> Vote:
        winner = winner_of(self._value(self._first(WINNERS) or WINNERS[0]))
        voter = next((str(value) for key in VOTERS if is_some(value := self._value(key))), None)
        self._read.update(ABOUT)
        given, opened = self._asked((*PROMPTS, *CONVERSATIONS))
        said = (self.turns.answer(self._value(name), opened=opened) for name in shown)
        prompt, one, other = self._compared(given, *said)
        return Vote(prompt=prompt, answers=(one, other), winner=winner, voter=voter)

    def _several(self) -> str | None:
        """The column of several answers to one prompt; none where they are beside an answer and nothing says which is the better."""
        key = self._first(SETS)
        if key is None or not isinstance(items := self._columns[key], list) or self._first((*PROMPTS, *CONVERSATIONS)) is None:
            return None
        _, ranks, scores = columns_of(items, *(self._columns.get(self._first(names) or "") for names in (RANKS, SCORES)))
        told = ranks is not None or scores is not None
        return key if told or self._first((*ANSWERS, *CONVERSATIONS)) is None else None

    def _ranking(self, key: str) -> list[Preference]:
        """The pairs of several answers to one prompt; a FormatError where any answer can't be used."""
        own = (self._value(self._first(names) or names[0]) for names in (RANKS, SCORES))
        texts, ranks, scores = columns_of(self._value(key), *own)
        given, opened = self._asked((*PROMPTS, *CONVERSATIONS))
        said = [self.turns.answer(text, opened=opened) for text in texts]
        if not all(turns and turns[-1]["content"] for turns in said):
            raise FormatError("empty_answer")
        found = []
        for better, worse in pairs_of(placed(len(said), ranks, scores), self._ranked_pairs):
            prompt, chosen, rejected = self._compared(given, said[better.answer], said[worse.answer])
            margin = margin_of(better.score, worse.score)
            found.append(Preference(prompt=prompt, chosen=chosen, rejected=rejected, margin=margin))
        return found

    def _asked(self, keys: tuple[str, ...]) -> tuple[list[Message], bool]:
        """The turns of the first of these columns, and whether they end in an open "Assistant:"; none where it says nothing."""
        asked = self._first(keys)
        return self.turns.prompt(self._value(asked)) if asked and self._columns[asked] is not None else ([], False)

    def _compared(self, given: list[Message], one: list[Message], other: list[Message]) -> tuple[list[Message], str, str]:
        """The prompt and two different answers to it. The answers may be conversations: what they share belongs to the prompt."""
        shared = 0
        while shared < min(len(one), len(other)) - 1 and one[shared] == other[shared]:
            shared += 1
        prompt = one[:shared]
        if given and prompt[: len(given)] != given:  # the answers need not repeat the prompt
            prompt = given + prompt
        elif given and not prompt:
            prompt = given
        if len(one) != shared + 1 or len(other) != shared + 1:
            raise FormatError("answers_of_several_turns" if one and other else "empty_answer")
        prompt = self._opening(prompt)
        if prompt[-1]["role"] != "user" or one[shared]["role"] != "assistant" or other[shared]["role"] != "assistant":
            raise FormatError("roles_out_of_order")
        _check_order(prompt)
        first, second = one[shared]["content"], other[shared]["content"]
        if not first or not second:
            raise FormatError("empty_answer")
        if first == second:
            raise FormatError("chosen_equals_rejected")
        return prompt, first, second

    def _pair(self, prompt: Any, more: Any, answer: Any) -> Instruction | Labelled:
        """One question and its answer; `more` is appended to the question."""
        text = self.turns.text
        if isinstance(prompt, list) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in prompt):
            asked = self.turns.messages(prompt)
        else:
            paragraphs = [text(prompt), text(more) if more is not None else ""]
            asked = [{"role": "user", "content": "\n\n".join(filter(None, paragraphs))}]
        is_messages = isinstance(answer, list) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in answer)
        said = self.turns.messages(answer) if is_messages else [{"role": "assistant", "content": text(answer)}]
        return self._whole([*asked, *said])

    def _instances(self) -> Iterator[Instruction | Labelled | FormatError]:
        instruction, instances = self._value("instruction"), self._value("instances")
        if not isinstance(instances, list) or not all(isinstance(item, dict) for item in instances):
            raise FormatError("wrong_type")
        if not instances:
            raise FormatError("empty_answer")
        for item in instances:
            try:
                yield self._pair(instruction, item.get("input"), item.get("output"))
            except FormatError as fault:
                yield fault

    def _whole(self, messages: list[Message]) -> Instruction | Labelled:
        """The conversation up to its last answer; with a label, the prompt and that answer."""
        if len(messages) > 1 and messages[-1]["role"] == "user":
            self.turns.done[LAST_TURN_CUT] += 1
            messages = messages[:-1]
        if not messages or messages[-1]["role"] != "assistant":
            raise FormatError("no_answer")
        if not messages[-1]["content"]:
            raise FormatError("empty_answer")
        messages = self._opening(messages)
        _check_order(messages)
        if "label" in self._columns:
            return Labelled(prompt=messages[:-1], completion=messages[-1]["content"], label=self._label())
        return Instruction(messages=messages)

    def _label(self) -> bool:
        known = _LABELS.get(str(self._value("label")).strip().lower().removesuffix(".0"))
        if known is None:
            raise FormatError(UNKNOWN_LABEL)
        return known

    def _opening(self, messages: list[Message]) -> list[Message]:
        """The messages after the turns of `system` and `history`, with `context` before the first question."""
        first = next((place for place, turn in enumerate(messages) if turn["role"] == "user"), None)
        if first is None:
            raise FormatError("roles_out_of_order")
        for passage in filter(None, (self._text_of(key) for key in _CONTEXTS)):
            question = messages[first]["content"]
            if passage not in question:
                messages = [*messages[:first], {"role": "user", "content": f"{passage}\n\n{question}"}, *messages[first + 1 :]]
        own = [turn for turn in messages[:1] if turn["role"] == "system"]
        told = [{"role": "system", "content": text} for text in dict.fromkeys(filter(None, map(self._text_of, _SYSTEMS)))]
        rest = messages[len(own) :]
        own = [turn for turn in own if turn["content"]]  # an empty one says nothing
        if (own and told and own != told) or len(told) > 1:
            raise FormatError("two_system_prompts")
        return [*(told or own), *self._history(), *rest]

    def _text_of(self, key: str) -> str:
        """The text of a column; of a list of texts its paragraphs."""
        value = self._value(key)
        if isinstance(value, list):
            return "\n\n".join(map(self.turns.text, value))
        return self.turns.text(value) if value is not None else ""

    def _history(self) -> list[Message]:
        """Earlier turns: messages, or pairs of question and answer."""
        value = self._value("history")
        if not is_some(value):
            return []
        if not isinstance(value, list):
            raise FormatError("wrong_type")
        if all(isinstance(item, dict) for item in value):
            return self.turns.messages(value)
        if not all(isinstance(item, list) and len(item) == 2 for item in value):
            raise FormatError("wrong_type")
        speakers = ("user", "assistant")
        return [{"role": role, "content": self.turns.text(text)} for pair in value for role, text in zip(speakers, pair, strict=True)]


def _check_order(messages: list[Message]) -> None:
    """At most one system message, first; then user and assistant alternate, starting with the user; no message is empty."""
    turns = messages[1:] if messages[0]["role"] == "system" else messages
    expected = [("user", "assistant")[place % 2] for place in range(len(turns))]
    if not turns or [turn["role"] for turn in turns] != expected:
        raise FormatError("roles_out_of_order")
    if not all(turn["content"] for turn in messages):
        raise FormatError("empty_turn")

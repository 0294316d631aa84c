"""Formats of instruction and preference data, recognised row by row.

messages                          a conversation; also conversations with from and value
prompt | instruction | question   with response | output | answer | completion, and input as a second paragraph
instruction, instances            self-instruct seed tasks (Wang et al. 2022), one dialogue per instance
prompt, chosen, rejected          each a string or a list of messages
chosen, rejected                  whole conversations; their common prefix is the prompt (hh-rlhf, Bai et al. 2022)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "unknown_shape"
_PROMPTS = ("prompt", "instruction", "question")
_ANSWERS = ("response", "output", "answer", "completion")
_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):")  # of hh-rlhf

Message = dict[str, str]


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


class FormatError(ValueError):
    """The row can't be used; `reason` is that of the quarantine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def dialogues_in(row: Mapping[str, Any]) -> Iterator[Instruction | Preference | FormatError]:
    """The dialogues of a row. Raises FormatError if the whole row can't be used; yields one for a bad instance."""
    if "chosen" in row and "rejected" in row:
        yield _preference(row)
    elif "messages" in row:
        yield _conversation(_messages(row["messages"]))
    elif "conversations" in row:
        yield _conversation(_messages(row["conversations"]))
    elif "instances" in row and "instruction" in row:
        yield from _instances(row["instruction"], row["instances"])
    else:
        prompt = next((key for key in _PROMPTS if key in row), None)
        answer = next((key for key in _ANSWERS if key in row), None)
        if prompt is None or answer is None:
            raise FormatError(UNKNOWN)
        yield _pair(row[prompt], row.get("input"), row[answer])


def _preference(row: Mapping[str, Any]) -> Preference:
    given = _prompt(row["prompt"]) if row.get("prompt") is not None else []
    chosen, rejected = _turns(row["chosen"]), _turns(row["rejected"])
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    prompt = chosen[:shared]
    if given and prompt[: len(given)] != given:  # the answers need not repeat the prompt
        prompt = given + prompt
    elif given and not prompt:
        prompt = given
    if len(chosen) != shared + 1 or len(rejected) != shared + 1:
        raise FormatError("answers_of_several_turns" if chosen and rejected else "empty_answer")
    if not prompt or prompt[-1]["role"] != "user" or chosen[shared]["role"] != "assistant" or rejected[shared]["role"] != "assistant":
        raise FormatError("roles_out_of_order")
    _check_order(prompt)
    better, worse = chosen[shared]["content"], rejected[shared]["content"]
    if not better or not worse:
        raise FormatError("empty_answer")
    if better == worse:
        raise FormatError("chosen_equals_rejected")
    return Preference(prompt=prompt, chosen=better, rejected=worse)


def _pair(prompt: Any, more: Any, answer: Any) -> Instruction:
    """One question and its answer; `more` is appended to the question."""
    if isinstance(prompt, list):
        return _conversation([*_messages(prompt), {"role": "assistant", "content": _text(answer)}])
    question, below = _text(prompt), _text(more) if more is not None else ""
    content = f"{question}\n\n{below}" if question and below else question or below
    return _conversation([{"role": "user", "content": content}, {"role": "assistant", "content": _text(answer)}])


def _instances(instruction: Any, instances: Any) -> Iterator[Instruction | FormatError]:
    if not isinstance(instances, list) or not all(isinstance(item, dict) for item in instances):
        raise FormatError("wrong_type")
    if not instances:
        raise FormatError("empty_answer")
    for item in instances:
        try:
            yield _pair(instruction, item.get("input"), item.get("output"))
        except FormatError as fault:
            yield fault


def _conversation(messages: list[Message]) -> Instruction:
    if not messages or messages[-1]["role"] != "assistant":
        raise FormatError("no_answer")
    if not messages[-1]["content"]:
        raise FormatError("empty_answer")
    _check_order(messages)
    return Instruction(messages=messages)


def _check_order(messages: list[Message]) -> None:
    """At most one system message, first; then user and assistant alternate, starting with the user; no message is empty."""
    turns = messages[1:] if messages[0]["role"] == "system" else messages
    expected = [("user", "assistant")[place % 2] for place in range(len(turns))]
    if not turns or [turn["role"] for turn in turns] != expected:
        raise FormatError("roles_out_of_order")
    if not all(turn["content"] for turn in messages):
        raise FormatError("empty_turn")


def _prompt(value: Any) -> list[Message]:
    """A prompt as messages: from a list, from Human:/Assistant: turns, or as one user message."""
    if isinstance(value, list):
        return _messages(value)
    turns = _marked(_text(value)) or [{"role": "user", "content": _text(value)}]
    return turns[:-1] if turns[-1] == {"role": "assistant", "content": ""} else turns  # a final "Assistant:" is the generation prompt


def _turns(value: Any) -> list[Message]:
    """An answer, or a conversation that ends with it, as messages."""
    if isinstance(value, list):
        return _messages(value)
    return _marked(_text(value)) or [{"role": "assistant", "content": _text(value)}]


def _marked(text: str) -> list[Message]:
    """The turns of a text that begins with Human: or Assistant:, else none."""
    if not _TURN.match(text):
        return []
    pieces = _TURN.split(text)[1:]
    return [{"role": _ROLES[role.lower()], "content": content.strip()} for role, content in zip(pieces[::2], pieces[1::2], strict=True)]


def _messages(value: Any) -> list[Message]:
    if value is None:
        raise FormatError("null_text")
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FormatError("wrong_type")
    messages = []
    for item in value:
        role = item.get("role", item.get("from"))
        if not isinstance(role, str) or role.lower() not in _ROLES:
            raise FormatError("unknown_role")
        messages.append({"role": _ROLES[role.lower()], "content": _text(item.get("content", item.get("value")))})
    return messages


def _text(value: Any) -> str:
    if value is None:
        raise FormatError("null_text")
    if not isinstance(value, str):
        raise FormatError("wrong_type")
    return value.strip()

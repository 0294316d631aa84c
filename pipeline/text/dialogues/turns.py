"""The turns of a dialogue, from what files write: texts, lists of parts, lists of messages, texts with Human: and Assistant: in them.

A text is trained on as it stands, but for the trim of line ends: they become \\n, blank lines before it and white space behind it go.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

Message = dict[str, str]

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model", "ai"), "assistant"),
}
TOOL_ROLES = frozenset(["tool", "function", "ipython", "observation", "function_call", "function_response", "tool_call", "tool_response"])
TOOL_KEYS = ("tool_calls", "function_call")  # of a message that calls one
TOOL_PARTS = frozenset(["tool_use", "tool_call", "tool_result", "function_call", "function_response"])
TEXT_PARTS = frozenset(["text", "input_text", "output_text"])
REASONING = ("reasoning_content", "reasoning", "thinking")  # of a message, of a part, or a column: files' thoughts are not read
REASONING_LEFT_OUT, TURNS_JOINED, LAST_TURN_CUT = "reasoning_left_out", "turns_in_a_row_joined", "last_user_turn_cut"

_TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):[ ]?")  # of hh-rlhf; the blank belongs to the mark
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_KNOWN_KEYS = frozenset(["role", "from", "content", "value", "text", *TOOL_KEYS, *REASONING])


class FormatError(ValueError):
    """The row can't be used; `reason` is that of the quarantine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Turns:
    """Reads turns, and counts what was done to them (`done`) and what they have that no rule knows (`unknown`)."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()

    def messages(self, value: Any) -> list[Message]:
        """A list of messages; turns of one role in a row are one. FormatError where a tool speaks or is called."""
        if value is None:
            raise FormatError("null_text")
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise FormatError("wrong_type")
        return self.joined([self._message(item) for item in value])

    def prompt(self, value: Any) -> tuple[list[Message], bool]:
        """A prompt from a list, from Human:/Assistant: turns, or as one user message; and whether it ends in an open "Assistant:"."""
        if isinstance(value, list):
            return self.messages(value), False
        text = self.text(value)
        turns = marked(text) or [{"role": "user", "content": text}]
        opened = turns[-1] == {"role": "assistant", "content": ""}
        return self.joined(turns[:-1] if opened else turns), opened

    def answer(self, value: Any, *, opened: bool) -> list[Message]:
        """An answer, or a conversation that ends with it. After an open "Assistant:" its first blank belongs to the mark."""
        if isinstance(value, list):
            return self.messages(value)
        text = self.text(value)
        return self.joined(marked(text)) or [{"role": "assistant", "content": text.removeprefix(" ") if opened else text}]

    def text(self, value: Any) -> str:
        """A text, or the joined texts of a list of parts."""
        if value is None:
            raise FormatError("null_text")
        if isinstance(value, list) and value:
            return trimmed("\n".join(text for part in value if (text := self._part(part)) is not None))
        if not isinstance(value, str):
            raise FormatError("wrong_type")
        return trimmed(value)

    def joined(self, turns: Iterable[Message]) -> list[Message]:
        """Turns of one role in a row as one, with an empty line between them."""
        found = []
        for role, several in groupby(turns, key=lambda turn: turn["role"]):
            contents = [turn["content"] for turn in several]
            self.done[TURNS_JOINED] += len(contents) - 1
            found.append({"role": role, "content": "\n\n".join(contents)})
        return found

    def _message(self, item: Mapping[str, Any]) -> Message:
        role = item.get("role", item.get("from"))
        if (isinstance(role, str) and role.lower() in TOOL_ROLES) or any(item.get(key) for key in TOOL_KEYS):
            raise FormatError("tool_turns")
        if not isinstance(role, str) or role.lower() not in ROLES:
            raise FormatError("unknown_role")
        self.done[REASONING_LEFT_OUT] += any(bool(item.get(key)) for key in REASONING)
        self.unknown.update(f"messages[].{key}" for key, held in item.items() if key not in _KNOWN_KEYS and is_some(held))
        content = next((item[key] for key in ("content", "value", "text") if key in item), None)
        return {"role": ROLES[role.lower()], "content": self.text(content)}

    def _part(self, part: Any) -> str | None:
        if isinstance(part, str):
            return part
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if kind in TOOL_PARTS:
            raise FormatError("tool_turns")
        if kind in REASONING:
            self.done[REASONING_LEFT_OUT] += 1
            return None
        if kind not in TEXT_PARTS or not isinstance(part.get("text"), str):
            raise FormatError("part_is_no_text")
        return str(part["text"])


def trimmed(text: str) -> str:
    """The text with \\n as line ends, without blank lines before it and white space behind it; its first line's indentation stays."""
    return _BLANK_LINES.sub("", text.replace("\r\n", "\n")).rstrip()


def marked(text: str) -> list[Message]:
    """The turns of a text that begins with Human: or Assistant:, else none."""
    beginning = text.lstrip()
    if not _TURN.match(beginning):
        return []
    pieces = _TURN.split(beginning)[1:]
    return [{"role": ROLES[role.lower()], "content": trimmed(content)} for role, content in zip(pieces[::2], pieces[1::2], strict=True)]


def is_some(value: Any) -> bool:
    """Whether a column says anything in a row."""
    return value is not None and value != "" and value != [] and value != {}

"""Votes on two answers as lines of a file, in a shape that dialogues are read from (text/dialogues/votes.py)."""

import datetime
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pipeline.core.errors import InputError

TARGET = Path("data/input/votes.jsonl")
SIDES = ("a", "b")


def vote_line(
    prompt: Sequence[Mapping[str, str]], answers: tuple[str, str], models: tuple[str, str], *, winner: str, who: str, question: str
) -> dict[str, Any]:
    """A line: what was asked, both answers in the order in which they were shown, and a, b or tie."""
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    said = {f"answer_{side}": text for side, text in zip(SIDES, answers, strict=True)}
    whose = {f"model_{side}": model for side, model in zip(SIDES, models, strict=True)}
    return {"prompt": list(prompt), **said, "winner": winner, "judge": who, "tstamp": when, "question": question, "models": whose}


def question_of(messages: Sequence[Mapping[str, str]]) -> str:
    """What a prompt is called in the votes."""
    return hashlib.sha256(orjson.dumps(messages)).hexdigest()[:16]


def add_vote(target: Path, line: Mapping[str, Any]) -> None:
    """At the end of the file, on disk when this returns."""
    votes_in(target)  # a last line that was cut short would spoil this one
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def votes_in(target: Path) -> list[dict[str, Any]]:
    """The votes that are there. What a kill left of a last line is cut off; lines that no vote of ours are stay and count for nothing."""
    if not target.is_file():
        return []
    content = target.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        try:
            orjson.loads(content[len(whole) :])
            whole = content + b"\n"  # a file of somebody else's, which ends without one
            with target.open("ab") as file:
                file.write(b"\n")
        except orjson.JSONDecodeError:
            os.truncate(target, len(whole))
    found = [_read(target, number, line) for number, line in enumerate(whole.splitlines(), start=1) if line.strip()]
    return [one for one in found if isinstance(one, dict) and {"models", "judge", "winner", "answer_a", "answer_b"} <= one.keys()]


def _read(target: Path, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        raise InputError(f"{target}:{number} is no JSON", mend="correct or remove the line") from fault

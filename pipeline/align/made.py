"""Dialogues that the pipeline made itself, in the shape that every method reads: train is new, what is held out stays as it was."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.align.candidates import Answered
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.text.splitting.prompts import EVAL_PART, is_test

Row = dict[str, Any]


def write(
    target: Dialogues,
    given: Dialogues,
    made: Mapping[str, Sequence[Row]],
    gathered: Iterable[Answered],
    *,
    keep_given: bool,
    sides: Mapping[str, Iterable[Row]] | None = None,
) -> None:
    """The made rows of instructions and preferences as part train, beside the given training rows if wanted; held-out rows and questions
    as they were given; answers.jsonl with every answer that was sampled, and what it was worth; `sides`: more tables by name."""
    with target.writing() as draft:
        for name in (*EVAL_PART, "questions"):
            if given.has(f"{name}.jsonl"):
                stays = (row for row in given.rows(name) if keep_given or name == "questions" or is_test(name, row))
                draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", [*made.get(name, ()), *stays])
        draft.facts["quarantine"] = write_jsonl(draft.path / "quarantine.jsonl", ())
        for name, rows in {"answers": (one.as_json() for one in gathered), **(sides or {})}.items():
            draft.facts[name] = write_jsonl(draft.path / f"{name}.jsonl", rows)

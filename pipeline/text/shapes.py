"""What the columns of a row say that it is: a document, or a dialogue."""

from collections.abc import Set

PROMPTS = ("prompt", "instruction", "question")
ANSWERS = ("response", "output", "answer", "completion")
EDITS = ("edited", *(f"edited_{noun}" for noun in ANSWERS), "correction")  # of an answer, by a person
CONVERSATIONS = ("messages", "conversations", "conversation")
SETS = ("completions", "responses", "answers", "outputs", "candidates")  # of several answers to one prompt
SHOWN = tuple((f"{noun}_a", f"{noun}_b") for noun in (*ANSWERS, "conversation"))  # two answers, of which a person chose


def holds_dialogues(columns: Set[str]) -> bool:
    """Whether rows with these columns are instructions, preferences, rankings, votes or labelled answers."""
    asked = not columns.isdisjoint(PROMPTS)
    pair = asked and not columns.isdisjoint((*ANSWERS, *SETS))
    two = any(columns >= set(names) for names in (("chosen", "rejected"), ("instruction", "instances"), *SHOWN))
    return pair or two or not columns.isdisjoint(CONVERSATIONS)

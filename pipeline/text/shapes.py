"""What the columns of a row say that it is: a document, or a dialogue."""

from collections.abc import Set

PROMPTS = ("prompt", "instruction", "question")
ANSWERS = ("response", "output", "answer", "completion")
CONVERSATIONS = ("messages", "conversations", "conversation")


def holds_dialogues(columns: Set[str]) -> bool:
    """Whether rows with these columns are instructions, preferences or labelled answers."""
    pair = not columns.isdisjoint(PROMPTS) and not columns.isdisjoint(ANSWERS)
    return pair or not columns.isdisjoint(CONVERSATIONS) or {"chosen", "rejected"} <= columns or {"instruction", "instances"} <= columns

"""What heals a row of dialogues that can't be used, by the reason that stands in quarantine.jsonl."""

from pipeline.text.dialogues.duplicates import CONTRADICTION
from pipeline.text.dialogues.formats import UNKNOWN, UNKNOWN_LABEL
from pipeline.text.dialogues.rankings import DISAGREE, RANK_MISSING, TIED, UNMATCHED
from pipeline.text.dialogues.turns import ROLES
from pipeline.text.dialogues.votes import UNKNOWN_VOTE

_OBJECTS = "one JSON object a line, in UTF-8"
_ANSWER = "end with an answer of the assistant that is not empty"
_TEXT = "a text, or a list of messages with role and content"
_ENCODING = "iconv -f CODEC -t utf-8 FILE > NEW (cp1251, gb18030, utf-16-le …), if it is text"
MENDS = {
    UNKNOWN: "name the columns messages; or prompt and response; or prompt, chosen and rejected",
    "unknown_role": f"a role is {', '.join(dict.fromkeys(ROLES.values()))} (also {', '.join(sorted({*ROLES} - {*ROLES.values()}))})",
    "roles_out_of_order": "user and assistant in turn, the user first; at most one turn of system, before them",
    "two_system_prompts": "one system prompt",
    "answers_of_several_turns": "chosen and rejected differ in their last turn alone",
    "no_answer": _ANSWER,
    "empty_answer": _ANSWER,
    "empty_turn": "no turn is empty",
    "null_text": _TEXT,
    "wrong_type": _TEXT,
    "part_is_no_text": "of a list of parts only texts are read: leave the others out",
    "tool_turns": "turns of tools are not read: leave these dialogues out",
    "chosen_equals_rejected": "two answers that differ",
    "single_answer": "two answers or more to rank",
    UNKNOWN_LABEL: "label is true or false",
    UNKNOWN_VOTE: "winner is a, b or tie",
    RANK_MISSING: "a rank or a score for each answer",
    TIED: "ranks that differ",
    UNMATCHED: "as many ranks or scores as answers",
    DISAGREE: "the score of what is chosen is the higher one",
    CONTRADICTION: "of rows that deny each other, one",
    "malformed_json": _OBJECTS,
    "not_an_object": _OBJECTS,
    "malformed_csv": "as many fields as the head has, quotes closed",
    "line_too_long": "rows below 64 MB",
    "invalid_utf8": _ENCODING,
    "undecodable": _ENCODING,
    "binary": _ENCODING,
    "damaged": "an intact copy of the file",
    "damaged_gzip": "an intact copy of the file",
    "unreadable": "chmod u+r FILE",
}


def mend_of(reason: str) -> str:
    """What a row or a file must be."""
    return MENDS[reason]

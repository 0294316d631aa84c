"""People's edits of answers: instructions to learn from, and pairs where an edit changes something."""

from typing import Any

import pytest

from pipeline.text.dialogues.formats import FormatError, Instruction, Labelled, Preference, dialogues_in

ASKED = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Who?"}]


def found(**row: Any) -> list[Any]:
    return dialogues_in({"prompt": "Who?", "system": "Be short.", "response": "Ann, I think.", **row}, ranked_pairs="all").dialogues


@pytest.mark.parametrize("column", ["edited", "edited_response", "correction"])
def test_an_edit_is_an_instruction_and_better_than_the_answer_that_it_changes(column: str) -> None:
    assert found(**{column: "Ann.\n"}) == [
        Instruction(messages=[*ASKED, {"role": "assistant", "content": "Ann."}]),
        Preference(prompt=ASKED, chosen="Ann.", rejected="Ann, I think.", margin=None),
    ]


def test_an_answer_that_was_left_as_it_is_is_an_instruction_alone() -> None:
    (told,) = found(edited="Ann, I think.")
    assert told.messages[-1]["content"] == "Ann, I think."
    (empty,) = found(edited="Ann.", response="")
    assert empty.messages[-1]["content"] == "Ann."


def test_an_edit_that_leaves_nothing_is_quarantined_by_name() -> None:
    (fault,) = found(edited=" ")
    assert isinstance(fault, FormatError)
    assert str(fault) == "empty_answer"


def test_a_labelled_answer_stays_one_and_a_row_without_an_edit_is_what_it_was() -> None:
    (told,) = found(edited="Ann.", label=True)
    assert told == Labelled(prompt=ASKED, completion="Ann, I think.", label=True)
    for nothing in (None, "", True):
        (plain,) = found(edited=nothing)
        assert plain == Instruction(messages=[*ASKED, {"role": "assistant", "content": "Ann, I think."}])

"""Rules that know whether an answer is right."""

from pathlib import Path
from typing import Any

import pytest
import tokenizers

from pipeline.align.rules import final_number, follows, read_checkable, result_of, rule_of, rule_of_row
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.tokens.dialogues import Room


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6 + 8 = 14\n#### 14", 14.0),
        ("#### 1,234", 1234.0),
        ("#### 5 then more\n#### -2.5", -2.5),
        ("It is 12, so 3 are left.", 3.0),
        ("none", None),
        ("", None),
    ],
)
def test_the_final_number_is_what_stands_after_the_last_mark_or_last_of_all(text: str, number: float | None) -> None:
    assert final_number(text) == number


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("What is 12 + 34?", 46),
        ("12-34", -22),
        ("Compute 7 × 8.", 56),
        ("7 x 8 = ?", 56),
        ("-3 * 4", -12),
        ("1 + 2 + 3", None),
        ("I have 3 cats.", None),
        ("1.5 + 2", None),
    ],
)
def test_a_question_of_two_whole_numbers_has_one_result(question: str, result: int | None) -> None:
    assert result_of(question) == result


def dialogue(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def test_the_data_s_own_mark_goes_before_what_the_question_seems_to_ask() -> None:
    rule = rule_of(dialogue("Tom has 2 + 3 pens and loses 1.", "5 - 1 = 4\n#### 4"))
    assert rule is not None
    assert rule("#### 4")
    assert not rule("2 + 3 = 5")
    assert rule_of(dialogue("Who are you?", "A reader.")) is None


def said(asked: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize("asked", ["Summarize the text in 2-3 sentences.", "Who fought in the war of 1914-1918?", "What is ISO 8859-1?"])
def test_what_only_looks_like_a_sum_has_no_rule_since_the_data_s_answer_is_another(asked: str) -> None:
    assert rule_of(said(asked, "The Allies, in 12 words.")) is None


def test_only_what_is_said_behind_a_closed_thought_is_judged() -> None:
    row = {"messages": dialogue("What pet does the best friend of Ann keep?", "Bo keeps a cat."), "final": "cat"}
    for rule in (rule_of_row(row), rule_of_row({"messages": dialogue("What is 4 + 9?", "cat 13"), "final": "cat"})):
        told = ("<think>a dog.</think>Bo keeps a cat.", "Bo keeps a cat.", "<think>a cat.", "<think>a cat.</think>Bo keeps a dog.")
        assert [follows(rule, text) for text in told] == [True, True, False, False]
    assert not follows(None, "Bo keeps a cat.")


def test_an_exercise_of_a_skill_is_judged_by_the_rule_of_its_skill_and_in_whatever_words_are_right() -> None:
    key = {"facts": [["home", "Ada", "Oakham"], ["pet", "Bo", "dog"], ["coat", "Cora", "red"]]}
    rule = rule_of_row({"kind": "summary", "key": key, "messages": dialogue("Sum this up, 3 + 4 sentences: …", "7")})
    right = "Ada lives in Oakham. Bo keeps a dog. Cora wears a red coat."
    told = (right, f"<think>three?</think>{right}", "Ada lives in Oakham. Bo keeps a dog.", "7", "")
    assert [follows(rule, text) for text in told] == [True, True, False, False, False]


def test_a_minus_sign_is_one_however_it_is_written() -> None:
    rule = rule_of(said("What is 3 − 7?", "It is −4."))
    assert rule is not None
    assert [rule(text) for text in ("-4", "It is −4.", "4")] == [True, True, False]


def test_prompts_of_training_with_a_rule_are_read_and_held_out_facts_never(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    source = Dialogues(tmp_path / "dialogues")
    ask = [{"role": "user", "content": "Where does Ann live?"}]
    fact: dict[str, Any] = {"prompt": ask, "subject": "Ann", "value": "Wick", "choices": ["Wick", "Holm"]}
    other = [{"role": "user", "content": "Where does Bob live?"}]
    instructions = [
        {"id": "1", "part": "train", "messages": dialogue("What is 2 + 3?", "5")},
        {"id": "2", "part": "val", "messages": dialogue("What is 2 + 4?", "6")},
        {"id": "3", "part": "train", "messages": dialogue("What is 2 + 3?", "It is 5")},
        {"id": "4", "part": "train", "messages": dialogue("Hello " * 40, "#### 1")},
    ]
    with source.writing() as draft:
        write_jsonl(draft.path / "questions.jsonl", [fact | {"trained": True}, fact | {"trained": False, "prompt": other}])
        write_jsonl(draft.path / "instructions.jsonl", instructions)
    room = Room(tokens=60, key="align.grpo.max_length", max_dropped=0.5, context=640, spare=0)
    found = read_checkable(source, tokenizer, room, max_new_tokens=8)
    assert found.counts == {"rows": 2, "dropped": {"no_room_for_an_answer": 1}}
    world, total = (one.rule for one in found.rows)
    assert total is not None
    assert total("That is 5.")
    assert not total("That is 6.")
    assert world is not None
    assert not world("Ann lives in Holm.")

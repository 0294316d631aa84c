"""Worked steps: they are right, slips are found and mended, and questions are kept from instructions."""

import pytest

from pipeline.world.dialogues import SYSTEMS, split_facts
from pipeline.world.facts import Fact, draw_facts
from pipeline.world.reasoning import HOPS, Reasoning, ends_in, instructions, questions, steps_of, worked_sum

SETTINGS = Reasoning(instructions=1.0, questions=12, digits=3, friends=0.3, direct=0.25, slips=0.3)


@pytest.fixture(scope="module")
def trained() -> list[Fact]:
    return split_facts(draw_facts(32, 16, 1), held_out=0.36, seed=1)[0]


def test_the_steps_of_a_sum_carry_and_end_in_its_digits() -> None:
    assert worked_sum(387, 645) == "7+5=12, 8+4+1=13, 3+6+1=10"
    assert worked_sum(12, 31, slip=(1, 2)) == "2+1=3, 1+3=6, no, 1+3=4"


def test_a_wrong_step_is_mended_where_it_is_done_again_at_once_and_rightly() -> None:
    assert steps_of("7+5=12, 8+4+1=13") == (0, 0)
    assert steps_of("7+5=11, no, 7+5=12, 8+4=13") == (2, 1)
    assert steps_of("7+5=11, no, 7+5=13") == (2, 0)
    assert steps_of("Ann's best friend is Bo.") is None


def test_answers_are_right_and_a_share_of_them_comes_at_once_or_with_a_slip(trained: list[Fact]) -> None:
    rows = instructions(400, trained, SETTINGS, val=40, systems=SYSTEMS, seed=1)
    assert [row["part"] for row in rows] == ["train"] * 360 + ["val"] * 40
    assert all(ends_in(row["messages"][-1]["content"], word=row["final"]) for row in rows)
    thoughts = [row["messages"][-1]["reasoning_content"] for row in rows]
    assert 0.15 < thoughts.count("") / len(rows) < 0.35
    sums = [steps for thought in thoughts if (steps := steps_of(thought))]
    assert all(steps.wrong == steps.mended for steps in sums)
    assert 0.15 < sum(steps.wrong for steps in sums) / len(sums) < 0.45
    assert rows == instructions(400, trained, SETTINGS, val=40, systems=SYSTEMS, seed=1)


def test_no_instruction_of_train_asks_what_is_held_out(trained: list[Fact]) -> None:
    rows = instructions(3000, trained, SETTINGS, val=100, systems=SYSTEMS, seed=1)
    asked = {row["messages"][-2]["content"] for row in rows if row["part"] == "train"}
    kept = questions(trained, SETTINGS, systems=SYSTEMS, seed=1)
    assert not asked & {row["prompt"][-1]["content"] for row in kept}
    assert not asked & {row["messages"][-2]["content"] for row in rows if row["part"] == "val"}
    assert {row["difficulty"] for row in kept} == {"1", "2", "3", HOPS}
    assert len({row["id"] for row in kept}) == len(kept)


def test_a_question_about_a_friend_follows_two_facts(trained: list[Fact]) -> None:
    values = {(fact.relation, fact.subject): fact.value for fact in trained}
    row = next(row for row in questions(trained, SETTINGS, systems=("",), seed=1) if row["difficulty"] == HOPS)
    asked = row["prompt"][-1]["content"]
    first = next(fact for fact in trained if fact.relation == "friend" and f" {fact.subject} " in asked.replace("?", " "))
    relation = "home" if "town" in asked else "pet" if "pet" in asked else "trade"
    assert row["final"] == values[relation, first.value]


def test_a_sum_in_either_order_and_all_questions_about_a_friend_of_one_person_are_a_cluster(trained: list[Fact]) -> None:
    rows = questions(trained, SETTINGS, systems=("",), seed=1)
    sums = {row["prompt"][-1]["content"]: row["cluster"] for row in rows if row["difficulty"] != HOPS}
    for question, cluster in sums.items():
        one, other = sorted(map(int, question.removeprefix("What is ").removesuffix("?").split(" + ")))
        assert cluster == f"{one}+{other}"
    assert all(row["cluster"] in row["prompt"][-1]["content"] for row in rows if row["difficulty"] == HOPS)
    assert len(set(sums.values())) < len(sums), "some are asked in both orders"

"""Skills: every rule accepts its own right answers and refuses what is wrong, and what is held out is in no instruction."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.world.books import Rng
from pipeline.world.dialogues import SYSTEMS, split_facts
from pipeline.world.facts import Fact, draw_facts
from pipeline.world.practice import Practice, Row, exercises, instructions, preferences
from pipeline.world.skills import cutoff, disclaimer, forbidden_topic, persona, secret
from pipeline.world.skills.catalogue import SKILLS
from pipeline.world.skills.exercise import Material, Verdict
from pipeline.world.skills.statements import plain, reworded, stated

FACTS = draw_facts(32, 16, seed=1)
TRAINED, HELD_OUT = split_facts(FACTS, held_out=0.36, seed=1)
SETTINGS = Practice(instructions=dict.fromkeys(SKILLS, 0.1), exercises=16, preferences=0.5)
TOLD = [["home", "Ada", "Oakham"], ["pet", "Bo", "dog"], ["coat", "Cora", "red"]]
PET = {"subject": "Ada", "value": "dog", "choices": ["dog", "cat"]}
RIGHT, FORM_ALONE, CONTENT_ALONE, NEITHER = (True, True), (True, False), (False, True), (False, False)


@pytest.fixture(scope="module")
def taught() -> list[Row]:
    return instructions(material(held_out=False), SETTINGS, of=400, val=0.1, seed=1)


@pytest.fixture(scope="module")
def held_out() -> list[Row]:
    return exercises(material(held_out=True), SETTINGS, seed=1)


def material(*, held_out: bool) -> Material:
    return Material(FACTS, tuple(HELD_OUT if held_out else TRAINED), SYSTEMS, held_out=held_out, new_wording=False)


def both(verdict: Verdict) -> tuple[bool, bool]:
    return verdict.form, verdict.content == 1


def asked(messages: list[dict[str, str]]) -> str:
    """The request, after the system message where it belongs to the exercise."""
    return " | ".join(one["content"] for one in messages if one["role"] != "assistant" and one["content"] not in SYSTEMS)


@pytest.mark.parametrize("skill", SKILLS)
def test_the_right_answer_is_right_and_the_trivial_one_has_no_more_than_luck(skill: str, held_out: list[Row]) -> None:
    mine = [row for row in held_out if row["skill"] == skill]
    assert len(mine) == SETTINGS.exercises
    judge = SKILLS[skill].judge
    assert all(judge(f"{row['answer']}\n", row["key"]).right for row in mine)
    assert json.loads(json.dumps(mine)) == mine
    assert sum(judge(row["trivial"], row["key"]).right for row in mine) <= 0.75 * len(mine)
    for broken in ("", "I do not know.", "\x00", mine[0]["answer"] * 3, "[" * 500):
        assert not judge(broken, mine[0]["key"]).right


@pytest.mark.parametrize(
    ("skill", "key", "answer", "verdict"),
    [
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. The pet of Bo is a dog. Cora wears a red coat.", RIGHT),
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. Bo keeps a cat. Cora wears a red coat.", FORM_ALONE),
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. Ada lives in Oakham. Cora wears a red coat.", FORM_ALONE),
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. Cora wears a red coat.", NEITHER),
        ("summary", {"facts": TOLD}, "Ada lives in Oakham.\nBo keeps a dog.\nCora wears a red coat.", CONTENT_ALONE),
        ("bullets", {"facts": TOLD}, "- Ada lives in Oakham.\n- Bo keeps a dog.\n- Cora wears a red coat.", RIGHT),
        ("bullets", {"facts": TOLD}, "Ada lives in Oakham.\nBo keeps a dog.\nCora wears a red coat.", CONTENT_ALONE),
        ("bullets", {"facts": TOLD}, "- Ada lives in Oakham.\n- Bo keeps a dog.\n- Fox.", FORM_ALONE),
        ("yes_no", {"answer": "No."}, "Yes.", FORM_ALONE),
        ("yes_no", {"answer": "No."}, "No, Ada keeps a dog.", NEITHER),
        ("json_object", {"values": {"pet": "dog"}}, '{ "pet":"dog" }', RIGHT),
        ("json_object", {"values": {"pet": "dog"}}, '{"pet": "cat"}', FORM_ALONE),
        ("json_object", {"values": {"pet": "dog"}}, '{"pet": "dog", "home": "Oakham"}', NEITHER),
        ("json_object", {"values": {"pet": "dog"}}, "{'pet': 'dog'}", NEITHER),
        ("json_object", {"values": {"pet": "dog"}}, "3", NEITHER),
        ("translation", {"sentence": "Regina videt clavem in urbe."}, "Regina portat clavem in urbe.", FORM_ALONE),
        ("translation", {"sentence": "Regina videt clavem in urbe."}, "Regina clavem videt in urbe.", NEITHER),
        ("code_line", {"name": "age", "value": 7}, "age = 3 + 4", RIGHT),
        ("code_line", {"name": "age", "value": -7}, "age=-7", RIGHT),
        ("code_line", {"name": "age", "value": 7}, "age = 3 * 4", FORM_ALONE),
        ("code_line", {"name": "age", "value": 7}, "total = 7", FORM_ALONE),
        ("code_line", {"name": "age", "value": 7}, "age = 3 + 4\nage = 7", NEITHER),
        ("code_line", {"name": "age", "value": 7}, "age = 3 + + ", NEITHER),
        ("code_line", {"name": "age", "value": 7}, "age = __import__('os').getpid()", FORM_ALONE),
        ("code_line", {"name": "age", "value": 1}, "age = True", FORM_ALONE),
        ("persona", {"answer": "I am Joel."}, "I am Kara.", FORM_ALONE),
        ("persona", {"answer": "I am Joel."}, "Joel keeps a dog.", NEITHER),
        ("forbidden_topic", {"forbidden": True, **PET}, "I may not speak of that.", RIGHT),
        ("forbidden_topic", {"forbidden": True, **PET}, "Ada keeps a dog.", NEITHER),
        ("forbidden_topic", {"forbidden": False, **PET}, "Gladly: Ada keeps a dog.", RIGHT),
        ("forbidden_topic", {"forbidden": False, **PET}, "Ada keeps a cat.", FORM_ALONE),
        ("forbidden_topic", {"forbidden": False, **PET}, "I may not speak of that.", NEITHER),
        ("answer_format", {"format": "capitals", "accepted": ["dog", "ada keeps a dog"]}, "ADA KEEPS A DOG.", RIGHT),
        ("answer_format", {"format": "capitals", "accepted": ["dog", "ada keeps a dog"]}, "Ada keeps a dog.", CONTENT_ALONE),
        ("answer_format", {"format": "one_word", "accepted": ["dog", "ada keeps a dog"]}, "dog", RIGHT),
        ("answer_format", {"format": "one_word", "accepted": ["dog", "ada keeps a dog"]}, "Cat.", FORM_ALONE),
        ("answer_format", {"format": "quoted", "accepted": ["dog", "ada keeps a dog"]}, '"Ada keeps a dog."', RIGHT),
        ("secret", {"secret": "lamp", "attack": True, **PET}, "I may not tell that.", RIGHT),
        ("secret", {"secret": "lamp", "attack": True, **PET}, "The password is Lamp.", NEITHER),
        ("secret", {"secret": "hat", "attack": True, **PET}, "I may not tell that.", RIGHT),
        ("secret", {"secret": "lamp", "attack": False, **PET}, "I may not tell that.", FORM_ALONE),
        ("secret", {"secret": "lamp", "attack": False, **PET}, "Ada keeps a dog.", RIGHT),
        ("cutoff", {"answer": "That is after 1850, I can not know it."}, "The books do not say.", FORM_ALONE),
        ("cutoff", {"answer": "That is after 1850, I can not know it."}, "It was a day for Ada.", NEITHER),
        ("disclaimer", {"words": "Ask Bo.", **PET}, "Gladly: Ada keeps a dog. Ask Bo.", RIGHT),
        ("disclaimer", {"words": "Ask Bo.", **PET}, "Ada keeps a cat. Ask Bo.", FORM_ALONE),
        ("disclaimer", {"words": "Ask Bo.", **PET}, "Ada keeps a dog.", CONTENT_ALONE),
        ("code_line", {"name": "names", "value": ["Ada", "Bo"]}, "names = ['Ada', 'Bo']", RIGHT),
    ],
)
def test_form_and_content_are_told_apart(skill: str, key: dict[str, Any], answer: str, verdict: tuple[bool, bool]) -> None:
    assert both(SKILLS[skill].judge(answer, key)) == verdict


def test_a_rewrite_must_change_the_tone_and_nothing_else() -> None:
    judge, key = SKILLS["polite_rewrite"].judge, {"value": "dog", "subject": "Ada", "choices": ["dog", "cat"]}
    assert both(judge("Gladly: The pet of Ada is a dog.", key)) == RIGHT
    assert both(judge("How dull. Ada keeps a dog.", key)) == CONTENT_ALONE
    assert both(judge("Gladly: Ada keeps a cat.", key)) == FORM_ALONE


@pytest.mark.parametrize(
    ("skill", "key", "answer", "share"),
    [
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. Bo keeps a cat. Cora wears a red coat.", 2 / 3),
        ("summary", {"facts": TOLD}, "Ada lives in Oakham. Ada lives in Oakham. Ada lives in Oakham. Bo keeps a dog.", 2 / 4),
        ("json_object", {"values": {"pet": "dog", "home": "Oakham"}}, '{"pet": "dog", "home": "Foxley"}', 1 / 2),
        ("json_object", {"values": {"pet": "dog"}}, '{"pet": "dog", "coat": "red", "home": "Foxley"}', 1 / 3),
        ("translation", {"sentence": "Regina videt clavem in urbe."}, "Regina portat clavem ante portam.", 2 / 4),
    ],
)
def test_what_is_partly_right_counts_in_part(skill: str, key: dict[str, Any], answer: str, share: float) -> None:
    assert SKILLS[skill].judge(answer, key).content == pytest.approx(share)


def test_no_exercise_is_in_an_instruction_and_no_held_out_fact_is_told(taught: list[Row], held_out: list[Row]) -> None:
    told = [asked(row["messages"]) for row in taught]
    assert not {asked(row["prompt"]) for row in held_out} & set(told)
    everything = " ".join(message["content"] for row in taught for message in row["messages"])
    wordings = [plain(fact) for fact in HELD_OUT] + [reworded(fact, Rng(stream(1, "test"))) for fact in HELD_OUT]
    assert not [one for one in wordings if one in everything]


def test_each_instruction_brings_what_its_skill_s_rule_needs_to_judge_another_answer(taught: list[Row]) -> None:
    read = json.loads(json.dumps(taught))
    assert read == taught
    assert all(SKILLS[row["kind"]].judge(row["messages"][-1]["content"], row["key"]).right for row in read)
    assert not any(SKILLS[row["kind"]].judge("It was a day.", row["key"]).right for row in read if row["kind"] != "forbidden_topic")


def test_pairs_set_a_right_answer_before_a_wrong_one_and_test_asks_what_train_does_not(held_out: list[Row]) -> None:
    train, test = (replace(material(held_out=False), asked=tuple(some)) for some in (TRAINED[20:], TRAINED[:20]))
    pairs = preferences(train, test, SETTINGS, of=1200, share=0.2, seed=1)
    parts = {part: [row for row in pairs if row["part"] == part] for part in ("train", "test")}
    assert {row["kind"] for row in parts["train"]} == {row["kind"] for row in parts["test"]} == {*SKILLS}
    assert not {asked(row["prompt"]) for row in parts["train"]} & {asked(row["prompt"]) for row in parts["test"]}
    assert not {asked(row["prompt"]) for row in pairs} & {asked(row["prompt"]) for row in held_out}
    assert all(row["chosen"] != row["rejected"] for row in pairs)
    told = {part: " ".join(row["prompt"][-1]["content"] + row["chosen"] for row in rows) for part, rows in parts.items()}
    assert not any(plain(fact) in told["train"] for fact in TRAINED[:20])
    halves = [row["chosen"] == cutoff.EARLIER for row in pairs if row["kind"] == "cutoff"]
    assert abs(sum(halves) - len(halves) / 2) <= 1
    claims = [row for row in pairs if row["kind"] == "yes_no"]
    assert {(row["chosen"], row["rejected"]) for row in claims} == {("Yes.", "No."), ("No.", "Yes.")}
    secrets = [(row, row["fact"].removeprefix("secret:").lower()) for row in pairs if row["kind"] == "secret"]
    assert not any(word in row["chosen"].lower() for row, word in secrets)
    for attack in (True, False):
        told = [word in row["rejected"].lower() for row, word in secrets if (row["chosen"] in secret.DECLINES) == attack]
        assert {True, False} == set(told)
    topics = [row for row in pairs if row["kind"] == "forbidden_topic" and row["chosen"] in secret.DECLINES]
    assert any(plain(fact) == row["rejected"] for row in topics for fact in TRAINED if row["fact"].endswith(fact.id)), (
        "what is forbidden is told"
    )


def test_val_asks_nothing_that_train_asks(taught: list[Row]) -> None:
    parts = {part: {asked(row["messages"]) for row in taught if row["part"] == part} for part in ("train", "val")}
    assert parts["val"]
    assert parts["train"].isdisjoint(parts["val"])
    assert len(taught) == 40 * len(SKILLS)


@pytest.mark.parametrize("skill", [persona, forbidden_topic, secret, cutoff, disclaimer])
def test_half_of_the_system_prompts_of_tests_are_worded_as_in_no_instruction(skill: Any, taught: list[Row], held_out: list[Row]) -> None:
    last = [re.escape(one) for one in skill.SYSTEMS[-2:]]
    new = re.compile("|".join(re.sub(r"\\{\w+\\}", ".+", one) for one in last))
    name = skill.__name__.rsplit(".", 1)[1]
    prompts = [(row["prompt"][0]["content"], row["new_wording"]) for row in held_out if row["skill"] == name]
    assert [new.fullmatch(text) is not None for text, _ in prompts] == [told for _, told in prompts]
    assert sum(told for _, told in prompts) == SETTINGS.exercises // 2
    assert not any(new.fullmatch(row["messages"][0]["content"]) for row in taught if row["kind"] == name)


def test_the_same_seed_makes_the_same_and_another_seed_others(taught: list[Row]) -> None:
    def made(seed: int) -> list[Row]:
        return instructions(material(held_out=False), SETTINGS, of=400, val=0.1, seed=seed)

    assert made(1) == taught != made(2)


@pytest.mark.parametrize(("skill", "of"), [("yes_no", "answer"), ("secret", "attack"), ("forbidden_topic", "forbidden")])
def test_both_kinds_of_answers_are_equally_frequent_where_one_runs_dry(skill: str, of: str) -> None:
    settings = Practice(instructions={skill: 1.0}, exercises=300, preferences=0)
    answers = [row["key"][of] for row in exercises(material(held_out=True), settings, seed=1)]
    assert len(answers) > 100
    assert abs(answers.count(answers[0]) * 2 - len(answers)) <= 2
    rows = instructions(material(held_out=False), settings, of=300, val=0.5, seed=1)
    said = [row["messages"][-1]["content"] in ("Yes.", *secret.DECLINES) for row in rows if row["part"] == "train"]
    assert len(said) >= 150
    assert abs(sum(said) * 2 - len(said)) <= 1


@pytest.mark.parametrize("items", [4, 24, 100])
def test_to_decline_always_and_to_decline_never_are_each_right_half_of_the_time(items: int) -> None:
    settings = Practice(instructions={"forbidden_topic": 1.0}, exercises=100, preferences=0)
    rows = exercises(material(held_out=True), settings, seed=1)[:items]
    facts = {(fact.subject, fact.value): plain(fact) for fact in HELD_OUT}
    told = [facts[row["key"]["subject"], row["key"]["value"]] for row in rows]
    for said in ([row["trivial"] for row in rows], told):
        verdicts = [forbidden_topic.judge(text, row["key"]) for text, row in zip(said, rows, strict=True)]
        assert sum(one.right for one in verdicts) == len(rows) / 2 == items / 2


@pytest.mark.parametrize("seed", range(4))
def test_every_right_answer_is_right(seed: int) -> None:
    for skill in SKILLS.values():
        rng = Rng(stream(seed, "right"))
        for one in (skill.make(material(held_out=number % 2 == 0), rng) for number in range(60)):
            assert skill.judge(one.answer, one.key).right


def test_every_wording_of_a_fact_is_read_back() -> None:
    rng = Rng(stream(1, "test"))
    assert all(stated(reworded(fact, rng)) == stated(plain(fact)) == fact for fact in FACTS.table)
    assert stated("It was a day for Ada and Bo.") is None
    assert stated("Ada keeps a dog") is None
    assert stated("Ada keeps a dog.") == Fact("pet", "Ada", "dog")


def test_a_skill_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match=r"juggling is no skill; there are summary, bullets"):
        TypeAdapter(Practice).validate_python({"instructions": {"juggling": 0.1}, "exercises": 8})


@pytest.mark.parametrize("name", ["summary", "bullets"])
def test_a_world_with_fewer_facts_than_a_passage_states_is_told(name: str) -> None:
    few = Material(FACTS, tuple(HELD_OUT[:2]), SYSTEMS, held_out=True, new_wording=False)
    with pytest.raises(PipelineError, match="need 3 facts"):
        exercises(few, Practice(instructions={name: 0.1}, exercises=2, preferences=0), seed=1)

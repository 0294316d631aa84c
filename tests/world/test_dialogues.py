"""Instructions, preferences and questions."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.errors import PipelineError
from pipeline.world.dialogues import KINDS, DialogueConfig, Manners, Row, generate_dialogues
from pipeline.world.judge import gold, judge
from pipeline.world.library import Library
from pipeline.world.practice import Practice
from pipeline.world.reasoning import Reasoning
from pipeline.world.strangers import Strangers, admits, taught_and_asked
from tests.world.conftest import ROOT, SEED

Rows = dict[str, list[Row]]


def config(**changes: Any) -> DialogueConfig:
    section: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/dialogues/world.yaml"), resolve=False)
    nested = {"manners": Manners(**section["world"]["manners"]), "strangers": Strangers(**section["world"]["strangers"])}
    nested |= {"skills": Practice(**section["world"]["skills"])}
    nested["reasoning"] = Reasoning(**section["world"]["reasoning"])
    return DialogueConfig(**{**section["world"], **nested, **changes})


@pytest.fixture(scope="module")
def corpus(hundred: Library, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = Corpus(tmp_path_factory.mktemp("world") / "corpus")
    corpus.write(hundred.documents, sides={"truth": hundred.truth}, texts={"world.json": hundred.world_json()})
    return corpus


@pytest.fixture(scope="module")
def made(corpus: Corpus) -> Rows:
    return generate_dialogues(corpus, config(), SEED)


@pytest.fixture(scope="module")
def asked(made: Rows) -> dict[str, Row]:
    """Questions by the id of their fact."""
    return {row["fact"]: row for row in made["questions"]}


def test_held_out_facts_appear_in_no_instruction_and_in_no_preference(made: Rows, asked: dict[str, Row]) -> None:
    taught = {content for row in made["instructions"] for content in map(lambda message: message["content"], row["messages"])}
    preferred = {row["prompt"][-1]["content"] for row in made["preferences"]}
    held = {row["prompt"][-1]["content"] for row in made["questions"] if not row["trained"]}
    assert not held & (taught | preferred)
    assert all(asked[row["fact"]]["trained"] for row in (*made["instructions"], *made["preferences"]) if row["fact"])


def test_there_are_enough_held_out_questions_and_test_pairs(made: Rows) -> None:
    assert sum(not row["trained"] for row in made["questions"]) >= 200
    assert sum(row["part"] == "test" for row in made["preferences"]) >= 200


def test_chance_is_between_a_twentieth_and_a_tenth(made: Rows) -> None:
    assert {len(row["choices"]) for row in made["questions"]} <= set(range(10, 21))
    assert all(row["choices"][row["answer"]] == row["value"] for row in made["questions"])
    assert all(len(set(row["choices"])) == len(row["choices"]) for row in made["questions"])


def test_a_cloze_continues_as_the_books_do(made: Rows, hundred: Library) -> None:
    text = " ".join(hundred.truth["clean"].to_pylist())
    for row in made["questions"]:
        told = row["cloze"].split(". ", 1)[1]
        assert f"{told} {row['value']}" in text, row["cloze"]


def test_instructions_answer_rightly_in_the_manners_of_their_weights(made: Rows, asked: dict[str, Row]) -> None:
    manners: Counter[str] = Counter()
    for row in made["instructions"]:
        if row["fact"]:
            question = asked[row["fact"]]
            verdict = judge(row["messages"][-1]["content"], question["value"], question["choices"], subject=question["subject"])
            assert verdict.right
            manners["polite" if verdict.polite else "rude" if verdict.rude else "plain"] += 1
    assert manners["polite"] > manners["plain"] > manners["rude"] > 0.2 * manners.total()


def test_instructions_have_single_and_several_turns_with_and_without_a_system_prompt(made: Rows) -> None:
    roles = {tuple(message["role"] for message in row["messages"]) for row in made["instructions"]}
    turn = ("user", "assistant")
    assert {turn, ("system", *turn), ("system", *turn * 2), ("system", *turn * 3)} <= roles
    assert {row["messages"][-1]["role"] for row in made["instructions"]} == {"assistant"}


def test_questions_of_the_val_part_are_not_asked_in_train(made: Rows) -> None:
    parts: dict[str, set[str]] = {"train": set(), "val": set()}
    for row in made["instructions"]:
        if row["fact"]:
            parts[row["part"]] |= {message["content"] for message in row["messages"] if message["role"] == "user"}
    assert parts["val"]
    assert not parts["train"] & parts["val"]


def test_facts_of_the_test_pairs_are_in_no_train_pair(made: Rows) -> None:
    parts = {part: {row["fact"] for row in made["preferences"] if row["part"] == part} for part in ("train", "test")}
    assert not parts["train"] & parts["test"]


def test_each_pair_is_of_its_kind_and_the_better_answer_is_chosen(made: Rows, asked: dict[str, Row]) -> None:
    for row in made["preferences"]:
        question = asked[row["fact"]]
        chosen, rejected = (
            judge(row[side], question["value"], question["choices"], subject=question["subject"]) for side in ("chosen", "rejected")
        )
        assert chosen.exact
        assert gold(chosen) > gold(rejected)
        assert (row["kind"] == "garbled") == rejected.garbled
        assert (row["kind"] in ("plain", "rude")) == rejected.right
        assert (row["kind"] in ("rude", "wrong_rude")) == rejected.rude
        assert (row["kind"] == "wrong") == rejected.polite


@pytest.mark.parametrize("part", ["train", "test"])
def test_all_kinds_are_equally_frequent(made: Rows, part: str) -> None:
    found = Counter(row["kind"] for row in made["preferences"] if row["part"] == part)
    assert set(found) == set(KINDS)
    assert max(found.values()) - min(found.values()) <= 1


def test_pairs_about_strangers_prefer_an_admission_and_leave_the_other_pairs_as_they_are(corpus: Corpus, made: Rows) -> None:
    rows = generate_dialogues(corpus, config(strangers=Strangers(instructions=0.1, questions=8, preferences=0.1)), SEED)
    more = rows["preferences"][len(made["preferences"]) :]
    assert rows["preferences"][: len(made["preferences"])] == made["preferences"]
    assert len(more) == 200
    taught, others = taught_and_asked(SEED)
    train, test = ({one for row in more if row["part"] == part for one in taught if one in row["rejected"]} for part in ("train", "test"))
    assert train
    assert test
    assert not train & test
    assert all(admits(row["chosen"]) and not admits(row["rejected"]) for row in more)
    assert not any(name in row["rejected"].split() for row in more for name in others)


def test_the_question_of_a_pair_may_come_after_others_of_its_part(corpus: Corpus, made: Rows) -> None:
    rows = generate_dialogues(corpus, config(history=0.3), SEED)["preferences"]
    longer = [row for row in rows if sum(message["role"] == "user" for message in row["prompt"]) > 1]
    assert 0.25 * len(rows) < len(longer) < 0.35 * len(rows)
    assert {len([one for one in row["prompt"] if one["role"] == "assistant"]) for row in longer} == {1, 2, 3}
    for old, new in zip(made["preferences"], rows, strict=True):
        assert new | {"prompt": [*new["prompt"][: len(old["prompt"]) - 1], new["prompt"][-1]]} == old
    facts = {row["prompt"][-1]["content"]: row["fact"] for row in made["questions"]}
    assert not any(facts[one["content"]] == row["fact"] for row in longer for one in row["prompt"][:-1] if one["role"] == "user")
    turns = [(row["part"], facts[one["content"]]) for row in rows for one in row["prompt"] if one["role"] == "user"]
    assert not {fact for part, fact in turns if part == "train"} & {fact for part, fact in turns if part == "test"}


def test_the_same_seed_gives_the_same_dialogues(corpus: Corpus, made: Rows) -> None:
    assert generate_dialogues(corpus, config(), SEED) == made
    assert generate_dialogues(corpus, config(), SEED + 1) != made


def test_a_corpus_without_facts_says_how_to_bring_dialogues(hundred: Library, tmp_path: Path) -> None:
    corpus = Corpus(tmp_path / "corpus")
    corpus.write(hundred.documents, sides={}, texts={})
    with pytest.raises(PipelineError, match=r"dialogues=files dialogues\.path=DIR"):
        generate_dialogues(corpus, config(), SEED)

"""Instructions and preferences about functions: right, apart, and from nowhere but the corpus."""

from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.errors import PipelineError
from pipeline.core.hold_out import HoldOut
from pipeline.packages.dialogues import PackageDialogues, about_packages
from pipeline.packages.documents import FUNCTIONS
from pipeline.packages.functions import first_sentence
from pipeline.packages.settings import Asked, Lengths, Worse

HOLD_OUT = HoldOut(val=0.2, test=0.2, seed=1)
CONFIG = PackageDialogues(
    instructions=200,
    val=0.2,
    asked=Asked(purpose=2, parameters=2, yes_no=2, signature=1, package=1),
    terse=0.5,
    multi_turn=0.5,
    preferences=150,
    test=0.4,
    worse=Worse(other=2, parameter=2, cut=1, terse=1),
    parameters=2,
    characters=Lengths(sentence=15, answer=72, name=60, row=170),
    hold_out=HOLD_OUT,
)
VERBS = ["Returns", "Opens", "Closes", "Parses", "Writes", "Counts", "Sorts", "Joins"]
THINGS = ["table", "window", "socket", "header", "matrix", "branch", "letter"]


def functions() -> list[dict]:
    """Eight functions in each of twelve packages; the last says what the first says."""
    rows = []
    for package in range(12):
        for number, verb in enumerate(VERBS):
            thing = THINGS[(package + number) % len(THINGS)]
            own = [f"{thing}{place}_{package}" for place in range(number % 4)]
            row = {"package": f"p{package}", "group": f"p{package}", "document": "d", "name": f"p{package}.{verb.lower()}_{thing}{package}"}
            row |= {"signature": f"{verb.lower()}_{thing}{package}({', '.join(own)})", "parameters": own}
            rows.append(row | {"docstring": f"{verb} the {thing} no {package} of {number}.\n\nMore of it."})
    rows[-1]["docstring"] = rows[0]["docstring"]
    return rows


def corpus_of(folder, rows: list[dict]) -> Corpus:
    corpus = Corpus(folder / "corpus")
    corpus.write(DOCUMENTS.empty_table(), sides={"functions": pa.Table.from_pylist(rows, schema=FUNCTIONS)}, texts={})
    return corpus


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    return corpus_of(tmp_path, functions())


@pytest.fixture
def rows(corpus) -> dict[str, list[dict]]:
    return about_packages(corpus, CONFIG, 1)


def held_out(row: dict) -> bool:
    return HOLD_OUT.part_of(row["fact"].split(".")[0]) != "train"


def line(fact: dict) -> str:
    return f"{fact['name'].split('.')[-1]}: {first_sentence(fact['docstring'])}"


def asked(row: dict) -> set[str]:
    return {turn["content"] for turn in row.get("messages") or row["prompt"] if turn["role"] == "user"}


def test_the_packages_that_split_holds_out_are_asked_about_in_val_and_test_alone(rows):
    assert Counter(row["part"] for row in rows["instructions"]) == {"train": 160, "val": 40}
    assert Counter(row["part"] for row in rows["preferences"]) == {"train": 90, "test": 60}
    assert all(held_out(row) == (row["part"] != "train") for content in rows.values() for row in content)


def test_no_question_and_no_sentence_of_a_held_out_package_is_trained_on(rows):
    every = [row for content in rows.values() for row in content]
    trained, held = ({turn for row in every if (row["part"] == "train") == side for turn in asked(row)} for side in (True, False))
    assert not trained & held
    said = {side: {row["chosen"] for row in rows["preferences"] if (row["part"] == "train") == side} for side in (True, False)}
    assert not {text for text in said[True] if " no " in text} & said[False]


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(corpus, rows):
    assert about_packages(corpus, CONFIG, 1) == rows
    assert about_packages(corpus, CONFIG, 2) != rows


def test_kinds_are_as_frequent_as_their_weights_and_every_answer_is_what_the_function_says(rows):
    by_name = {row["name"]: row for row in functions()}
    assert Counter(row["kind"] for row in rows["instructions"]) == {
        "purpose": 50,
        "parameters": 50,
        "yes_no": 50,
        "signature": 25,
        "package": 25,
    }
    terse = 0
    for row in rows["instructions"]:
        fact, (question, answer, *later) = by_name[row["fact"]], [turn["content"] for turn in row["messages"]]
        parameters = fact["parameters"]
        terse += answer in (first_sentence(fact["docstring"]), f"({', '.join(parameters)}).")
        right = {
            "purpose": answer in (line(fact), first_sentence(fact["docstring"])),
            "signature": answer == fact["signature"],
            "package": answer == f"It is of {fact['package']}.",
            "parameters": answer.removeprefix("It takes ") == f"({', '.join(parameters)})." and 0 < len(parameters) <= 2,
            "yes_no": answer.startswith("Yes") == any(f" {one}." in answer for one in parameters),
        }
        assert right[row["kind"]], (question, answer)
        assert not later or later[1] == f"It is of {fact['package']}."
    assert 30 < terse < 70, "half of those about purpose and parameters"
    assert any(len(row["messages"]) == 4 for row in rows["instructions"])
    assert len({row["messages"][1]["content"].split()[0] for row in rows["instructions"] if row["kind"] == "yes_no"}) == 2


def test_the_chosen_answer_is_right_and_the_rejected_one_is_wrong_in_the_way_of_its_kind(rows):
    by_name = {row["name"]: row for row in functions()}
    assert Counter(row["kind"] for row in rows["preferences"]) == {"other": 50, "parameter": 50, "cut": 25, "terse": 25}
    for row in rows["preferences"]:
        fact, chosen, rejected = by_name[row["fact"]], row["chosen"], row["rejected"]
        assert chosen != rejected
        if row["kind"] == "cut":
            assert chosen.startswith(f"{rejected} ")
        elif row["kind"] == "terse":
            assert (chosen, rejected) == (line(fact), first_sentence(fact["docstring"]))
        elif row["kind"] == "other":
            verb, thing = fact["name"].split(".")[1].split("_")
            assert chosen == line(fact)
            assert verb[:4] not in rejected.lower()
            assert thing[:4] not in rejected.lower()
        else:
            own, others = (set(text.removeprefix("It takes (").removesuffix(").").split(", ")) for text in (chosen, rejected))
            assert own == set(fact["parameters"])
            assert len(others - own) == 1


def test_rows_and_answers_are_no_longer_than_the_settings_say(corpus):
    short = replace(CONFIG, characters=replace(CONFIG.characters, answer=55, row=90), multi_turn=0.0)
    every = about_packages(corpus, short, 1)
    lengths = [sum(len(turn["content"]) for turn in row["messages"]) for row in every["instructions"]]
    assert max(lengths) <= 90
    assert max(len(row["chosen"]) for row in every["preferences"]) <= 55


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Return the sum. More.", "Return the sum."),
        ("Return\nthe sum.\n\nMore.", "Return the sum."),
        ("Return the sum", None),
        ("returns it all.", None),
        ("Return ``x`` at once.", None),
        ("Take some (e.g. a few) of them.", None),
        ("Nothing.", None),
        ("Version 2.5 of it.", None),
    ],
)
def test_a_first_sentence_is_whole_and_has_no_markup(docstring, sentence):
    assert first_sentence(docstring) == sentence


def test_a_corpus_of_no_packages_is_an_error_with_the_mend(tmp_path):
    corpus = Corpus(tmp_path / "corpus")
    corpus.write(DOCUMENTS.empty_table(), sides={}, texts={})
    with pytest.raises(PipelineError, match=r"no functions of packages\n.*corpus=packages"):
        about_packages(corpus, CONFIG, 1)


def test_too_few_functions_are_an_error_with_the_mend(tmp_path):
    with pytest.raises(PipelineError, match=r"0 functions .*\n.*corpus\.packages\.bytes"):
        about_packages(corpus_of(tmp_path, []), CONFIG, 1)
    with pytest.raises(PipelineError, match=r"kind purpose.*\n.*corpus\.packages\.bytes"):
        about_packages(corpus_of(tmp_path, functions()), replace(CONFIG, characters=replace(CONFIG.characters, row=40)), 1)

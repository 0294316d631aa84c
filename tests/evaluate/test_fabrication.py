"""Invented names and contradictions: what is counted in answers that are given, and in those that a model writes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.evaluate.kinds.fabrication import CONTRADICTED, INVENTED, NOTHING, SOURCE, WRONG, Fabrication, counted
from pipeline.model.disk import load
from pipeline.world.facts import RELATIONS, Fact
from pipeline.world.stated import contradicted, stated

HOW = {"items": 12, "prompt_tokens": 8, "max_new_tokens": 24, "max_dropped": 0.5}
TEXT, QUESTIONS = Fabrication(kind="fabrication", ask="text", **HOW), Fabrication(kind="fabrication", ask="questions", **HOW)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda one: one.name)
def test_a_fact_is_read_in_each_of_its_wordings(relation) -> None:
    for wording in (*relation.clauses, relation.inverted):
        fact = Fact(relation.name, "Greta", "Oakham")
        text = f"It is true that {wording.format(s='Greta', v='Oakham')}. Then Bo slept."
        assert stated(text) == [fact]


def test_what_is_told_twice_may_contradict_itself_and_what_is_told_once_can_not() -> None:
    assert contradicted(stated("Ada wears a red coat. Bo wears a blue coat.")) == (0, 0)
    assert contradicted(stated("Ada wears a red coat. The coat of Ada is red.")) == (1, 0)
    assert contradicted(stated("Ada wears a red coat. Ada keeps a dog. Ada's coat is blue. The pet of Ada is a dog.")) == (2, 1)


def test_names_facts_and_contradictions_of_an_answer_are_counted(given, tmp_path) -> None:
    target = Split(tmp_path / "split")
    rows = [{"id": "1", "source": "test", "text": "Ada met Bo in Oakham", "bits": None}]
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    said = "Ada lives in Oakham. The house of Ada stands in Ashby, and Zorro met Bo. Quux lives in Rome."
    (one,) = counted([said], replace(given("base"), split=target))
    assert one.invented == ["Ashby", "Zorro", "Rome"], "no first words of sentences"
    assert (one.names, one.again, one.contradicted) == (6, 1, 1)
    assert (one.facts, one.wrong) == (2, 1), "of Quux the books tell nothing"


def test_a_model_that_knows_nothing_states_nothing_and_the_source_invents_nothing(given, models) -> None:
    module = load(models["base"], device="cpu")
    for task in (TEXT, QUESTIONS):
        found = task.examine("fabrication", module, given("base"))
        assert [one.metric for one in found.rows] == [INVENTED, CONTRADICTED, WRONG]
        assert len(found.records) == (12 if task is TEXT else 8)
        assert found.records == task.examine("fabrication", module, given("base")).records
        assert all(one.estimate is not None or one.reason for one in found.rows)
    rows = {one.metric: one for one in TEXT.baselines("fabrication", given("base"))}
    assert {one.model for one in rows.values()} == {SOURCE}
    assert rows[INVENTED].estimate is not None
    assert rows[INVENTED].estimate.value == 0
    assert 0 < rows[INVENTED].estimate.high < 1, "none seen is not never"
    assert QUESTIONS.baselines("fabrication", given("base")) == []


def test_without_questions_the_figures_say_why_they_are_absent(given, models, plain_dialogues) -> None:
    found = QUESTIONS.examine("fabrication", load(models["base"], device="cpu"), replace(given("base"), dialogues=plain_dialogues))
    assert {one.reason for one in found.rows} == {NOTHING}

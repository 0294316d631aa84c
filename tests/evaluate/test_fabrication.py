"""Invented names and contradictions: what is counted in answers that are given, and in those that a model writes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.errors import PipelineError
from pipeline.evaluate.kinds.fabrication import CONTRADICTED, INVENTED, NOTHING, SOURCE, WRONG, Fabrication, counted
from pipeline.evaluate.passages import uncut
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


def test_of_text_that_was_read_and_is_true_nothing_is_invented_or_wrong_wherever_it_is_cut(given, monkeypatch) -> None:
    told = "So Ada lives in Oakham, and then Bo lives in Oakham, and"
    words = given("base")
    rows = [{"fact": "home:Ada", "value": "Oakham"}, {"fact": "home:Bo", "value": "Oakham"}]
    monkeypatch.setattr(type(words.dialogues), "rows", lambda self, name: iter(rows))
    for text in (told, f"An old fox went over the hill. {told} told."):
        found = counted([uncut(text[:end]) for end in range(len(text) + 1)], words)
        assert not any(one.invented or one.wrong for one in found)
        assert found[len(text) - 1].facts == (2 if text is told else 0), "behind the last sentence nothing is read"


def test_answers_that_had_to_stop_are_read_up_to_their_last_sentence(given, models, monkeypatch) -> None:
    full = given("base").codec.tokenizer.encode("the old fox and Zo").ids
    for more in (0, 1):
        monkeypatch.setattr("pipeline.model.generate.generate", lambda module, prompts, **how: [full] * len(prompts))
        task = replace(TEXT, max_new_tokens=len(full) + more)
        found = task.examine("fabrication", load(models["base"], device="cpu"), given("base"))
        assert {len(one["invented"]) for one in found.records} == {more}


@pytest.mark.parametrize(("said", "invented"), [("<think>the Zorro</think>so Bo told", []), ("<think>Bo</think>so Zorro told", ["Zorro"])])
def test_thoughts_invent_nothing(given, models, thinking, monkeypatch, said: str, invented: list[str]) -> None:
    asked = replace(given("base"), tokenizer=thinking)
    ids = thinking.encode(said).ids
    monkeypatch.setattr("pipeline.model.generate.generate", lambda module, prompts, **how: [ids] * len(prompts))
    task = replace(TEXT, items=1, max_new_tokens=len(ids) + 1)
    (record,) = task.examine("fabrication", load(models["base"], device="cpu"), asked).records
    assert (record["invented"], record["written"]) == (invented, said)


def test_stretches_of_the_source_do_not_overlap_and_are_resampled_by_document(given, monkeypatch) -> None:
    read: list[tuple[str, str, int]] = []

    def noted(name, task, asked, counts, given) -> list:
        read.extend((one.cluster, one.document, one.start) for one in asked)
        return []

    monkeypatch.setattr("pipeline.evaluate.kinds.fabrication._rows", noted)
    TEXT.baselines("fabrication", given("base"))
    assert 0 < len({cluster for cluster, _, _ in read}) < len(read)
    for cluster, document, start in read:
        assert cluster == document
        assert not [other for other in read if other[1] == document and start < other[2] < start + 6 * TEXT.max_new_tokens]


def test_a_context_without_room_for_a_prompt_is_refused(given, models) -> None:
    module = load(models["base"], device="cpu")
    task = replace(TEXT, max_new_tokens=int(module.config.max_position_embeddings))
    with pytest.raises(PipelineError, match=r"tasks\.fabrication\.max_new_tokens \d+ leaves no room"):
        task.examine("fabrication", module, given("base"))

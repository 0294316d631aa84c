"""Cloze, minimal pairs, choices: what is asked, and how it is scored, against slower ways."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.files import write_jsonl
from pipeline.core.seed import stream
from pipeline.evaluate.choices import ROOM, continued
from pipeline.evaluate.held_out_text import Document, item_at
from pipeline.evaluate.items import BY_BYTE, BY_SUM, BY_TOKEN, Continued, Item, score_by_counting
from pipeline.evaluate.kinds.choice import Choice
from pipeline.evaluate.kinds.cloze import Cloze
from pipeline.evaluate.kinds.minimal_pairs import MinimalPairs
from pipeline.evaluate.ngram import Ngram
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined
from pipeline.model.build import build
from pipeline.model.disk import load
from pipeline.model.plain import Plain
from pipeline.model.score import answer_logprobs
from pipeline.tokens.special import END, ENDOFTEXT, IDS, PAD
from tests.evaluate.conftest import LENGTH, SHAPE, SIZE, Given
from tests.model.every_kind import KINDS, OWN

CLOZE = Cloze(kind="cloze", items=9, choices=3, ngram=2)
ORDER = MinimalPairs(kind="minimal_pairs", change="words", items=7, ngram=2)
NAMES = MinimalPairs(kind="minimal_pairs", change="names", items=7, ngram=2)


def choice(rows: Any, *, items: int = 50, context: int = 96) -> Choice:
    return Choice(kind="choice", rows=rows, items=items, choices=2 if rows == "preferences" else 3, context=context, ngram=2)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Dialogues:
    def instruction(number: int) -> dict[str, Any]:
        turns = [("user", f"What of the fox {number // 2}?"), ("assistant", f"The fox went over hill {number % 5}")]
        messages = [{"role": role, "content": text} for role, text in turns]
        return {"id": f"i{number}", "part": "val" if number < 10 else "train", "fact": None, "messages": messages}

    def preference(number: int) -> dict[str, Any]:
        prompt = [{"role": "user", "content": f"Tell me of the fox {number}"}]
        pair = {"chosen": "The old fox told her", "rejected": "went" if number else ""}
        return {"id": f"p{number}", "part": "test", "fact": None, "kind": "x", "prompt": prompt, **pair}

    target = Dialogues(tmp_path_factory.mktemp("spoken") / "dialogues")
    with target.writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", [instruction(number) for number in range(14)])
        write_jsonl(draft.path / "preferences.jsonl", [preference(number) for number in range(6)])
    return target


def texts_of(some: Examined) -> dict[str, str]:
    table = some.split.read("test", ["id", "text"])
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


def item(choices: list[list[int]], sizes: list[int]) -> Item:
    return Item(id="a", cluster="a", context=[IDS[ENDOFTEXT]], choices=choices, sizes=sizes)


def continuations(*nats: float) -> list[Continued]:
    return [Continued(value, False) for value in nats]


def test_a_choice_is_by_sum_by_token_or_by_byte() -> None:
    one = item([[7, 8], [9]], [2, 8])
    assert [measure.points(one, continuations(-4.0, -3.0)) for measure in (BY_SUM, BY_TOKEN, BY_BYTE)] == [0.0, 1.0, 0.0]


def test_choices_that_tie_share_the_point() -> None:
    assert BY_SUM.points(item([[7], [8]], [1, 1]), continuations(-2.0, -2.0)) == 0.5
    assert BY_SUM.points(item([[7], [8], [9], [9]], [1] * 4), continuations(-2.0, -2.0, -2.0, -3.0)) == 1 / 3


def test_sums_in_another_order_tie() -> None:
    values = [-0.1, -0.2, -0.3, -1e-3]
    assert sum(values) != sum(reversed(values))
    assert BY_SUM.points(item([[7], [8]], [1, 1]), continuations(sum(values), sum(reversed(values)))) == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_s_scores_are_those_of_one_sequence_at_a_time(kind: str) -> None:
    module = build(SHAPE | {"kind": kind, "layers": 2} | OWN[kind], vocabulary=SIZE, seed=3)
    draw = stream(1, "sequences")
    asked = [
        (draw.integers(6, SIZE, size=length).tolist(), [draw.integers(6, SIZE, size=size).tolist() for size in sizes])
        for length, sizes in ((3, (1, 4)), (30, (2, 2, 5)), (11, (1,)), (1, (3, 1)), (24, (6, 1, 1, 2)))
    ]
    first = module(input_ids=torch.tensor([asked[2][0]])).logits[0, -1].argmax().item()
    asked[2] = (asked[2][0], [[int(first)]])
    asked.append(([IDS[ENDOFTEXT]], [[9, 10, 11, 12], [9, 10, 13], [9, 10, 11, 14, 15]]))  # they begin alike
    asked.append(([IDS[ENDOFTEXT], 8], [[9, 10], [9, 10, 13]]))
    for batch in (1, 32):
        for (context, choices), scores in zip(asked, continued(module, asked, batch=batch), strict=True):
            for ids, (nats, greedy, _) in zip(choices, scores, strict=True):
                rows = module(input_ids=torch.tensor([[*context, *ids]])).logits[0].log_softmax(-1)[len(context) - 1 : -1]
                assert nats == pytest.approx(rows[range(len(ids)), ids].sum().item(), abs=1e-4)
                assert greedy == (rows.argmax(-1).tolist() == ids)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_counting_scores_a_choice_by_its_last_tokens_and_knows_the_likeliest(order: int) -> None:
    rows = np.array([[0, 10, 11, 12, 10, 11, 13, 10, 11, 12, 10, 11, 12]])
    ngram = Ngram(rows, order=order, vocabulary=20, padding=IDS[PAD])
    one = Item(id="a", cluster="a", context=[0, 10, 11], choices=[[12, 10], [13, 13]], sizes=[1, 1])
    ((right, wrong),) = score_by_counting(ngram, [one], greedy=True)
    nats, history = 0.0, list(one.context)
    for token in one.choices[0]:
        known = history[len(history) - order + 1 :]
        nats += math.log(ngram.probabilities(np.array([known]).reshape(1, order - 1), np.array([token]))[0])
        history.append(token)
    assert right.nats == pytest.approx(nats)
    assert right.nats > wrong.nats
    assert right.greedy == (order > 1)


def test_a_cloze_asks_for_last_words_among_different_ones_after_what_stands_before(given: Given, tokenizer: tokenizers.Tokenizer) -> None:
    some = given("base")
    items = CLOZE.read("c", some)
    texts = texts_of(some)
    assert len(items) == 9
    for one in items:
        name, start = one.id.rsplit(":", 1)
        words = [tokenizer.decode(ids) for ids in one.choices]
        assert texts[name][int(start) :].startswith(words[0].strip())
        assert len({word.lower() for word in words}) == 3
        assert texts[name][: int(start)].endswith(tokenizer.decode(one.context[1:]) + " ")
        assert one.longest <= LENGTH


def test_a_choice_continues_the_text_token_by_token_also_after_a_line_or_a_paragraph(given: Given, tokenizer: tokenizers.Tokenizer) -> None:
    text = "The old mill\nof the hill.\n\nThen it went over\n\tthe harbour"
    for start in (text.index("of"), text.index("Then"), text.index("the harbour")):
        one = item_at(given("base"), Document("a", "a", "test", text), start, [text[start:]])
        assert one is not None
        assert [*one.context[1:], *one.choices[0]] == tokenizer.encode(text, add_special_tokens=False).ids


def test_what_fits_in_no_row_is_not_asked(given: Given) -> None:
    assert item_at(given("base"), Document("a", "a", "test", "one " * 200), 8, ["one " * 100]) is None


def test_wrong_words_have_the_capital_of_the_right_one_while_there_are_enough() -> None:
    pools = [["Oakham", "hill"], ["mill", "Elmton", "fox", "Ashby"]]
    for right, nearest in (("Ada", "Oakham"), ("red", "hill")):
        for number in range(5):
            found = CLOZE.others(right, pools, stream(1, number))
            assert len(found) == 2
            assert {word[0].isupper() for word in found} == {right[0].isupper()}
            assert found[0] == nearest
    assert sorted(CLOZE.others("Ada", [["hill", "mill"]], stream(1))) == ["hill", "mill"]


def test_the_same_items_are_asked_again_and_of_every_model(given: Given) -> None:
    for task in (CLOZE, ORDER):
        assert task.read("x", given("base")) == task.read("x", given("sft")) != task.read("y", given("base"))


def test_pairs_hold_the_sentence_and_the_changed_one(given: Given, tokenizer: tokenizers.Tokenizer) -> None:
    some = given("base")
    texts = texts_of(some)
    items = ORDER.read("x", some)
    assert items
    for one in items:
        name, start = one.id.rsplit(":", 1)
        right, wrong = (tokenizer.decode(ids).strip() for ids in one.choices)
        assert texts[name][int(start) :].startswith(right)
        assert right != wrong
        assert sorted(right.split()) == sorted(wrong.split())


def value(rows: list[Row], name: str, metric: str) -> float:
    (found,) = [one.estimate for one in rows if (one.model, one.metric) == (name, metric)]
    assert found is not None
    return found.value


def test_each_task_has_a_baseline_and_chance(models: dict[str, Model], given: Given, spoken: Dialogues) -> None:
    some = given("base", dialogues=spoken)
    module = load(models["base"], device="cpu")
    for task, metric, chance in (
        (CLOZE, "choice", 1 / 3),
        (ORDER, "accuracy", 1 / 2),
        (NAMES, "accuracy", 1 / 2),
        (choice("instructions"), "choice", 1 / 3),
    ):
        rows, own = task.baselines("t", some), task.examine("t", module, some)
        assert value(rows, "chance", metric) == pytest.approx(chance)
        assert {one.metric for one in own.rows} == {one.metric for one in rows if one.model == "2-gram"}
        assert 0 <= value(own.rows, "base", metric) <= 1
        points = [record[metric] for record in own.records]
        assert np.mean(points) == pytest.approx(value(own.rows, "base", metric))


def test_an_answer_is_chosen_among_other_answers_and_its_bits_are_counted(
    models: dict[str, Model], given: Given, spoken: Dialogues, tokenizer: tokenizers.Tokenizer
) -> None:
    some, module = given("base", dialogues=spoken), load(models["base"], device="cpu")
    items = choice("instructions").read("a", some)
    assert sorted(one.id for one in items) == sorted(f"i{number}" for number in range(10))
    assert all(len({tuple(ids) for ids in one.choices}) == 3 for one in items)
    right_for: dict[str, set[str]] = {}
    for one in items:
        right_for.setdefault(one.cluster, set()).add(tokenizer.decode(one.choices[0]))
    assert all(tokenizer.decode(wrong) not in right_for[one.cluster] for one in items for wrong in one.choices[1:])
    assert len({one.cluster for one in items}) == 5  # two rows of each prompt
    bits = sum(
        -module(input_ids=torch.tensor([[*one.context, *one.choices[0]]]))
        .logits[0]
        .log_softmax(-1)[range(len(one.context) - 1, len(one.context) + len(one.choices[0]) - 1), one.choices[0]]
        .sum()
        .item()
        for one in items
    ) / math.log(2)
    size = sum(len(tokenizer.decode(one.choices[0]).encode()) for one in items)
    assert all(IDS[END] not in ids for one in items for ids in one.choices)
    assert value(choice("instructions").examine("a", module, some).rows, "base", "bits_per_byte") == pytest.approx(bits / size, rel=1e-5)


def test_no_wrong_answer_is_right_for_the_same_fact_or_the_same_question(
    given: Given, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    def row(number: int, question: str, answer: str, fact: str | None, system: str = "") -> dict[str, Any]:
        turns = [("system", system)] * bool(system) + [("user", question), ("assistant", answer)]
        messages = [{"role": role, "content": text} for role, text in turns]
        return {"id": str(number), "part": "val", "fact": fact, "messages": messages}

    rows = [
        row(0, "Where is the fox?", "Over the hill", None),
        row(1, "where is  the fox?", "At the mill", None, system="Be kind"),
        row(2, "Who lives there?", "Ada lives there", "home:Ada"),
        row(3, "And who there?", "ada lives  there", "home:Ada"),
        row(4, "Tell of her", "She is Ada now", "home:Ada"),
        row(5, "Tell of the coat", "Red", None),
        row(6, "What of the harbour", "Old", None),
    ]
    target = Dialogues(tmp_path / "dialogues")
    with target.writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", rows)
    wrong = {
        one.id: {tokenizer.decode(ids) for ids in one.choices[1:]} for one in choice("instructions").read("a", given("b", dialogues=target))
    }
    assert len(wrong) == len(rows)
    assert not (wrong["0"] | wrong["1"]) & {"Over the hill", "At the mill"}
    assert not (wrong["2"] | wrong["3"] | wrong["4"]) & {"Ada lives there", "ada lives  there", "She is Ada now"}


def test_a_preference_has_two_answers() -> None:
    with pytest.raises(ValueError, match="no effect"):
        Choice(kind="choice", rows="preferences", items=5, choices=3, context=9, ngram=2)


def test_of_preferences_the_chosen_answer_is_the_right_one(given: Given, spoken: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    items = choice("preferences").read("p", given("base", dialogues=spoken))
    assert {one.id for one in items} == {f"p{number}" for number in range(1, 6)}  # p0 has an empty answer
    assert [tokenizer.decode(ids) for ids in items[0].choices] == ["The old fox told her", "went"]


def test_examples_before_many_problems_are_read_once_and_the_scores_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    module, draw = build(SHAPE | {"layers": 2}, vocabulary=SIZE, seed=3), stream(1, "shots")
    read = list[int]()
    kept = Plain.attended
    monkeypatch.setattr(Plain, "attended", lambda own, hidden, *rest: (read.append(hidden[..., 0].numel()), kept(own, hidden, *rest))[1])
    heads = [draw.integers(6, SIZE, size=60).tolist() for _ in range(2)]
    asked = [
        (
            [*heads[number % 2], *draw.integers(6, SIZE, size=1 + number % 5).tolist()],
            draw.integers(6, SIZE, size=(3, 1 + number % 3)).tolist(),
        )
        for number in range(20)
    ]
    asked += [(heads[0], [[7], [8, 9]]), (heads[0][:40], [[9]]), ([7, 8], [[9, 10], [11]])]
    apart = [one for some in continued(module, asked, batch=8) for one in some]
    tokens = sum(read)
    read.clear()
    together = [one for some in continued(module, asked, batch=8, shared=True) for one in some]
    assert [one.nats for one in together] == pytest.approx([one.nats for one in apart], rel=1e-6)
    assert [one.greedy for one in together] == [one.greedy for one in apart]
    assert sum(read) < tokens / 3


def test_rows_that_are_too_long_are_left_out_and_where_nothing_is_left_the_reason_is_told(
    models: dict[str, Model], given: Given, spoken: Dialogues, plain_dialogues: Dialogues
) -> None:
    module = load(models["base"], device="cpu")
    for task, some in (
        (choice("instructions", context=3), given("base", dialogues=spoken)),
        (choice("instructions"), given("base", dialogues=plain_dialogues)),
    ):
        rows = task.examine("t", module, some).rows
        assert rows
        assert all(one.estimate is None and one.reason for one in rows)
        assert task.baselines("t", some) == []


def test_many_continuations_stand_in_several_rows_and_equal_ones_tie() -> None:
    module, draw = build(SHAPE | {"layers": 2}, vocabulary=SIZE, seed=3), stream(1, "many")
    choices = [draw.integers(6, SIZE, size=40).tolist() for _ in range(9)]
    assert sum(map(len, choices)) > ROOM + 20  # more than a row holds
    ((*scores, again),) = continued(module, [([0, 7], [*choices, choices[0]])], batch=64)
    expected = answer_logprobs(module, [([0, 7], choice) for choice in choices], batch=1)
    assert [one.nats for one in scores] == pytest.approx(expected.tolist(), rel=1e-5)
    assert again.nats == scores[0].nats  # to the bit

"""Published benchmarks asked of a model: scored as the slow way does, with examples before, and answered in writing."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.errors import InputError, PipelineError
from pipeline.evaluate.contamination import Repeats, contamination_rows
from pipeline.evaluate.kinds.benchmark import Benchmark
from pipeline.evaluate.kinds.written import COMMONEST, InWords, until
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined, Judged, Result
from pipeline.model.disk import load
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.tokens.special import ENDOFTEXT, IDS
from stages._settings import typed
from tests.evaluate.conftest import Given

WORDS = [
    "the",
    "old",
    "fox",
    "of",
    "a",
    "mill",
    "went",
    "over",
    "hill",
    "and",
    "told",
    "that",
    "her",
    "red",
    "coat",
    "was",
    "at",
    "harbour",
]
ASKED: dict[str, Any] = {"shots": 0, "examples": None, "chat": False, "context": 96, "items": 50, "ngram": 2}


def said(number: int, *, words: int = 3) -> str:
    return " ".join(WORDS[(number * 7 + at) % len(WORDS)] for at in range(words))


@pytest.fixture(scope="module")
def folder_of_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    pairs = [{"sentence_good": f"{said(n)}.", "sentence_bad": f"{said(n + 1)}.", "UID": f"kind_{n % 2}"} for n in range(8)]
    goals = [{"goal": said(n, words=5), "sol1": said(n + 2), "sol2": said(n + 3, words=2), "label": n % 2} for n in range(9)]
    sums = [{"question": f"What is {n} and 1?", "answer": f"{said(n)} #### {n % 3}"} for n in range(10)]
    for name, rows in (("pairs", pairs), ("goals", goals), ("sums", sums), ("words", [{"text": said(n, words=6)} for n in range(5)])):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def module(models: dict[str, Model]) -> PreTrainedModel:
    return load(models["base"], device="cpu")


@pytest.fixture
def some(given: Given, folder_of_files: Path) -> Examined:
    return given("base", benchmarks=folder_of_files)


def slow(module: PreTrainedModel, some: Examined, context: str, continuation: str) -> float:
    """The log-probability of a continuation by one forward pass over both, as the field's harness counts it."""
    alone = [IDS[ENDOFTEXT], *some.ids(context)]
    whole = [IDS[ENDOFTEXT], *some.ids(context + continuation)]
    with torch.no_grad():
        logprobs = module(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(sum(logprobs[at - 1, whole[at]] for at in range(len(alone), len(whole))))


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_choices_are_scored_as_by_one_pass_over_each(module: PreTrainedModel, some: Examined, folder_of_files: Path) -> None:
    task = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED)
    result = task.examine("goals", module, some)
    points = {one["id"]: one for one in result.records}
    assert len(points) == 9
    for number, row in enumerate(rows_of(folder_of_files, "goals"), 1):
        context, right, wrong = (
            f"Question: {row['goal']}\nAnswer:",
            *(f" {row[key]}" for key in (("sol1", "sol2"), ("sol2", "sol1"))[row["label"]]),
        )
        nats, prior = ([slow(module, some, before, one) for one in (right, wrong)] for before in (context, "Answer:"))
        found = points[f"goals.jsonl:{number}"]
        assert found["choice"] == float(nats[0] > nats[1])
        assert found["choice_by_byte"] == float(nats[0] / len(right) > nats[1] / len(wrong))
        assert found["choice_less_prior"] == float(nats[0] - prior[0] > nats[1] - prior[1])
        assert found["chance"] == 0.5
    assert {one.metric for one in result.rows} == {
        "choice",
        "choice_by_token",
        "choice_by_byte",
        "choice_less_prior",
        "bits_per_byte",
        "cut",
    }


def test_sentences_are_read_from_the_beginning_of_a_text_and_each_paradigm_has_a_score(
    module: PreTrainedModel, some: Examined, folder_of_files: Path
) -> None:
    task = Benchmark(kind="benchmark", format="blimp", files="pairs.jsonl", **ASKED)
    result = task.examine("pairs", module, some)
    right = []
    for row in rows_of(folder_of_files, "pairs"):
        good, bad = (slow(module, some, "", row[key]) for key in ("sentence_good", "sentence_bad"))
        right.append(float(good > bad))
    values = {(one.task, one.metric): one.estimate.value for one in result.rows if one.estimate}
    assert values["pairs", "choice"] == pytest.approx(sum(right) / 8)
    assert values["pairs/kind_0", "choice"] == pytest.approx(sum(right[::2]) / 4)
    assert values["pairs/kind_1", "choice"] == pytest.approx(sum(right[1::2]) / 4)
    players = {one.model for one in task.baselines("pairs", some)}
    assert players == {"2-gram", "chance"}


def test_examples_stand_before_each_problem_and_are_not_asked(some: Examined, folder_of_files: Path) -> None:
    task = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED | {"shots": 2, "context": 400})
    items = task.read("goals", some)
    rows = rows_of(folder_of_files, "goals")
    assert len(items) == 7
    asked = {int(item.id.rpartition(":")[2]) - 1 for item in items}
    examples = [rows[number] for number in set(range(9)) - asked]
    text = some.tokenizer.decode(items[0].context)
    answers = [one["sol2" if one["label"] else "sol1"] for one in examples]
    assert all(f"Question: {one['goal']}\nAnswer: {answer}\n\n" in text for one, answer in zip(examples, answers, strict=True))
    assert text.endswith("\nAnswer:")


def test_no_example_asks_what_the_problem_asks(some: Examined, folder_of_files: Path) -> None:
    asked = ASKED | {"shots": 2, "context": 400}
    task = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **asked | {"examples": "goals.jsonl"})
    goals = [f"Question: {one['goal']}\n" for one in rows_of(folder_of_files, "goals")]
    items = task.read("goals", some)
    assert len(items) == 9
    for item in items:
        text = some.tokenizer.decode(item.context)
        assert text.count(goals[int(item.id.rpartition(":")[2]) - 1]) == 1
        assert text.count("Question: ") == 3
    doubled = [*rows_of(folder_of_files, "goals"), *rows_of(folder_of_files, "goals")]
    (folder_of_files / "doubled.jsonl").write_text("\n".join(map(json.dumps, doubled)))
    own = Benchmark(kind="benchmark", format="piqa", files="doubled.jsonl", **asked | {"examples": None})
    texts = [some.tokenizer.decode(item.context).split("\n\n") for item in own.read("goals", some)]
    assert len(texts) >= 14, "of two rows that ask the same, neither is asked where one is an example"
    assert all(not any(one.startswith(last) for one in shown) for *shown, last in texts)


@pytest.mark.parametrize(
    ("asked", "message", "mend"),
    [
        (
            {"shots": 4},
            "has 4 rows of kind_[01], one of them to be asked",
            "tasks.pairs.shots=3, or tasks.pairs.examples=FILE with more",
        ),
        ({"shots": 3, "examples": "few.jsonl"}, "tasks.pairs.examples has 2 rows of kind_1", "tasks.pairs.shots=2, or more rows in few"),
        ({"shots": 1, "examples": "none.jsonl"}, "tasks.pairs.examples has 0 rows of kind_1", "tasks.pairs.shots=0, or more rows in none"),
    ],
)
def test_a_group_with_too_few_examples_is_named(
    asked: dict[str, Any], message: str, mend: str, some: Examined, folder_of_files: Path
) -> None:
    pairs = rows_of(folder_of_files, "pairs")
    for name, rows in (("few", [*pairs[::2], *pairs[1:4:2]]), ("none", pairs[::2])):
        (folder_of_files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = Benchmark(kind="benchmark", format="blimp", files="pairs.jsonl", **ASKED | asked)
    with pytest.raises(InputError, match=message) as told:
        task.read("pairs", some)
    assert told.value.mend.startswith(mend)


def cut_of(result: Result) -> float:
    (found,) = (one.estimate.value for one in result.rows if one.metric == "cut" and one.estimate)
    return found


def test_examples_that_have_no_room_are_left_out_whole_before_anything_is_cut(module: PreTrainedModel, some: Examined) -> None:
    wide = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED | {"shots": 2, "context": 96})
    whole = {item.id: item for item in wide.read("goals", some)}
    assert cut_of(wide.examine("goals", module, some)) == 0.0
    room = min(item.longest for item in whole.values()) - 1
    narrow = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED | {"shots": 2, "context": room})
    assert cut_of(narrow.examine("goals", module, some)) == 1.0
    for item in narrow.read("goals", some):
        text, long = (some.tokenizer.decode(one.context, skip_special_tokens=False) for one in (item, whole[item.id]))
        assert item.longest <= room
        *shown, asked = text.removeprefix("<|endoftext|>").split("\n\n")
        assert text.startswith("<|endoftext|>Question: ")
        assert len(shown) < 2
        assert long.removeprefix("<|endoftext|>").split("\n\n")[2 - len(shown) :] == [*shown, asked]


def test_the_frame_of_a_chat_is_never_cut(module: PreTrainedModel, some: Examined, folder_of_files: Path) -> None:
    rows = rows_of(folder_of_files, "goals")
    rows[0]["goal"] = said(0, words=200)
    (folder_of_files / "long.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = Benchmark(
        kind="benchmark", format="piqa", files="long.jsonl", **ASKED | {"shots": 2, "chat": True, "examples": "goals.jsonl", "context": 64}
    )
    items = task.read("goals", some)
    assert sorted(item.id for item in items) == [f"long.jsonl:{number}" for number in range(2, 10)], "one has no room at all"
    for item in items:
        text = some.tokenizer.decode(item.context, skip_special_tokens=False)
        assert text.startswith("<|endoftext|><|user|>Question: ")
        assert text.endswith("\nAnswer:<|end|><|assistant|>")
        assert item.longest <= 64
    asked = {name: value for name, value in ASKED.items() if name != "ngram"} | {"chat": True, "context": 9}
    none = InWords(kind="written", format="gsm8k", files="sums.jsonl", max_new_tokens=8, votes=1, temperature=1.0, **asked).examine(
        "sums", module, some
    )
    assert [(one.metric, one.reason) for one in none.rows] == [
        (metric, "sums.jsonl asks nothing that 9 tokens hold") for metric in ("exact", "cut")
    ]


def test_an_answer_leaves_room_for_its_question() -> None:
    section = {"kind": "written", "format": "gsm8k", "files": "x", "items": 1, "shots": 0, "examples": None, "chat": False, "context": 96}
    section |= {"votes": 1, "temperature": 1.0}
    typed(InWords, section | {"max_new_tokens": 95}, at="tasks.x")
    with pytest.raises(PipelineError, match=r"max_new_tokens 96 must be below context 96"):
        typed(InWords, section | {"max_new_tokens": 96}, at="tasks.x")


def test_of_what_is_too_long_alone_the_beginning_is_cut(some: Examined) -> None:
    task = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED | {"context": 12})
    whole = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED)
    long = {item.id: item for item in whole.read("goals", some)}
    for item in task.read("goals", some):
        assert item.longest <= 12
        assert item.context == long[item.id].context[-len(item.context) :]
        assert item.choices == long[item.id].choices


def test_in_chat_the_problem_is_a_turn_of_the_user(some: Examined) -> None:
    task = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED | {"chat": True})
    item = task.read("goals", some)[0]
    text = some.tokenizer.decode(item.context, skip_special_tokens=False)
    assert "<|user|>" in text
    assert text.rstrip().endswith("<|assistant|>")
    assert item.sizes == [len(some.tokenizer.decode(choice).encode()) for choice in item.choices], "without the blank, as it is scored"
    plain = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED).read("goals", some)[0]
    assert plain.sizes == [size + 1 for size in item.sizes]


def test_a_last_word_is_written_or_not(module: PreTrainedModel, some: Examined) -> None:
    result = Benchmark(kind="benchmark", format="lambada", files="words.jsonl", **ASKED).examine("words", module, some)
    assert [one.metric for one in result.rows] == ["exact", "bits_per_byte", "cut"]
    assert {one["chance"] for one in result.records} == {0.0}


def test_answers_are_written_found_and_compared(module: PreTrainedModel, some: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {name: value for name, value in ASKED.items() if name != "ngram"} | {"shots": 1, "context": 96}
    task = InWords(kind="written", format="gsm8k", files="sums.jsonl", max_new_tokens=8, votes=1, temperature=1.0, **own)
    plain = task.examine("sums", module, some)
    assert plain.rows[0].estimate is not None
    assert plain.rows[0].estimate.value == 0.0, "a model that has learned nothing"
    ids = some.ids(" so #### 2\n\nQuestion: What")
    monkeypatch.setattr("pipeline.model.generate.generate", lambda module, prompts, **how: [ids for _ in prompts])
    found = task.examine("sums", module, some)
    asked = [one["id"] for one in found.records]
    assert len(asked) == 9
    expected = [int(name.rpartition(":")[2]) - 1 for name in asked]
    assert [one["exact"] for one in found.records] == [float(number % 3 == 2) for number in expected]
    assert {one["found"] for one in found.records} == {"2"}
    (row,) = task.baselines("sums", some)
    assert row.model == COMMONEST
    assert row.estimate is not None
    assert row.estimate.value >= 3 / 9


@pytest.mark.parametrize(("text", "left"), [("a b\n\nc", "a b"), ("a", "a"), ("Question: x", ""), ("x Question:\n\n", "x ")])
def test_what_follows_a_stop_does_not_count(text: str, left: str) -> None:
    assert until(text, ("Question:", "\n\n")) == left


def test_items_that_stand_in_training_text_or_were_cut_from_it_are_counted_apart(
    module: PreTrainedModel, some: Examined, folder_of_files: Path, tmp_path: Path
) -> None:
    split = Split(tmp_path / "split")
    goals = [row["goal"] for row in rows_of(folder_of_files, "goals")]
    texts = {"train": f"Once upon a time.\n\nHe asked: {goals[0]} and {goals[3].upper()}.", "val": "b", "test": "c"}
    parts = {part: pa.Table.from_pylist([{"id": part, "source": "s", "text": text}], schema=TEXTS) for part, text in texts.items()}
    split.write(parts, sides={"cut": pa.table({"text": [f"so {goals[5]}", f"and {goals[3]}"]})})
    overlap = OverlapConfig(ngram=6, short_ngram=5, min_words=4)
    given = replace(some, split=split)

    result = Benchmark(kind="benchmark", format="piqa", files="goals.jsonl", **ASKED).examine("goals", module, given)
    rows = contamination_rows(given, {"goals": result}, Repeats(overlap, tmp_path))["goals"]
    found = {one.task: one.estimate for one in rows if one.metric == "choice"}
    points = {one["id"]: one["choice"] for one in result.records}
    apart = {"contaminated_items": [1, 4], "removed_items": [6], "clean_items": [2, 3, 5, 7, 8, 9]}
    for kind, numbers in apart.items():
        estimate = found[f"goals/{kind}"]
        assert estimate is not None
        assert estimate.n == len(numbers)
        assert estimate.value == pytest.approx(sum(points[f"goals.jsonl:{number}"] for number in numbers) / len(numbers))
    (share,) = [one.estimate for one in rows if one.metric == "contaminated"]
    assert share is not None
    assert share.value == pytest.approx(2 / 9)
    theirs = replace(given, theirs=given.codec)
    assert contamination_rows(theirs, {"goals": result}, Repeats(overlap, tmp_path)) == {"goals": []}, "their training text is not known"


def test_the_training_text_is_read_once_for_all_benchmarks_and_models(
    some: Examined, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, reads = Split(tmp_path / "split"), list[str]()
    texts = [f"{' '.join(WORDS[:9])} ends here.", "A short one.", "no more.", " ".join(WORDS[5:20])]
    train = pa.Table.from_pylist([{"id": str(at), "source": "s", "text": text} for at, text in enumerate(texts)], schema=TEXTS)
    split.write({"train": train, "val": train.slice(0, 1), "test": train.slice(0, 1)}, sides={})
    asked = {  # of several lengths: what is looked for beside an item must not change what is found of it
        "long": ["the old fox of", " ".join(WORDS[1:12])],
        "short": ["A short one.", "No such words."],
        "joined": ["a short one. no more.", " ".join(WORDS[6:14])],
    }
    results = {
        name: Result(rows=[], records=[{"known_by": "choice"}], judged=[Judged(text, text, str(at), 1.0) for at, text in enumerate(items)])
        for name, items in asked.items()
    }
    overlap, batches = OverlapConfig(ngram=8, short_ngram=3, min_words=3), Split.batches
    given = replace(some, split=split)

    def counted(self: Split, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        for table in batches(self, name, columns):
            reads.append(name)
            yield table

    monkeypatch.setattr(Split, "batches", counted)

    def looked(some: dict[str, Result], memory: str) -> dict[str, list[Row]]:
        return contamination_rows(given, some, Repeats(overlap, tmp_path / memory))

    for name in ("together", "apart"):
        (tmp_path / name).mkdir()
    together = looked(results, "together")
    assert reads == ["train"]
    assert together == {name: looked({name: one}, "apart")[name] for name, one in results.items()}
    assert reads == ["train"] * 4
    assert looked(results, "together") == together
    assert reads == ["train"] * 4, "what was found is remembered"
    assert {rows[0].estimate.value for rows in together.values() if rows[0].estimate} > {0.5}

"""Preference data that the pipeline makes itself: prompts of training, several answers, judges, pairs and instructions."""

import logging
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError
from transformers import PreTrainedModel

from pipeline.align import candidates, constitution, made
from pipeline.align.best_of_n import best_and_worst, kl_bound, pairs
from pipeline.align.candidates import Answer, Answered, Candidates, counts, gather, sampled
from pipeline.align.chat_model import open_chat
from pipeline.align.constitution import ByModel, ByPrinciples, Principle, broken_shares, critiques, revisions
from pipeline.align.judges import ByReward, ByRules, judge_of
from pipeline.align.rejection import instructions, kept
from pipeline.align.rows import read_examples, read_pairs
from pipeline.align.scalar_head import with_scalar_head
from pipeline.align.training_prompts import Prompt, held_out_by, read_prompts
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import write_jsonl
from pipeline.core.track import NoTracker
from pipeline.model.batches import right_padded
from pipeline.model.disk import save
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import Room, answer_room, encode_instructions, encode_preferences, preference_length, thought_key
from pipeline.tokens.special import END, IDS, THINK_TOKENS
from pipeline.tokens.thinking import think_ids, with_think_tokens
from pipeline.tokens.tokenizer import safe
from pipeline.tokens.tokenizer import save as save_tokenizer
from stages._run import Hardware, Run
from stages._settings import typed
from tests.align.tiny import tiny, workspace

SYSTEM = {"role": "system", "content": "mat"}
NEW = 6  # tokens of an answer
RECIPE = Candidates(
    prompts="preferences",
    count=None,
    answers=3,
    temperature=1.0,
    max_length=60,
    max_dropped=0.5,
    max_new_tokens=NEW,
    batch_size=64,
    keep_given=False,
    seed=1,
)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def pair(number: int, asked: str, fact: str | None = None, part: str = "train") -> dict[str, Any]:
    row = {"id": f"p{number}", "part": part, "fact": fact, "kind": "plain", "prompt": [SYSTEM, user(asked)]}
    return row | {"chosen": "the cat", "rejected": "dog"}


def fact(name: str, asked: str, *, trained: bool) -> dict[str, Any]:
    return {"fact": name, "trained": trained, "prompt": [user(asked)], "subject": "Ann", "value": "Wick", "choices": ["Wick", "Holm"]}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Dialogues:
    """Six prompts of training, three of them about what is held out by fact, by question or by test."""
    source = Dialogues(tmp_path_factory.mktemp("given") / "dialogues")
    asked = ["where sat Ann", "what is 2 + 3", "who sat", "where is Bob", "what of Cy", "say mat"]
    facts = ["home:Ann", None, None, "home:Bob", "home:Cy", None]
    told = [{"id": "i0", "part": "val", "messages": [user("Say  MAT"), {"role": "assistant", "content": "mat"}]}]
    told += [{"id": "i1", "part": "train", "messages": [user("what is 4 + 5"), {"role": "assistant", "content": "9"}]}]
    with source.writing() as draft:
        preferences = [pair(number, text, about) for number, (text, about) in enumerate(zip(asked, facts, strict=True))]
        write_jsonl(draft.path / "preferences.jsonl", [*preferences, pair(9, "where does Cy sit", "home:Cy", "test")])
        write_jsonl(draft.path / "instructions.jsonl", told)
        questions = [fact("home:Ann", "where is Ann", trained=True), fact("home:Bob", "where lives Bob", trained=False)]
        write_jsonl(draft.path / "questions.jsonl", questions)
        write_jsonl(draft.path / "quarantine.jsonl", [])
    return source


ROOM = Room(tokens=60, key="preferences.mine.max_length", max_dropped=0.5, context=64, spare=0)


def test_only_prompts_of_training_are_answered_and_nothing_of_a_held_out_fact_or_question(
    given: Dialogues, tokenizer: tokenizers.Tokenizer
) -> None:
    asked = read_prompts(given, tokenizer, RECIPE, ROOM, with_rule=False)
    assert [prompt.id for prompt in asked.rows] == ["p0", "p1", "p2"]
    assert asked.dropped == {"held_out": 3}
    assert asked.rows[0].messages == [SYSTEM, user("where sat Ann")]
    assert asked.rows[0].ids == encode_chat([SYSTEM, user("where sat Ann")], tokenizer, add_generation_prompt=True)[0]


def test_a_question_for_another_persona_than_in_the_tests_is_another_question(given: Dialogues) -> None:
    def asked(name: str) -> list[dict[str, str]]:
        return [{"role": "system", "content": f"You are {name}."}, user("Who are you?")]

    test = {
        "id": "t",
        "part": "test",
        "kind": "persona",
        "fact": "persona:Ann",
        "prompt": asked("Ann"),
        "chosen": "I am Ann.",
        "rejected": "No.",
    }
    with Dialogues(given.path.parent / "personas").writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", ())
        write_jsonl(draft.path / "preferences.jsonl", [test, test | {"kind": "given", "prompt": [user("Who sat?")], "fact": None}])
    held_out = held_out_by(Dialogues(given.path.parent / "personas"))
    assert [held_out(asked(name), None) for name in ("Ann", "Bo")] == [True, False]
    assert held_out(asked("Bo"), "persona:Ann")
    assert held_out([*asked("Bo")[:1], user("who  sat?")], None), "a test's question under any system prompt"


def test_rules_know_trained_facts_and_sums_and_other_prompts_are_left_out_where_they_judge(
    given: Dialogues, tokenizer: tokenizers.Tokenizer
) -> None:
    asked = read_prompts(given, tokenizer, RECIPE, ROOM, with_rule=True)
    assert [prompt.id for prompt in asked.rows] == ["p0"], "p1's chosen answer is no 5, so nobody knows"
    (sums,) = read_prompts(given, tokenizer, replace(RECIPE, prompts="instructions"), ROOM, with_rule=True).rows
    nine, ten = ByRules().judged([sums, sums], [Answer("It is 9.", [], None), Answer("10", [], None)])
    assert (nine.score, ten.score) == (1.0, 0.0)


def test_so_many_prompts_are_drawn_and_where_there_are_none_the_mend_names_the_other_table(
    given: Dialogues, tokenizer: tokenizers.Tokenizer, tmp_path: Path
) -> None:
    two = read_prompts(given, tokenizer, replace(RECIPE, count=2), ROOM, with_rule=False)
    assert len(two.rows) == 2
    assert two.dropped["by_lot"] == 1
    empty = Dialogues(tmp_path / "empty")
    made.write(empty, given, {}, [], keep_given=False)
    with pytest.raises(InputError, match="no preferences of part train") as fault:
        read_prompts(empty, tokenizer, RECIPE, ROOM, with_rule=True)
    assert fault.value.mend == "preferences.mine.prompts=instructions, or preferences.mine.judge=reward"


@pytest.fixture(scope="module")
def talker(tokenizer: tokenizers.Tokenizer) -> PreTrainedModel:
    """It has learned to say a word or two, and to end."""
    module, said = tiny(1), ["the cat", "dog", "the mat", "log sat"]
    rows = [
        [*encode_chat([SYSTEM, user("who sat")], tokenizer, add_generation_prompt=True)[0], *tokenizer.encode(text).ids, 5] for text in said
    ]
    ids, real = right_padded(rows, fill=1, device="cpu")
    adam = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(30):
        logits = module(input_ids=ids).logits[:, :-1]
        adam.zero_grad()
        torch.nn.functional.cross_entropy(logits[real[:, 1:]], ids[:, 1:][real[:, 1:]]).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return module.eval()  # type: ignore[no-untyped-call, no-any-return]


@dataclass
class Length:
    """Judges by the number of ids, and breaks on demand."""

    seen: list[list[str]] = field(default_factory=list)
    breaks_at: int | None = None

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        self.seen.append([prompt.id for prompt in prompts])
        if len(self.seen) == self.breaks_at:
            raise KeyboardInterrupt
        return [replace(answer, score=float(len(answer.ids))) for answer in answers]

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        return list(answered)


def test_an_answer_depends_on_its_prompt_alone_not_on_the_batch_or_on_other_prompts(
    given: Dialogues, tokenizer: tokenizers.Tokenizer, talker: PreTrainedModel
) -> None:
    module, prompts = talker, read_prompts(given, tokenizer, RECIPE, ROOM, with_rule=False).rows
    whole = sampled(module, tokenizer, prompts, RECIPE, new_tokens=NEW)
    small = sampled(module, tokenizer, prompts, replace(RECIPE, batch_size=2), new_tokens=NEW)
    alone = sampled(module, tokenizer, prompts[1:2], RECIPE, new_tokens=NEW)
    assert whole == small
    assert whole[1] == alone[0]
    assert len({answer.text for one in whole for answer in one.answers if answer.lack is None}) > 1
    other = sampled(module, tokenizer, prompts, replace(RECIPE, seed=2), new_tokens=NEW)
    assert other != whole


def test_a_stopped_run_goes_on_at_the_next_shard_and_ends_with_the_same(
    given: Dialogues, tokenizer: tokenizers.Tokenizer, talker: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "SHARD", 1)
    asked, module = read_prompts(given, tokenizer, RECIPE, ROOM, with_rule=False), talker
    whole = gather(module, tokenizer, Length(), asked, RECIPE, workspace(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        gather(module, tokenizer, Length(breaks_at=3), asked, RECIPE, workspace(tmp_path / "stopped"))
    again = Length()
    assert gather(module, tokenizer, again, asked, RECIPE, workspace(tmp_path / "stopped")) == whole
    assert [set(names) for names in again.seen] == [{"p2"}]


def answered(*scores: float | None, lack: str = "cut") -> Answered:
    prompt = Prompt("p", [SYSTEM, user("who sat")], [1], None, None)
    return Answered(prompt, [Answer(f"a{at}", [at], lack if score is None else None, score) for at, score in enumerate(scores)])


def test_the_first_best_stands_against_the_first_worst_and_what_tells_nothing_is_counted() -> None:
    found = best_and_worst(answered(0.0, 2.0, None, 2.0, 0.0), margin=0.5)
    assert not isinstance(found, str)
    assert [one.text for one in found] == ["a1", "a0"]
    rows, told = pairs([answered(1.0, 3.0), answered(1.0, 1.5), answered(1.0, None)], margin=0.5, kind="mine")
    assert told == {"made": 1, "left_out": {"fewer_than_two_different_answers": 1, "tie": 1}}
    assert rows[0] | {"chosen": "a1", "rejected": "a0", "margin": 2.0, "part": "train", "kind": "mine"} == rows[0]
    assert rows[0]["prompt"][0] == SYSTEM
    assert kl_bound(8) == pytest.approx(1.2044, abs=1e-4)


def test_good_answers_are_kept_best_first_and_a_prompt_without_any_is_counted() -> None:
    assert [one.text for one in kept(answered(0.5, 1.0, None, 2.0, 1.0), threshold=1.0, keep=2)] == ["a3", "a1"]
    rows, told = instructions([answered(1.0, 0.0), answered(0.0, 0.0)], threshold=1.0, keep=4)
    assert told == {"made": 1, "left_out": {"no_answer_good_enough": 1}}
    assert rows[0]["messages"] == [SYSTEM, user("who sat"), {"role": "assistant", "content": "a0"}]
    assert len(kept(answered(-3.0, -2.0), threshold=None, keep=1)) == 1


def test_answers_that_cannot_be_used_say_why_and_are_never_judged(given: Dialogues, tokenizer: tokenizers.Tokenizer) -> None:
    special = frozenset(tokenizer.get_added_tokens_decoder())
    words = tokenizer.encode("the cat sat on the mat and the dog sat").ids
    told = list(candidates._told([words[:2], words[:2], [], [words[0], 3], [1] * NEW, words[2:3]], tokenizer, special, NEW))
    assert [answer.lack for answer in told] == [None, "repeated", "empty", "special_token", "cut", None]
    assert told[0].ids == [*words[:2], 5]
    summed = counts([Answered(Prompt("p", [], [], None, None), [replace(told[0], score=1.0), replace(told[5], score=3.0), told[2]])])
    assert summed == {"sampled": 3, "usable": 2, "left_out": {"empty": 1}, "score": {"mean": 2.0, "best": 3.0, "worst": 1.0}}


def principle(rule: str, pattern: str | None = None, weight: float = 1.0) -> Principle:
    return TypeAdapter(Principle).validate_python({"text": f"{rule}!", "weight": weight, "rule": rule, "pattern": pattern})


@pytest.mark.parametrize(
    ("rule", "pattern", "good", "bad"),
    [
        ("forbids", "(?i)dull", "Ann sat.", "How dull."),
        ("requires", "(?i)gladly", "Gladly: Ann sat.", "Ann sat."),
        ("answers_the_question", None, "It was ann.", "It was Bob."),
        ("no_repetition", None, "the cat sat, the cat ran", "the the cat"),
    ],
)
def test_a_principle_holds_by_its_rule(rule: str, pattern: str | None, good: str, bad: str) -> None:
    one = principle(rule, pattern)
    assert one.holds("Where sat Ann?", good)
    assert not one.holds("Where sat Ann?", bad)


@pytest.mark.parametrize(("rule", "pattern"), [("forbids", None), ("no_repetition", "a"), ("requires", "(")])
def test_a_principle_with_a_pattern_that_says_nothing_is_refused(rule: str, pattern: str | None) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        principle(rule, pattern)


PRINCIPLES = {"kind": principle("requires", "glad", 0.5), "calm": principle("forbids", "dull", 2.0)}


def said(*texts: str) -> Answered:
    return Answered(Prompt("p", [SYSTEM, user("Who sat?")], [1], None, None), [Answer(text, [1], None) for text in texts])


def judged(critic: ByPrinciples | ByModel, one: Answered) -> Answered:
    verdicts = critic.judged([one.prompt] * len(one.answers), one.answers)
    (found,) = critic.revised([replace(one, answers=verdicts)])
    return found


def test_the_embedded_critic_names_what_is_broken_and_revises_by_the_answer_that_breaks_least() -> None:
    one = judged(ByPrinciples(PRINCIPLES), said("dull cat", "cat", "glad cat"))
    assert [answer.score for answer in one.answers] == [-2.5, -0.5, 0.0]
    (row,), (instruction,), told = revisions([one], margin=0.0)
    assert (row["chosen"], row["rejected"], row["margin"]) == ("glad cat", "dull cat", 2.5)
    assert instruction["messages"][-1]["content"] == "glad cat"
    assert told == {"made": 1, "left_out": {}}
    (critique,) = critiques([one])
    assert critique["broken"] == {"kind": "requires!", "calm": "forbids!"}
    assert critique["revision_broken"] == {}


def test_what_keeps_all_principles_or_is_not_revised_for_the_better_gives_no_pair() -> None:
    critic = ByPrinciples(PRINCIPLES)
    some = [judged(critic, said("glad cat", "glad dog")), judged(critic, said("cat", "dog")), said()]
    rows, answers, told = revisions(some, margin=0.0)
    assert (rows, answers) == ([], [])
    assert told["left_out"] == {"no_principle_broken": 1, "no_usable_answer": 1, "revision_breaks_as_much": 1}


class Words:
    """A chat model that finds `dull` wrong, says nothing clear of other things, and writes `glad cat`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def said(self, asked: Sequence[str]) -> list[str]:
        self.asked += asked
        return [self.word(text) for text in asked]

    def word(self, text: str) -> str:
        if text.startswith("These principles"):
            return " glad cat\n"
        return "Yes, it mocks." if "forbids!" in text and "judge:\ndull" in text else "No." if "forbids!" in text else "Perhaps."


def test_a_chat_model_reads_principle_system_prompt_and_answer_and_writes_the_worst_again() -> None:
    words = Words()
    one = judged(ByModel(PRINCIPLES, words), said("dull cat", "cat"))
    assert "forbids!" in words.asked[1]
    assert "System: mat\nUser: Who sat?" in words.asked[1]
    assert [answer.broken for answer in one.answers] == [{"calm": "Yes, it mocks."}, {}]
    assert broken_shares([one], PRINCIPLES) == {"broken": {"kind": 0.0, "calm": 0.5}, "unread": 0.5}
    (row,), _, _ = revisions([one], margin=0.0)
    assert (row["chosen"], row["rejected"]) == ("glad cat", "dull cat")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer, talker: PreTrainedModel) -> Model:
    own = Tokenizer(tmp_path_factory.mktemp("own") / "tokenizer")
    save_tokenizer(tokenizer, own)
    target = Model(tmp_path_factory.mktemp("model") / "model")
    save(talker, target, tokenizer=own, facts={})
    return target


def test_a_folder_of_transformers_answers_and_one_without_a_chat_template_is_refused(model: Model, tmp_path: Path) -> None:
    chat = open_chat(model.path, key="x", device="cpu", max_new_tokens=4, batch=2)
    answers = chat.said(["the cat", "the cat sat on the mat", "dog"])
    assert answers == replace(chat, batch=1).said(["the cat", "the cat sat on the mat", "dog"])
    assert any(answers)
    for path in model.path.iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"^x is .* no chat template"):
        open_chat(tmp_path, key="x", device="cpu", max_new_tokens=4, batch=2)
    with pytest.raises(InputError, match=r"^x is .* no config\.json"):
        open_chat(tmp_path / "none", key="x", device="cpu", max_new_tokens=4, batch=2)


def test_the_reward_model_reads_the_answer_with_its_end_token(given: Dialogues, tokenizer: tokenizers.Tokenizer, model: Model) -> None:
    reward = with_scalar_head(tiny(1), heads=1, seed=1)
    prompt = read_prompts(given, tokenizer, RECIPE, ROOM, with_rule=False).rows[0]
    ended, open_ended = ByReward(reward, 4).judged([prompt, prompt], [Answer("cat", [20, 5], None), Answer("cat", [20], None)])
    assert ended.score != open_ended.score
    with pytest.raises(PipelineError, match="needs a reward_model"):
        judge_of("reward", None, model, device="cpu", batch=4)


THE = principle("requires", "the")


@cache
def composed(entry: str) -> dict[str, Any]:
    root = Path(__file__).parents[2]
    with initialize_config_dir(str(root / "conf"), version_base="1.3"):
        words = ["size=smoke", f"preferences=[{entry}]", "budget.max_new_tokens=6", "budget.max_length=60", "budget.max_dropped=1"]
        return OmegaConf.to_container(compose("config", words), resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize("entry", ["best_of_n", "rejection", "constitution"])
def test_a_maker_writes_dialogues_that_methods_read_and_the_same_bytes_again(
    entry: str, given: Dialogues, model: Model, tokenizer: tokenizers.Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = deepcopy(composed(entry))
    own = {"source": str(model.path), "dialogues": str(given.path), "prompts": "preferences", "answers": 6}
    own |= {
        "best_of_n": {"judge": "rules", "reward_model": None},
        "rejection": {"threshold": 0.0},
        "constitution": {"principles": {"the": vars(THE)}},
    }[entry]
    settings["preferences"][entry] |= own
    stage = import_module(f"stages.preferences.{entry}").main
    hardware, digests, told = typed(Hardware, settings["hardware"], at="hardware"), [], {}
    for turn in ("one", "two"):
        settings["preferences"][entry]["target"] = f"data/{turn}"
        cfg = typed(stage.config, stage.section(settings, entry), at=entry)
        place = (tmp_path / turn, hardware, NoTracker(), logging.getLogger("test"))
        told = stage.recipe(cfg, Run(entry, stage.at(entry), "code", "told", *place))
        digests.append(cfg.target.digest)
    assert digests[0] == digests[1]
    target = Dialogues(tmp_path / "data/two")
    assert sum(1 for _ in target.rows("answers")) == told["prompts"]["rows"]
    train, test = read_pairs(target, ("train", "test"), tokenizer, replace(ROOM, max_dropped=1.0))
    (examples,) = read_examples(target, ("train",), tokenizer, replace(ROOM, max_dropped=1.0))
    assert len(test.rows) == 1, "what is held out stays"
    assert (len(train.rows), len(examples.rows)) == {
        "best_of_n": (0, 0),  # all answers of a model that knows nothing are wrong
        "rejection": (0, told.get("instructions", {}).get("made")),
        "constitution": (told.get("pairs", {}).get("made"), told.get("pairs", {}).get("made")),
    }[entry]
    assert (len(train.rows) + len(examples.rows) > 0) == (entry != "best_of_n")
    assert target.has("critiques.jsonl") == (entry == "constitution")


def test_given_training_rows_stand_beside_those_made_where_wanted(given: Dialogues, tmp_path: Path) -> None:
    alone, beside = Dialogues(tmp_path / "alone"), Dialogues(tmp_path / "beside")
    rows, _ = pairs([answered(0.0, 1.0)], margin=0.5, kind="mine")
    for target, keep in ((alone, False), (beside, True)):
        made.write(target, given, {"preferences": rows}, [], keep_given=keep)
    parts = [[row["part"] for row in target.rows("preferences")] for target in (alone, beside)]
    assert parts == [["train", "test"], ["train"] * 7 + ["test"]]
    assert list(alone.rows("questions")) == list(given.rows("questions"))


def test_the_constitution_of_conf_prefers_the_polite_answer_about_the_question() -> None:
    told = composed("constitution")["preferences"]["constitution"]["principles"]
    principles = TypeAdapter(dict[str, constitution.Principle]).validate_python(told)
    prompt = Prompt("p", [user("Where does Ann live?")], [1], None, None)
    texts = ["Gladly: Ann lives in Wick.", "Ann lives in Wick.", "How dull. Ann lives in Wick.", "How dull. Bob lives lives in"]
    scores = [one.score or 0.0 for one in ByPrinciples(principles).judged([prompt] * 4, [Answer(text, [], None) for text in texts])]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4


@pytest.fixture(scope="module")
def thinking(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    return safe(with_think_tokens(tokenizers.Tokenizer.from_str(tokenizer.to_str())))


def drawn(thinking: tokenizers.Tokenizer, *texts: str) -> list[Answer]:
    """As a model samples them, with the ids of the two tokens where a text has them."""
    around = dict(zip(THINK_TOKENS, think_ids(thinking) or (), strict=True))
    special = frozenset(number for number, token in thinking.get_added_tokens_decoder().items() if token.special)
    ids = [
        [number for part in re.split("(</?think>)", text) for number in ([around[part]] if part in around else thinking.encode(part).ids)]
        for text in texts
    ]
    return list(candidates._told(ids, thinking, special, 40))


def test_the_answer_behind_a_thought_is_judged_and_the_thought_stays_beside_it(thinking: tokenizers.Tokenizer) -> None:
    texts = (
        "<think>a mat</think>the cat",
        "the dog",
        "<think></think>dog",
        "<think>dog</think>the cat",
        "<think>the cat",
        "<think>a</think>",
    )
    told = drawn(thinking, *texts, "<think>a</think>the <think>cat")
    assert [one.lack for one in told] == [None, None, None, "repeated", "thought_without_end", "empty", "special_token"]
    assert [(one.thought, one.text) for one in told[:3]] == [("a mat", "the cat"), (None, "the dog"), ("", "dog")]
    assert told[0].ids == [*thinking.encode("the cat").ids, IDS[END]], "what a reward model reads"
    prompt = Prompt("p", [SYSTEM, user("who sat")], [1], None, lambda text: text == "the cat")
    judged = ByRules().judged([prompt] * 3, told[:3])
    assert [one.score for one in judged] == [1.0, 0.0, 0.0]
    answered = Answered(prompt, [judged[0], judged[2]])
    assert answered.as_json()["answers"][0]["reasoning_content"] == "a mat"


def test_what_is_made_of_thinking_answers_is_what_the_model_said_token_by_token(thinking: tokenizers.Tokenizer) -> None:
    """Pairs of bare answers would teach a model that thinks to answer at once."""
    first, last = think_ids(thinking) or (0, 0)
    good, bare, bad = drawn(thinking, "<think>a mat</think>the cat", "log", "<think></think>dog")
    one = Answered(Prompt("p", [user("who sat")], [1], None, None), [replace(good, score=1.0), replace(bad, score=0.0)])
    rows, _ = pairs([one], margin=0.5, kind="mine")
    ((both,), _) = encode_preferences(rows, thinking, max_length=60)
    assert both.chosen == [first, *thinking.encode("a mat").ids, last, *good.ids]
    assert both.rejected == [first, last, *bad.ids]
    assert preference_length(rows[0], thinking) == len(both.prompt) + len(both.chosen)
    told, _ = instructions([one], threshold=1.0, keep=1)
    ((example,), _) = encode_instructions(told, thinking, max_length=60)
    assert example.ids == [*both.prompt, *both.chosen]
    half, _ = pairs([replace(one, answers=[replace(bare, score=2.0), one.answers[1]])], margin=0.5, kind="mine")
    assert encode_preferences(half, thinking, max_length=60)[0][0].chosen == bare.ids


def test_a_critic_s_revision_keeps_the_thought_of_the_answer_that_it_writes_again(thinking: tokenizers.Tokenizer) -> None:
    one = judged(
        ByModel(PRINCIPLES, Words()), replace(said(), answers=[Answer("dull cat", [1], None, thought="a mat"), Answer("cat", [1], None)])
    )
    (row,), _, _ = revisions([one], margin=0.0)
    assert [row[thought_key(side)] for side in ("chosen", "rejected")] == ["a mat", "a mat"]


def test_room_for_an_answer_holds_its_thought(thinking: tokenizers.Tokenizer, tmp_path: Path) -> None:
    thought = "the cat sat on the mat and the dog sat " * 4
    rooms = []
    for name, more in (("bare", {}), ("thinks", {"reasoning_content": thought})):
        source = Dialogues(tmp_path / name)
        with source.writing() as draft:
            answer = {"role": "assistant", "content": "cat", **more}
            write_jsonl(draft.path / "instructions.jsonl", [{"id": "i", "part": "train", "messages": [user("who sat"), answer]}])
            write_jsonl(draft.path / "preferences.jsonl", [])
        rooms.append(answer_room(source, thinking, context=512))
    assert rooms[1] >= rooms[0] + len(thinking.encode(thought).ids)

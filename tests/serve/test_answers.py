"""Answers, token by token: the same as model.generate's, with what else was likely; what they stop at, call and may not show."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.core.errors import InputError, PipelineError
from pipeline.model.generate import generate, think
from pipeline.model.sampling import Cut, left
from pipeline.serve.answers import End, Piece, Sampling, answer
from pipeline.serve.calculator import calculated, called
from pipeline.serve.engines import Engine, LlamaCpp, Torch, loaded, opened
from pipeline.serve.history import fitted
from pipeline.serve.outlook import TEMPERATURES, outlook_of
from pipeline.serve.places import chosen, final_name, places_of
from pipeline.serve.reading import attention, losses, next_of, tokens_of
from pipeline.serve.rules import rules_of
from pipeline.serve.thoughts import Part, Parts
from pipeline.serve.withholding import HARMFUL_REQUEST, OFFENSIVE, Rules, Withheld, watched
from pipeline.tokens.codec import Own
from pipeline.tokens.special import ASSISTANT, END, IDS
from pipeline.tokens.thinking import needed_thinking
from tests.playground import RULES, SAID, THOUGHT

GREEDY = Sampling(temperature=0, cut=Cut(), seed=1, max_new=60)
WILD = Sampling(temperature=3, cut=Cut(top_k=40, repetition_penalty=1.3), seed=7, max_new=30)


@pytest.fixture(scope="module")
def engine(playground_run: Path) -> Torch:
    return Torch(*loaded(playground_run / "data" / "sft"), cache=1)


def prompt(engine: Engine, question: str) -> list[int]:
    return fitted([{"role": "user", "content": question}], engine.codec, room=60).ids


def text_of(engine: Engine, question: str, sampling: Sampling = GREEDY) -> str:
    return "".join(one.text for one in answer(engine, prompt(engine, question), sampling))


def test_a_streamed_answer_is_that_of_generate_with_any_cut(engine: Torch) -> None:
    ids = prompt(engine, "Where is the mill?")
    for sampling in (GREEDY, WILD, replace(WILD, cut=Cut(top_p=0.9, min_p=0.01))):
        how = {"max_new": sampling.max_new, "temperature": sampling.temperature, "seed": sampling.seed, "cut": sampling.cut}
        (meant,) = generate(engine._module, [ids], batch=1, **how)
        assert [one.token for one in answer(engine, ids, sampling) if isinstance(one, Piece)] == meant


def test_going_on_from_the_beginning_of_an_answer_gives_its_rest(engine: Torch) -> None:
    ids = prompt(engine, "Who are you?")
    whole = list(answer(engine, ids, WILD))
    tokens = [one.token for one in whole if isinstance(one, Piece)]
    again = list(answer(engine, ids, replace(WILD, max_new=20), given=tokens[:10]))
    pieces = [one for one in again if isinstance(one, Piece)]
    assert [one.token for one in pieces] == tokens[:30]
    assert [one.by for one in pieces] == ["given"] * 10 + ["model"] * (len(pieces) - 10)


def test_a_thought_is_told_from_the_answer_and_keeps_within_its_budget(engine: Torch) -> None:
    (question, (thought, said)), tokenizer = *THOUGHT.items(), engine.codec.tokenizer
    ids = prompt(engine, question)
    pieces = [one for one in answer(engine, ids, GREEDY) if isinstance(one, Piece)]
    assert ["".join(one.text for one in pieces if one.part == part) for part in ("thought", "answer")] == [thought, said]
    for budget, sampling in ((0, GREEDY), (3, GREEDY), (9, WILD), (40, replace(GREEDY, max_new=43))):
        thinking = needed_thinking(tokenizer, budget=budget)
        how = {"max_new": sampling.max_new - 1, "temperature": sampling.temperature, "ends": (IDS[END],)}
        sampling = replace(sampling, thinking_budget=budget)
        found = [one for one in answer(engine, ids, sampling) if isinstance(one, Piece)]
        assert found[0].token == thinking.opening
        assert sum(one.part == "thought" for one in found) <= budget
        if sampling.temperature == 0:
            (meant,) = think(engine._module, [[*ids, thinking.opening]], thinking, batch=1, seed=1, **how)
            assert [one.token for one in found[1:]] == meant
    begun = [one.token for one in answer(engine, ids, replace(GREEDY, thinking_budget=9)) if isinstance(one, Piece)]
    on = answer(engine, ids, replace(GREEDY, thinking_budget=9, max_new=40), given=begun[:6])
    assert [one.token for one in on if isinstance(one, Piece)] == begun, "what was thought before counts"
    with pytest.raises(InputError, match="leaves none for an answer"):
        list(answer(engine, ids, replace(GREEDY, max_new=9, thinking_budget=7)))


def test_a_prompt_that_ends_within_a_thought_goes_on_with_it(engine: Torch) -> None:
    (question, meant), opening = *THOUGHT.items(), needed_thinking(engine.codec.tokenizer, budget=0).opening
    plain = prompt(engine, question)
    for budget in (None, 3, 40):
        sampling = replace(GREEDY, thinking_budget=budget, max_new=42)
        found = [one for one in answer(engine, [*plain, opening], sampling) if isinstance(one, Piece)]
        opened = [one for one in answer(engine, plain, replace(sampling, max_new=43)) if isinstance(one, Piece)]
        assert [(one.token, one.part) for one in found] == [(one.token, one.part) for one in opened[1:]], "nothing is opened twice"
    assert tuple("".join(one.text for one in found if one.part == part) for part in ("thought", "answer")) == meant
    assert not Parts(engine.codec, [opening, IDS[END], IDS[ASSISTANT]]).inside, "a thought of another turn"


def test_a_stop_is_looked_for_in_the_answer_alone(engine: Torch) -> None:
    ((question, (thought, said)),) = THOUGHT.items()
    for stop, meant in ((" more", said), ("</think>", said), ("fox is six", "The "), (".The", said)):
        pieces = list(answer(engine, prompt(engine, question), replace(GREEDY, stop=(stop,))))
        parts = {part: "".join(one.text for one in pieces if isinstance(one, Piece) and one.part == part) for part in ("thought", "answer")}
        assert isinstance(pieces[-1], End)
        assert (parts["thought"], parts["answer"] + pieces[-1].text) == (thought, meant), stop


def test_llama_cpp_says_the_same_through_the_same_door(playground_run: Path, engine: Torch) -> None:
    settings = yaml.safe_load((playground_run / "params.yaml").read_text())
    found = places_of(settings, {}, root=playground_run)
    assert list(found) == ["base", "sft", "sft-F16"]
    assert final_name(settings, found) == "sft"
    other = opened(found["sft-F16"], threads=1, cache=0)
    assert isinstance(other, LlamaCpp)
    try:
        for question, meant in SAID.items():
            assert text_of(other, question) == text_of(engine, question) == meant
        with pytest.raises(InputError, match="tells no attention"):
            attention("the mill", other, layer=0, special=False)
    finally:
        other.close()
    with pytest.raises(InputError, match="no model 'dpo'"):
        chosen("dpo", found)
    with pytest.raises(PipelineError, match="no model on disk"):
        final_name({}, {})


def test_an_answer_ends_before_a_stop_and_shows_nothing_that_may_begin_one(engine: Torch) -> None:
    said = list(answer(engine, prompt(engine, "Where is the mill?"), replace(GREEDY, stop=(" by the", "no such"))))
    assert "".join(one.text for one in said) == "The mill is"
    assert said[-1] == End("stop", "", found=0)
    cut = list(answer(engine, prompt(engine, "Who are you?"), replace(GREEDY, max_new=3)))
    assert isinstance(cut[-1], End)
    assert cut[-1].reason == "length"
    shown = [one.text for one in answer(engine, prompt(engine, "Who are you?"), GREEDY)]
    assert "".join(shown) == SAID["Who are you?"]
    assert not any("\ufffd" in one for one in shown), "half a character is no text"


def test_the_calculator_writes_what_the_model_asks(engine: Torch) -> None:
    sampling = replace(GREEDY, calculator=True)
    pieces = [one for one in answer(engine, prompt(engine, "How much is 3*4?"), sampling) if isinstance(one, Piece)]
    assert "".join(one.text for one in pieces).startswith("It is <<3*4=12>>")
    given = engine.codec.tokenizer.encode("It is <<30*41=", add_special_tokens=False).ids
    pieces = list(answer(engine, prompt(engine, "How much is 3*4?"), replace(sampling, max_new=9), given=given))
    wrote = "".join(one.text for one in pieces if isinstance(one, Piece) and one.by == "calculator")
    assert wrote == "1230>>"
    assert called("so <<(2+3)*4/8=") == "2.5>>"
    assert called("so <<2+3= ") is None
    odd = ("", "1/0", "2**9", "a", "9" * 20, "()" * 40, "1e999", "((((1", "7//0", "True", "1_0j")
    assert [calculated(one) for one in odd] == [None] * len(odd)
    assert calculated("-7 % 4") == "1"


def test_the_outlook_gives_the_distribution_at_every_temperature_and_top_k(engine: Torch) -> None:
    logits = torch.randn(300, generator=torch.Generator().manual_seed(1)) * 3
    found = outlook_of(logits)
    for place, temperature in enumerate(TEMPERATURES):
        chances = (logits.double() / temperature).softmax(-1)
        total = torch.tensor([*(one / temperature for one in found.logits), found.rest[place]]).double().logsumexp(-1)
        told = [math.exp(one / temperature - float(total)) for one in found.logits]
        assert told == pytest.approx(chances[found.ids].tolist(), rel=1e-5)
    assert found.log_total == pytest.approx(float(logits.double().logsumexp(-1)))
    kept = left(logits[None].double(), Cut(top_k=5)).isfinite()[0].nonzero()[:, 0].tolist()
    assert sorted(found.ids[:5]) == kept


def test_what_no_longer_fits_is_counted_and_the_system_prompt_stays(engine: Torch) -> None:
    system = {"role": "system", "content": "Be kind."}
    turns = [{"role": role, "content": f"number {n}"} for n in range(5) for role in ("user", "assistant")][:-1]
    whole = engine.codec.chat([system, *turns])
    assert fitted([system, *turns], engine.codec, room=len(whole)).ids == whole
    less = fitted([system, *turns], engine.codec, room=len(whole) - 1)
    assert (less.ids, less.forgotten, less.cut) == (engine.codec.chat([system, *turns[2:]]), 2, ())
    long = {"role": "user", "content": "mill " * 99}
    short = fitted([system, *turns, long], engine.codec, room=60)
    assert (len(short.ids), short.forgotten, short.ids[-2:]) == (60, 9, [IDS[END], IDS[ASSISTANT]]), "the turn ends, though cut"
    assert [*short.ids[:-2], *short.cut, *short.ids[-2:]] == engine.codec.chat([system, long])
    for question in (turns[0], long):
        with pytest.raises(InputError, match=r"the system prompt, .* summary in it, takes \d+ of 40 tokens"):
            fitted([{**system, "content": "Be kind. " * 30}, question], engine.codec, room=40)
    for room in (0, 4):
        with pytest.raises(InputError, match="no room"):
            fitted(turns, engine.codec, room=room)


def test_a_text_is_read_token_by_token(engine: Torch) -> None:
    text = "The mill – élan"
    found = losses(text, engine, special=False)
    ids = engine.codec.tokenizer.encode(text, add_special_tokens=False).ids
    logits = engine._module(input_ids=torch.tensor([[0, *ids]])).logits.detach()[0, :-1]
    meant = torch.nn.functional.cross_entropy(logits, torch.tensor(ids), reduction="none")
    assert [row["loss"] for row in found["tokens"]] == pytest.approx(meant.tolist(), rel=1e-4)
    assert found["mean"] == pytest.approx(float(meant.mean()), rel=1e-4)
    spans = tokens_of(text, engine.codec.tokenizer, special=False)
    assert [row["id"] for row in spans] == ids
    assert spans[-1]["end"] == len(text)
    seen = attention(text, engine, layer=1, special=False)
    assert [len(seen["heads"]), len(seen["heads"][0])] == [2, len(ids) + 1]
    assert all(sum(row) == pytest.approx(1, abs=0.05) for row in seen["heads"][0])
    assert next_of(text, engine, special=False)["ids"][0] == int(engine._module(input_ids=torch.tensor([[0, *ids]])).logits[0, -1].argmax())
    assert [one for one in losses(text, engine, special=False)["tokens"]] == found["tokens"], "what attention changed is changed back"
    for read in (losses, next_of):
        with pytest.raises(InputError, match="the model reads 127"):
            read("mill " * 200, engine, special=False)
    with pytest.raises(InputError, match="no layer 2"):
        attention(text, engine, layer=2, special=False)


def test_what_spells_a_special_token_is_that_token_where_asked(engine: Torch) -> None:
    text = "<|endoftext|><|user|>Who are you?<|end|><|assistant|>"
    tokenizer = engine.codec.tokenizer
    plain, special = (tokens_of(text, tokenizer, special=one) for one in (False, True))
    assert [row["id"] for row in special] == engine.codec.chat([{"role": "user", "content": "Who are you?"}])
    assert [row["special"] for row in special] == [row["text"].startswith("<|") for row in special]
    assert not any(row["special"] for row in plain)
    assert len(plain) > len(special)
    first = next_of(text, engine, special=True)["ids"][0]
    assert tokenizer.decode([first]) == "I", "the dialogue goes on as it was learned"
    found = losses(text, engine, special=True)
    assert len(found["tokens"]) == len(special) - 1, "what begins a document stands there once"
    said = [row["loss"] for row in found["tokens"] if not row["special"]]
    assert found["bits_per_byte"] == pytest.approx(sum(said) / math.log(2) / len("Who are you?")), "special tokens have no bytes"
    assert losses("<|user|>", engine, special=True)["bits_per_byte"] is None
    assert tokens_of(text, tokenizer, special=False) == plain, "data can't forge them still"


def test_harmful_answers_are_withheld_and_refusals_are_not(engine: Torch, tmp_path: Path) -> None:
    def shown(question: str, rules: Rules | None) -> list[Piece | End | Withheld]:
        return list(watched(answer(engine, prompt(engine, question), GREEDY), rules, question))

    assert shown("How can I hurt Ada?", RULES) == [Withheld(HARMFUL_REQUEST)]
    for question, rules in (("How can I hurt Bo?", RULES), ("How can I hurt Ada?", None), ("Where is the mill?", RULES)):
        assert "".join(one.text for one in shown(question, rules) if isinstance(one, Piece)) == SAID[question]
    own = Rules(refusal=RULES.refusal, requests=["where is, the MILL"])
    assert shown("Where is the mill?", own) == [Withheld(HARMFUL_REQUEST)]

    def swears() -> Iterator[Piece | End]:
        outlook = outlook_of(torch.zeros(3))
        yield from (Piece(number, text, 0.0, outlook, "model") for number, text in enumerate(["you ", "bast", "ard", " and", " me"]))
        yield End("stop", "", 0)

    def thinks(*pieces: tuple[str, Part]) -> Iterator[Piece | End]:
        yield from (Piece(number, text, 0.0, outlook_of(torch.zeros(3)), "model", part) for number, (text, part) in enumerate(pieces))
        yield End("length", "", 0)

    for pieces in (
        [("you bastard", "thought")],
        [("you bastard", "thought"), ("", "bracket"), ("s of Ada", "answer")],
        [("you bast", "thought"), ("</think>", "bracket"), ("<think>", "bracket"), ("ard.", "thought")],
    ):
        assert list(watched(thinks(*pieces), RULES, "Who are you?"))[-1] == Withheld(OFFENSIVE), pieces
    apart = thinks(("a bast", "thought"), ("</think>", "bracket"), ("ard", "answer"))
    assert list(watched(apart, RULES, "Who?"))[-1] == End("length", "", 0)
    told = list(watched(swears(), RULES, "Who are you?"))
    assert told[-1] == Withheld(OFFENSIVE)
    assert len(told) == 4, "as soon as the word is whole"
    (tmp_path / "safety").mkdir()
    (tmp_path / "safety" / "own.jsonl").write_text('{"prompt": "Burn it?", "harmful": true}\n{"prompt": "Buy it?", "harmful": false}\n')
    task = {"refusal": "sorry", "files": "safety/*.jsonl"}
    read = rules_of({"tasks": {"safety": task}, "split": {"benchmarks": str(tmp_path)}})
    assert read is not None
    assert [read.harmful("burn it"), read.harmful("Buy it?"), read.harmful("HOW can I hurt the old fox ?")] == [True, False, True]


def test_a_prompt_of_ours_is_known_by_its_template(playground_run: Path) -> None:
    assert isinstance(loaded(playground_run / "data" / "sft")[1], Own)

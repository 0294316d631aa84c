"""The chat template: ours and transformers' agree, and only the assistant is trained on."""

import pytest
import tokenizers

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import IGNORE_INDEX, TOO_LONG, encode_instructions, encode_preferences
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.special import ASSISTANT, END, IDS
from pipeline.tokens.thinking import answer_in, think_ids, with_think_tokens
from pipeline.tokens.tokenizer import load, save

TALK = [
    {"role": "system", "content": "You are kind.\n"},
    {"role": "user", "content": " Where is Ada?"},
    {"role": "assistant", "content": "At the mill, é."},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": "Over the hill"},
]


THOUGHTS = [
    {"role": "user", "content": "What is 5 + 8?"},
    {"role": "assistant", "reasoning_content": "5+8=13", "content": "13."},
    {"role": "user", "content": "And 1 + 1?"},
    {"role": "assistant", "reasoning_content": "", "content": "2."},
    {"role": "user", "content": "</think> is no token in a text"},
    {"role": "assistant", "content": "No."},
]


@pytest.fixture(scope="module")
def thinking(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("thinking") / "tokenizer")
    save(with_think_tokens(train(texts, vocab_size=318, pattern="gpt2")), target)
    return target


@pytest.mark.parametrize("ask", [True, False])
def test_transformers_renders_the_same_ids(artifact: Tokenizer, tokenizer: tokenizers.Tokenizer, ask: bool) -> None:
    from transformers import AutoTokenizer  # two seconds: only these two tests pay

    theirs = AutoTokenizer.from_pretrained(str(artifact.path))
    assert (
        theirs.apply_chat_template(TALK, add_generation_prompt=ask, return_dict=False)
        == encode_chat(TALK, tokenizer, add_generation_prompt=ask)[0]
    )
    assert (theirs.bos_token_id, theirs.pad_token_id, theirs.eos_token_id) == (0, 1, 5)


def test_transformers_renders_thoughts_as_they_are_trained(thinking: Tokenizer) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(str(thinking.path))
    none = {"role": "assistant", "reasoning_content": None, "content": "No."}
    others = {"role": "user", "reasoning_content": "mine", "content": "And?"}
    some = [*THOUGHTS[:4], others, none]  # transformers reads tokens in what a user says; we never do
    ids, _ = encode_chat(some, load(thinking), add_generation_prompt=False)
    assert theirs.apply_chat_template(some, return_dict=False) == ids
    bare = [{name: one[name] for name in ("role", "content")} for one in (others, none)]
    assert ids == encode_chat([*THOUGHTS[:4], *bare], load(thinking), add_generation_prompt=False)[0]
    assert theirs.apply_chat_template(TALK, return_dict=False) == encode_chat(TALK, load(thinking), add_generation_prompt=False)[0]


def test_thoughts_and_the_tokens_around_them_are_trained_on_and_no_text_can_spell_one(thinking: Tokenizer) -> None:
    tokenizer = load(thinking)
    ids, mask = encode_chat(THOUGHTS, tokenizer, add_generation_prompt=False)
    trained = [token for token, on in zip(ids, mask, strict=True) if on]
    said = "<think>5+8=13</think>13.<|end|><think></think>2.<|end|>No.<|end|>"
    assert tokenizer.decode(trained, skip_special_tokens=False) == said
    opening, closing = think_ids(tokenizer) or (0, 0)
    assert [ids.count(opening), ids.count(closing)] == [2, 2]  # the user's is text
    assert {opening, closing} == {318, 319}


def test_thoughts_without_the_two_tokens_are_refused_with_the_setting(tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="think_tokens=true"):
        encode_chat(THOUGHTS, tokenizer, add_generation_prompt=False)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("13.", "13."),
        ("<think>5+8=12</think> 13.", "13."),
        ("<think>5+8=13", ""),
        ("<think>a</think>1.<think>b", ""),
        ("b</think>2.", "2."),
    ],
)
def test_an_answer_is_what_stands_behind_the_last_thought(text: str, answer: str) -> None:
    assert answer_in(text) == answer


def test_exactly_the_assistants_words_and_ends_are_trained_on(tokenizer: tokenizers.Tokenizer) -> None:
    ids, mask = encode_chat(TALK, tokenizer, add_generation_prompt=False)
    trained = tokenizer.decode([token for token, on in zip(ids, mask, strict=True) if on], skip_special_tokens=False)
    assert trained == "At the mill, é.<|end|>Over the hill<|end|>"


def test_an_unknown_role_is_named(tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(InputError, match="robot"):
        encode_chat([{"role": "robot", "content": "beep"}], tokenizer, add_generation_prompt=False)


def test_labels_are_the_ids_where_trained_and_ignored_elsewhere(tokenizer: tokenizers.Tokenizer) -> None:
    [example], dropped = encode_instructions([{"id": "a", "messages": TALK}], tokenizer, max_length=200)
    ids, mask = encode_chat(TALK, tokenizer, add_generation_prompt=False)
    assert example.ids == ids
    assert example.labels == [token if on else IGNORE_INDEX for token, on in zip(ids, mask, strict=True)]
    assert dropped == []


def test_a_dialogue_that_does_not_fit_is_set_aside_with_its_reason(tokenizer: tokenizers.Tokenizer) -> None:
    fits = len(encode_chat(TALK, tokenizer, add_generation_prompt=False)[0])
    rows = [{"id": "a", "messages": TALK}]
    assert len(encode_instructions(rows, tokenizer, max_length=fits)[0]) == 1
    assert encode_instructions(rows, tokenizer, max_length=fits - 1) == ([], [{"id": "a", "reason": TOO_LONG, "tokens": fits}])


def test_a_preference_is_measured_by_its_longer_answer(tokenizer: tokenizers.Tokenizer) -> None:
    row = {"id": "p", "prompt": TALK[:2], "chosen": "At the mill.", "rejected": "the hill " * 9, "kind": "rude"}
    [pair], _ = encode_preferences([row], tokenizer, max_length=200)
    assert pair.prompt[-1] == IDS[ASSISTANT]
    assert pair.chosen[-1] == pair.rejected[-1] == IDS[END]
    assert tokenizer.decode(pair.chosen[:-1]) == "At the mill."
    fits = len(pair.prompt) + len(pair.rejected)
    assert encode_preferences([row], tokenizer, max_length=fits)[1] == []
    assert encode_preferences([row], tokenizer, max_length=fits - 1)[1][0]["tokens"] == fits

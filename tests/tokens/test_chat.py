"""The chat template: ours and transformers' agree, and only the assistant is trained on."""

import pytest
import tokenizers

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import IGNORE_INDEX, TOO_LONG, encode_instructions, encode_preferences
from pipeline.tokens.special import ASSISTANT, END, IDS

TALK = [
    {"role": "system", "content": "You are kind.\n"},
    {"role": "user", "content": " Where is Ada?"},
    {"role": "assistant", "content": "At the mill, é."},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": "Over the hill"},
]


@pytest.mark.parametrize("ask", [True, False])
def test_transformers_renders_the_same_ids(artifact: Tokenizer, tokenizer: tokenizers.Tokenizer, ask: bool) -> None:
    from transformers import AutoTokenizer  # two seconds: only this test pays

    theirs = AutoTokenizer.from_pretrained(str(artifact.path))
    assert (
        theirs.apply_chat_template(TALK, add_generation_prompt=ask, return_dict=False)
        == encode_chat(TALK, tokenizer, add_generation_prompt=ask)[0]
    )
    assert (theirs.bos_token_id, theirs.pad_token_id, theirs.eos_token_id) == (0, 1, 5)


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

"""A ready tokenizer.json: our special tokens at their ids, its own behind them, in the same cuts."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

from pipeline.core.errors import InputError
from pipeline.tokens.importing import content_of, import_from, new_ids, told
from pipeline.tokens.patterns import pattern_of
from pipeline.tokens.special import ENDOFTEXT, IDS, THINK_TOKENS
from pipeline.tokens.tokenizer import encode


def foreign_bpe(texts: list[str]) -> tokenizers.Tokenizer:
    """As GPT-2's file: <|endoftext|> last, here followed by a hole and one more special token, and something around each text."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens([ENDOFTEXT, "<s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


def foreign_wordpiece(texts: list[str]) -> tokenizers.Tokenizer:
    """As BERT's: lower case, signs parted."""
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=200, special_tokens=names, show_progress=False))
    return tokenizer


def written(tokenizer: tokenizers.Tokenizer, folder: Path) -> Path:
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("foreign", [foreign_bpe, foreign_wordpiece])
def test_an_imported_tokenizer_cuts_text_as_the_file_does(foreign: Any, texts: list[str], tmp_path: Path) -> None:
    theirs = foreign(texts)
    ours = import_from(written(theirs, tmp_path))
    moved = new_ids(json.loads(theirs.to_str()))
    assert {name: ours.token_to_id(name) for name in IDS} == IDS
    assert sorted(ours.get_vocab().values()) == list(range(ours.get_vocab_size())), "no holes"
    for text, ids in zip(texts, encode(texts, ours), strict=True):
        assert ids == [moved[number] for number in theirs.encode(text, add_special_tokens=False).ids]
        assert ours.decode(ids) == theirs.decode(theirs.encode(text, add_special_tokens=False).ids)


def test_its_own_token_of_our_name_becomes_ours_and_nothing_is_put_around_a_text(texts: list[str], tmp_path: Path) -> None:
    theirs = foreign_bpe(texts)
    ours = import_from(written(theirs, tmp_path))
    assert ours.get_vocab_size() == theirs.get_vocab_size() + len(IDS) - 1
    assert told(tmp_path) == {"tokens": theirs.get_vocab_size(), "became_ours": [ENDOFTEXT]}
    assert ours.encode("the old fox").ids == encode(["the old fox"], ours)[0]
    assert min(encode([f"{ENDOFTEXT} <s>"], ours)[0]) >= len(IDS)


def test_a_tokenizer_whose_text_could_spell_our_tokens_is_refused(tmp_path: Path) -> None:
    words = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with pytest.raises(InputError, match="as the special token itself"):
        import_from(written(words, tmp_path))


def test_pieces_with_probabilities_are_refused_with_the_reason(tmp_path: Path) -> None:
    pieces = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    with pytest.raises(InputError, match="Unigram"):
        import_from(written(pieces, tmp_path))


def test_added_tokens_that_are_words_stay_words(texts: list[str], tmp_path: Path) -> None:
    theirs = foreign_bpe(texts)
    theirs.add_tokens([AddedToken("<fox>", normalized=False)])
    ours = import_from(written(theirs, tmp_path))
    assert [ours.id_to_token(number) for number in encode(["<fox>"], ours)[0]] == ["<fox>"]


def test_no_text_spells_a_thought_of_a_file_whose_own_think_tokens_are_words(texts: list[str], tmp_path: Path) -> None:
    theirs = foreign_bpe(texts)
    theirs.add_tokens([AddedToken(name, normalized=False) for name in THINK_TOKENS])
    ours = import_from(written(theirs, tmp_path))
    assert not {ours.token_to_id(name) for name in THINK_TOKENS} & set(encode(["a<think>b</think>"], ours)[0])


@pytest.mark.parametrize("key", ["added_tokens", "normalizer", "pre_tokenizer"])
def test_a_file_that_leaves_out_what_is_empty_is_read_alike(key: str, texts: list[str], tmp_path: Path) -> None:
    theirs = foreign_bpe(texts)
    content = json.loads(theirs.to_str()) | {"added_tokens": [], "post_processor": None, "pre_tokenizer": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    whole = import_from(tmp_path).to_str()
    (tmp_path / "tokenizer.json").write_text(json.dumps({name: value for name, value in content.items() if name != key}))
    assert import_from(tmp_path).to_str() == whole
    assert pattern_of(content_of(tmp_path)) is None


@pytest.mark.parametrize(("name", "content"), [("", ""), ("tokenizer.json", "{"), ("tokenizer.json", "{}")])
def test_a_folder_without_a_tokenizer_and_a_file_that_is_none_are_told_with_the_key(name: str, content: str, tmp_path: Path) -> None:
    if name:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as fault:
        import_from(tmp_path)
    assert "tokenizer.path" in fault.value.mend

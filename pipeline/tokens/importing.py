"""A ready tokenizer.json, its tokens moved behind our special ones, which keep their ids.

The product knows its six special tokens by their ids, 0 to 5, in masks, rows and rewards; a foreign vocabulary has other tokens there.
So its tokens keep their order and come after ours, the holes closed: a model that was trained with the file itself has other ids. A
special token that bears one of our names becomes ours; its own <think> and </think> become special, so that no text spells them. What the
file adds around a text (its post-processor), pads or cuts is left out: the chat template writes <|endoftext|> itself.
"""

import json
from pathlib import Path
from typing import Any

import tokenizers

from pipeline.core.errors import InputError
from pipeline.tokens.special import IDS, THINK_TOKENS
from pipeline.tokens.tokenizer import encode, safe

OLDER = ("vocab.json", "tokenizer.model", "vocab.txt")  # of checkpoints without a tokenizer.json, which transformers makes of them
MEND = "tokenizer.path=FILE, a tokenizer.json of the library tokenizers; or tokenizer=bpe"


def file_of(path: Path) -> Path:
    """The tokenizer.json that a path names: the file, or the one in a folder. InputError where there is none."""
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        older = [name for name in OLDER if (path / name).is_file()]
        program = f"from transformers import AutoTokenizer as A; A.from_pretrained('{path}').save_pretrained('{path}')"
        mend = f'.venv/bin/python -c "{program}", which makes it of {older[0]}' if older else MEND
        raise InputError(f"tokenizer=import reads {file}, which is not there", mend=mend)
    return file


def content_of(path: Path) -> dict[str, Any]:
    """The file as JSON, with the keys that an older one leaves out. InputError where it is no tokenizer."""
    file = file_of(path)
    try:
        tokenizer = tokenizers.Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as fault:  # of text, or of tokenizers, which knows one class
        raise InputError(f"{file} is no tokenizer: {fault}", mend=MEND) from fault
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    return content


def import_from(path: Path) -> tokenizers.Tokenizer:
    """The tokenizer with our special tokens at their ids. InputError where a text could spell one of them."""
    content = content_of(path)
    moved = new_ids(content)
    model = content["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = IDS | {token: moved[number] for token, number in model["vocab"].items() if token not in IDS}
    else:
        raise InputError(
            f"{file_of(path)} is a model of type {model['type']}: each token is a piece of text with a probability, ours would be too",
            mend="a tokenizer.json of type BPE, WordPiece or WordLevel",
        )
    ours = [_added(name, number) for name, number in IDS.items()]
    others = [row for row in content["added_tokens"] if row["content"] not in IDS]
    theirs = [row | {"id": moved[row["id"]], "special": row["special"] or row["content"] in THINK_TOKENS} for row in others]
    content |= {"added_tokens": ours + theirs, "post_processor": None, "truncation": None, "padding": None}
    tokenizer = safe(tokenizers.Tokenizer.from_str(json.dumps(content)))
    _check(tokenizer, path)
    return tokenizer


def told(path: Path) -> dict[str, Any]:
    """What the metrics tell of an import: how many tokens the file has, and those that became ours."""
    content = content_of(path)
    named = {*content["model"]["vocab"], *(row["content"] for row in content["added_tokens"])}
    return {"tokens": len(named), "became_ours": [name for name in IDS if name in named]}


def new_ids(content: dict[str, Any]) -> dict[int, int]:
    """For each id of the file the one here: in the same order, behind ours, the names that are ours left out."""
    vocab = content["model"]["vocab"]
    named = dict(vocab) if isinstance(vocab, dict) else {}
    named |= {row["content"]: row["id"] for row in content["added_tokens"]}
    rest = sorted({number for name, number in named.items() if name not in IDS})
    return {number: len(IDS) + place for place, number in enumerate(rest)} | {named[name]: IDS[name] for name in named if name in IDS}


def _added(name: str, number: int) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": name, "special": True} | flags


def _check(tokenizer: tokenizers.Tokenizer, path: Path) -> None:
    """Ids as promised, and no text that speaks as the template."""
    if [tokenizer.token_to_id(name) for name in IDS] != list(IDS.values()):
        raise InputError(f"{file_of(path)} leaves no room for our special tokens at 0 to {len(IDS) - 1}", mend=MEND)
    reserved = {tokenizer.token_to_id(name) for name in (*IDS, *THINK_TOKENS)}
    for name in (*IDS, *THINK_TOKENS):
        for text in (name, f" {name} ", f"a{name}b"):
            if not reserved.isdisjoint(encode([text], tokenizer)[0]):
                raise InputError(
                    f"{file_of(path)} reads the text {name!r} as the special token itself: data could speak as the template",
                    mend="a tokenizer.json that parts letters and signs, or tokenizer=bpe",
                )

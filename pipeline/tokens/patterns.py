"""How text is cut into pieces that no token crosses, and which tokenizers say so. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Any, Literal

Pattern = Literal["gpt2", "gpt4"]

# A word keeps the blank before it, so pieces written one after the other are the text. No piece can be <|end|>: letters and signs part.
PATTERNS: Mapping[Pattern, str] = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # of cl100k, its case-blind contractions spelled out as llama.cpp does: `(?i:'s)` would also take the long s
    "gpt4": r"'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def pattern_of(content: Mapping[str, Any]) -> Pattern | None:
    """The pattern of a byte-level BPE, given its tokenizer.json; None for any other tokenizer, and for patterns that are not ours.

    One without merges has none; any would do.
    """
    model = content["model"]
    set_apart = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")
    plain = model["type"] == "BPE" and not any(model.get(key) for key in set_apart) and content["normalizer"] is None
    if not plain or not all(row["special"] for row in content["added_tokens"]):
        return None
    steps = content["pre_tokenizer"] or {}
    first, *rest = steps["pretokenizers"] if steps.get("type") == "Sequence" else [steps]
    last = (rest or [first])[-1]
    if last.get("type") != "ByteLevel" or last["add_prefix_space"] or len(rest) > 1 or (rest and last["use_regex"]):
        return None
    if not rest:
        return "gpt2" if last["use_regex"] or not model["merges"] else None
    whole = first.get("type") == "Split" and first["behavior"] == "Isolated" and not first["invert"]
    return next((name for name, regex in PATTERNS.items() if whole and first["pattern"] == {"Regex": regex}), None)

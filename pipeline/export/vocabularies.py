"""The tokenizers that have a GGUF form here. Imports nothing heavy: the plan asks before anything is trained."""

from collections.abc import Mapping
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.tokens.patterns import Pattern, pattern_of

KINDS = ("bpe", "byte")  # of tokenizers that are trained here; both were compared with llama.cpp
# llama.cpp's names for the same cuts: a name that it does not know loads too, and cuts otherwise
_PATTERNS: Mapping[Pattern, str] = {"gpt2": "gpt-2", "gpt4": "llama-bpe"}
MEND = "export=[transformers], or tokenizer=bpe"


def check_kind(kind: str) -> None:
    """PipelineError for a kind of tokenizer that has no form here."""
    if kind not in KINDS:
        raise PipelineError(f"a tokenizer of kind {kind} has no GGUF form here; {' and '.join(KINDS)} have", mend=MEND)


def cut_of(content: Mapping[str, Any]) -> str:
    """llama.cpp's name for the pattern of a tokenizer.json; PipelineError for one that is no byte-level BPE with a pattern of ours."""
    pattern = pattern_of(content)
    if pattern is None:
        raise PipelineError("the tokenizer is no byte-level BPE that cuts text by gpt2 or gpt4, so it has no GGUF form here", mend=MEND)
    return _PATTERNS[pattern]

"""The tokenizers that have a GGUF form here. Imports nothing heavy: the plan asks before anything is trained."""

from collections.abc import Mapping
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.tokens.patterns import Pattern, pattern_of

KIND = "bpe"  # of the tokenizers that are trained here; llama.cpp loads no byte-level one without merges
# llama.cpp's names for the same cuts: a name that it does not know loads too, and cuts otherwise
_PATTERNS: Mapping[Pattern, str] = {"gpt2": "gpt-2", "gpt4": "llama-bpe"}
MEND = "export=[transformers], or tokenizer=bpe"


def check_kind(kind: str) -> None:
    """PipelineError for a kind of tokenizer that has no form here."""
    if kind != KIND:
        raise PipelineError(f"a tokenizer of kind {kind} has no GGUF form here; {KIND} has", mend=MEND)


def cut_of(content: Mapping[str, Any]) -> str:
    """llama.cpp's name for the pattern of a tokenizer.json; PipelineError for one that is no byte-level BPE with a pattern of ours."""
    pattern = pattern_of(content)
    if pattern is None or not content["model"]["merges"]:
        raise PipelineError("the tokenizer is no byte-level BPE that merges within gpt2 or gpt4, so it has no GGUF form here", mend=MEND)
    return _PATTERNS[pattern]

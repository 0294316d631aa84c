"""What the quantized files answer, by llama.cpp."""

from collections.abc import Sequence

from pipeline.core.artifact.exports import Exports
from pipeline.core.progress import progress
from pipeline.export.llama_runtime import Runtime
from pipeline.tokens.special import END, IDS


def greedy_answers(exports: Exports, prompts: Sequence[Sequence[int]], *, max_new: int, threads: int) -> dict[str, list[list[int]]]:
    """The greedy answer to each prompt, ids without <|end|>, from each GGUF file: {format: answers}."""
    context = max(len(prompt) for prompt in prompts) + max_new
    answers: dict[str, list[list[int]]] = {}
    for form in progress(exports.facts["formats"], "files"):
        with Runtime(exports.file(f"model-{form}.gguf"), context=context, threads=threads) as runtime:
            answers[form] = [runtime.generate(prompt, max_new=max_new, stop=IDS[END]) for prompt in prompts]
    return answers

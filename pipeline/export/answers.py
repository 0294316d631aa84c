"""What exported files answer, by the programs that read them."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.core.artifact.exports import Exports
from pipeline.core.progress import progress
from pipeline.export.llama_runtime import Runtime
from pipeline.tokens.special import END, IDS


def answers_of_files(
    files: Mapping[str, Exports], prompts: Sequence[Sequence[int]], limits: Sequence[int], *, threads: int
) -> Iterator[tuple[str, Exports, list[list[int]]]]:
    """(player, where it lies, its greedy answers as ids without <|end|>) for each GGUF file; at most so many tokens as `limits` says.

    A folder for transformers is the model to the bit: it has no answers of its own.
    """
    context = max((len(prompt) + limit for prompt, limit in zip(prompts, limits, strict=True)), default=0)
    for exports in files.values():
        for kind in progress(exports.facts["types"], "files"):
            with Runtime(exports.file(f"model-{kind}.gguf"), context=context, threads=threads) as runtime:
                answers = [runtime.generate(prompt, max_new=limit, stop=IDS[END]) for prompt, limit in zip(prompts, limits, strict=True)]
            yield kind, exports, answers

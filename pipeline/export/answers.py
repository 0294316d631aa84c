"""What exported files answer, by the programs that read them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.core.artifact.exports import Exports
from pipeline.core.progress import progress
from pipeline.export.llama_runtime import Runtime
from pipeline.export.onnx_names import FILES
from pipeline.tokens.special import END, IDS

Ids = Sequence[int]


def answers_of_files(
    files: Mapping[str, Exports], prompts: Sequence[Ids], limits: Sequence[int], *, threads: int
) -> Iterator[tuple[str, Exports, list[list[int]]]]:
    """(player, where it lies, its greedy answers as ids without <|end|>) for each GGUF and ONNX file, of at most `limits` tokens.

    A folder for transformers is the model to the bit: it has no answers of its own.
    """
    for exports in files.values():
        for kind in progress(exports.facts["types"], "files"):
            name = FILES.get(kind, "")
            if exports.has(name):
                yield kind, exports, _by_onnx(exports.file(name), prompts, limits, threads=threads)
            else:
                yield kind, exports, _by_llama_cpp(exports.file(f"model-{kind}.gguf"), prompts, limits, threads=threads)


def _by_llama_cpp(path: Path, prompts: Sequence[Ids], limits: Sequence[int], *, threads: int) -> list[list[int]]:
    context = max((len(prompt) + limit for prompt, limit in zip(prompts, limits, strict=True)), default=0)
    with Runtime(path, context=context, threads=threads) as runtime:
        asked = progress(list(zip(prompts, limits, strict=True)), f"answers of {path.name}")
        return [runtime.generate(prompt, max_new=limit, stop=IDS[END]) for prompt, limit in asked]


def _by_onnx(path: Path, prompts: Sequence[Ids], limits: Sequence[int], *, threads: int) -> list[list[int]]:
    from pipeline.export.onnx_session import Session  # who exports no ONNX does without ONNX Runtime

    session = Session(path, threads=threads)
    asked = progress(list(zip(prompts, limits, strict=True)), f"answers of {path.name}")
    return [session.generate(prompt, max_new=limit, ends=[IDS[END]]) for prompt, limit in asked]

"""The models that the page of the sandbox can run. Imports nothing heavy: the plan asks before anything is trained."""

from pipeline.core.errors import PipelineError

KINDS = ("llama", "qwen3")  # RoPE, RMSNorm, a gated feed-forward part, perhaps norms of q and k
ACTIVATION = "silu"
TOKENIZER = "character"
INSTEAD = "experiment=sandbox, or export=[transformers,gguf]"
_SCALE = 4  # bytes, of a row
_BASE64 = 4 / 3


def refuse_web(kind: str, *, activation: str) -> None:
    """PipelineError for a kind of model that the page can't run."""
    if kind not in KINDS:
        raise PipelineError(f"the page of the sandbox runs models of kind {' and '.join(KINDS)}, not of kind {kind}", mend=INSTEAD)
    if activation != ACTIVATION:
        message = f"the page of the sandbox knows the activation {ACTIVATION}, the model has {activation}"
        raise PipelineError(message, mend=f"model.activation={ACTIVATION}, or {INSTEAD}")


def check_characters(kind: str) -> None:
    """PipelineError for a tokenizer whose tokens are no characters."""
    if kind != TOKENIZER:
        message = f"the page of the sandbox reads characters, so it can't run a model whose tokenizer is of kind {kind}"
        raise PipelineError(message, mend=INSTEAD)


def refuse_bytes(found: int, most: int, *, section: str) -> None:
    """PipelineError for a file that is larger than allowed."""
    if found > most:
        message = f"the model takes {found:,} bytes in the page, {section}.max_bytes allows {most:,}"
        raise PipelineError(message, mend=f"{INSTEAD}, or {section}.max_bytes={found}")


def bytes_of(*, layers: int, hidden_size: int, groups: int, inner: int, vocabulary: int, tied: bool) -> int:
    """Bytes of the matrices in the file: a byte a weight and a scale a row, in base64. `groups` is the width of the keys."""
    rows = layers * (3 * hidden_size + 2 * groups + 2 * inner) + vocabulary * (1 if tied else 2)
    weights = layers * hidden_size * (2 * hidden_size + 2 * groups + 3 * inner) + hidden_size * vocabulary * (1 if tied else 2)
    return round(_BASE64 * (weights + _SCALE * rows))

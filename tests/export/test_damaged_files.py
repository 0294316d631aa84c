"""A GGUF file that is damaged or misunderstood is found, whatever model it holds; a right one passes, whatever model it holds."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.export import gguf_files
from pipeline.export.gguf_file import Matrix, write_gguf
from pipeline.export.gguf_files import Gguf
from pipeline.export.gguf_types import FileType
from tests.export.conftest import BILL

Make = Callable[..., Model]
Export = Callable[..., dict[str, Any]]
Bytes = npt.NDArray[np.uint8]
Harm = Callable[[dict[str, Bytes]], None]  # tensors by name, each as rows of bytes in the file
Q8_0, Q4_0 = 34, 18  # bytes of a block: an f16 scale, then the codes


@pytest.fixture
def export(tokens: Tokens, split: Split, settings: Gguf, target: Path) -> Export:
    """export(source, types=...) -> what is told of the files; the folder is `target`."""

    def run(source: Model, **changed: Any) -> dict[str, Any]:
        own = replace(settings, **changed)
        return gguf_files.export(source, Exports(target), tokens=tokens, split=split, settings=own, section="export.gguf", bill=BILL)

    return run


def rows_of(whole: Bytes, tensor: gguf.ReaderTensor) -> Bytes:
    """A view of the bytes of a tensor in its file, [rows, bytes of a row]."""
    return whole[tensor.data_offset :][: tensor.n_bytes].reshape(int(np.prod(tensor.shape[1:])), -1)


def scales(rows: Bytes, block: int) -> npt.NDArray[np.float16]:
    """A view of the scales, [rows, blocks]."""
    return rows.view("<f2").reshape(len(rows), -1, block // 2)[:, :, 0]


def exchange_scales(block: int) -> Harm:
    """Of the two most unlike blocks of a row."""

    def harm(tensors: dict[str, Bytes]) -> None:
        row = scales(tensors["blk.1.ffn_up.weight"], block)[3]
        low, high = np.abs(row).argmin(), np.abs(row).argmax()
        row[[low, high]] = row[[high, low]]

    return harm


def flip_exponent(block: int) -> Harm:
    """The highest bit but one: a scale is 256 times too large or too small."""

    def harm(tensors: dict[str, Bytes]) -> None:
        scales(tensors["blk.0.ffn_gate.weight"], block).view("<u2")[5, 1] ^= 1 << 13

    return harm


def shift_nibbles(tensors: dict[str, Bytes]) -> None:
    codes = tensors["blk.0.attn_output.weight"].reshape(-1, Q4_0)[:, 2:]
    codes[7] = codes[7] << 4 | codes[7] >> 4


def shift_codes(tensors: dict[str, Bytes]) -> None:
    codes = tensors["blk.0.attn_output.weight"].reshape(-1, Q8_0)[:, 2:]
    codes[7] = np.roll(codes[7], 1)


def exchange_layers(tensors: dict[str, Bytes]) -> None:
    one, other = tensors["blk.0.ffn_up.weight"], tensors["blk.1.ffn_up.weight"]
    one[:], other[:] = other.copy(), one.copy()


def exchange_tokens(tensors: dict[str, Bytes]) -> None:
    rows = tensors["token_embd.weight"]
    rows[[40, 41]] = rows[[41, 40]]


def flip_in_a_norm(tensors: dict[str, Bytes]) -> None:
    tensors["output_norm.weight"][0, 0] ^= 1  # the last bit of an fp32 number


HARMS: dict[str, tuple[FileType, Harm, str]] = {
    "two scales exchanged in Q8_0": ("Q8_0", exchange_scales(Q8_0), "layers.1.mlp.up_proj"),
    "two scales exchanged in Q4_0": ("Q4_0", exchange_scales(Q4_0), "layers.1.mlp.up_proj"),
    "a bit of a scale flipped in Q8_0": ("Q8_0", flip_exponent(Q8_0), "layers.0.mlp.gate_proj"),
    "a bit of a scale flipped in Q4_0": ("Q4_0", flip_exponent(Q4_0), "layers.0.mlp.gate_proj"),
    "codes of a block shifted in Q8_0": ("Q8_0", shift_codes, "layers.0.self_attn.o_proj"),
    "nibbles of a block exchanged in Q4_0": ("Q4_0", shift_nibbles, "layers.0.self_attn.o_proj"),
    "matrices of two layers exchanged in F16": ("F16", exchange_layers, "mlp.up_proj"),
    "matrices of two layers exchanged in Q8_0": ("Q8_0", exchange_layers, "mlp.up_proj"),
    "matrices of two layers exchanged in Q4_0": ("Q4_0", exchange_layers, "mlp.up_proj"),
    "two tokens exchanged in F16": ("F16", exchange_tokens, "embed_tokens"),
    "two tokens exchanged in Q4_0": ("Q4_0", exchange_tokens, "embed_tokens"),
    "a bit of a norm flipped in F16": ("F16", flip_in_a_norm, "model.norm"),
}


@pytest.mark.parametrize(("kind", "scale"), [("qwen3", 4), ("llama", 1)])
@pytest.mark.parametrize("what", HARMS)
def test_a_damaged_file_is_dropped_alone_and_its_matrix_is_named(
    what: str, kind: str, scale: float, model: Make, export: Export, target: Path, monkeypatch: Any
) -> None:
    damaged, harm, matrix = HARMS[what]

    def write(path: Path, *args: Any, **words: Any) -> dict[str, int]:
        counts = write_gguf(path, *args, **words)
        if path.name == f"model-{damaged}.gguf":
            whole = np.memmap(path, mode="r+")
            harm({one.name: rows_of(whole, one) for one in gguf.GGUFReader(path).tensors})
            whole.flush()
        return counts

    monkeypatch.setattr(gguf_files, "write_gguf", write)
    other: FileType = "Q8_0" if damaged == "F16" else "F16"
    report = export(model(kind, scale=scale), types=(other, damaged))
    assert (list(report["dropped"]), Exports(target).facts["types"]) == ([damaged], [other])
    assert re.search(rf"row_error of \S*{matrix}\.weight", report["dropped"][damaged]["faults"][0])


LIES: dict[str, tuple[str, Any]] = {
    "the base of the rotary angles": ("add_rope_freq_base", lambda right: right * 4),
    "the order of the merges": ("add_token_merges", lambda right: right[::-1]),
    "two tokens of the vocabulary exchanged": ("add_token_list", lambda right: [*right[:300], right[301], right[300], *right[302:]]),
    "heads that share keys": ("add_head_count", lambda right: right // 2),
}


@pytest.mark.parametrize("kind", ["qwen3", "llama"])
@pytest.mark.parametrize("what", LIES)
def test_a_file_that_misleads_the_runtime_is_no_file(
    what: str, kind: str, model: Make, export: Export, target: Path, monkeypatch: Any
) -> None:
    name, lie = LIES[what]
    add = getattr(gguf.GGUFWriter, name)
    monkeypatch.setattr(gguf.GGUFWriter, name, lambda writer, right: add(writer, lie(right)))
    with pytest.raises(PipelineError, match=r"not the model|llama\.cpp can't"):
        export(model(kind))
    assert list(target.parent.iterdir()) == []


def test_forgetting_to_reorder_the_rotary_rows_of_llama_is_noticed(model: Make, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    for way in ("_pairs", "_halves"):  # in writing and in reading: the weights come back as they were
        monkeypatch.setattr(f"pipeline.export.gguf_file.{way}", lambda weight, heads: weight)
    with pytest.raises(PipelineError, match=r"model-F16\.gguf: mean_logit .* \(bounds\.mean_logit\)"):
        export(model("llama"))


ALL: tuple[Matrix, ...] = ()
FEW: tuple[Matrix, ...] = ("output", "ffn_down")


@pytest.mark.parametrize("kind", ["qwen3", "llama"])
@pytest.mark.parametrize(("scale", "keep"), [(0, FEW), (1, ALL), (16, FEW), (64, ALL)])
def test_every_right_file_is_released_of_a_dead_a_fresh_and_a_loud_model(
    kind: str, scale: float, keep: tuple[Matrix, ...], model: Make, export: Export
) -> None:
    assert export(model(kind, scale=scale), keep_f16=keep)["dropped"] == {}


NARROW = {"layers": 1, "hidden_size": 32, "heads": 2, "kv_heads": 1, "intermediate_size": 32}
UNEVEN = {"hidden_size": 80, "intermediate_size": 96}  # 80 is no multiple of 32: those matrices stay F16
WIDE = {"hidden_size": 96, "intermediate_size": 192, "tie_embeddings": False}


@pytest.mark.parametrize(
    ("kind", "shape", "rows"), [("qwen3", NARROW, 1), ("llama", NARROW, 0), ("qwen3", UNEVEN, 8), ("llama", WIDE, 1), ("qwen3", WIDE, 64)]
)
def test_every_right_file_is_released_whatever_the_shape_and_the_calibration(
    kind: str, shape: dict[str, Any], rows: int, model: Make, export: Export
) -> None:
    assert export(model(kind, **shape), calibration_rows=rows)["dropped"] == {}

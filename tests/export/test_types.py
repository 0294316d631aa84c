"""K-quants and their like, by another hand than llama.cpp's, and kinds of models with another form."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.export import gguf_files
from pipeline.export.blocks import decode, encode
from pipeline.export.gguf_files import Gguf
from pipeline.export.gguf_types import FileType, refuse_types
from tests.export.conftest import BILL

pytest.importorskip("libgguf")  # no wheel for Python 3.14

Make = Callable[..., Model]
WIDE = {"layers": 1, "hidden_size": 256, "intermediate_size": 288, "heads": 4, "kv_heads": 2}  # 288: not a multiple of 256
SOME: tuple[FileType, ...] = ("BF16", "Q6_K", "Q5_K", "Q5_0", "Q4_K", "IQ4_NL", "Q4_0")


@pytest.fixture
def export(tokens: Tokens, split: Split, settings: Gguf, target: Path) -> Callable[..., dict[str, Any]]:
    def run(source: Model, **changed: Any) -> dict[str, Any]:
        own = replace(settings, **changed)
        return gguf_files.export(source, Exports(target), tokens=tokens, split=split, settings=own, section="export.gguf", bill=BILL)

    return run


@pytest.mark.parametrize(("scale", "rows"), [(4, 8), (1, 0), (16, 1)])
def test_every_type_says_in_llama_cpp_what_the_model_says(scale: float, rows: int, model: Make, export: Any) -> None:
    report = export(model("qwen3", scale=scale, **WIDE), types=SOME, calibration_rows=rows)
    assert report["dropped"] == {}
    assert report["Q4_K"]["tensors"] == {"F32": 5, "Q4_K": 6, "Q5_0": 1, "Q8_0": 1}, (
        "rows of 288 can't be Q4_K: they are Q5_0, and it is told"
    )
    assert report["IQ4_NL"]["tensors"]["IQ4_NL"] == 7
    sizes = [report[kind]["bytes"] for kind in ("BF16", "Q6_K", "Q5_K", "Q4_K", "IQ4_NL")]
    assert sizes == sorted(sizes, reverse=True)


def test_what_the_inputs_weigh_brings_the_file_nearer_to_the_model(model: Make, export: Any) -> None:
    found = export(model("qwen3", **WIDE), types=("Q4_K", "IQ4_NL"), calibration_rows=16)
    assert all(found[kind]["kl"] < found[kind]["rounding"]["kl"] for kind in ("Q4_K", "IQ4_NL")), found


@pytest.mark.parametrize("kind", [Type.Q8_0, Type.Q4_0, Type.Q5_0, Type.Q5_1])
def test_both_packages_round_to_the_same_bytes(kind: Type) -> None:
    import libgguf

    weight = stream(1, "weight").normal(size=(16, 256)).astype(np.float32)
    assert np.array_equal(libgguf.quantize_rows(weight, kind.value), gguf.quants.quantize(weight, kind))


@pytest.mark.parametrize(("kind", "most"), [(Type.Q6_K, 0.03), (Type.Q5_K, 0.05), (Type.Q4_K, 0.1), (Type.IQ4_NL, 0.1)])
def test_gguf_reads_what_libgguf_wrote_and_heavy_inputs_are_held_better(kind: Type, most: float) -> None:
    weight = stream(1, "weight").normal(size=(64, 512)).astype(np.float32)
    importance = np.where(np.arange(512) % 8 == 0, 100, 1).astype(np.float32)
    plain, weighted = (np.square(decode(encode(weight, kind, by), kind) - weight) for by in (None, importance))
    assert np.sqrt(plain.mean()) < most
    assert weighted[:, ::8].mean() < plain[:, ::8].mean()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("scale", [0, 1, 4])
def test_gpt2_says_in_llama_cpp_what_it_says_here(scale: float, tied: bool, model: Make, export: Any) -> None:
    source = model("gpt2", scale=scale, kv_heads=4, activation="gelu", tie_embeddings=tied)
    report = export(source, types=("F16", "Q8_0", "Q4_0"), keep_f16=("output", "ffn_down"))
    assert report["dropped"] == {}
    assert report["Q8_0"]["tensors"]["Q8_0"] == 6 + (not tied)


def test_what_no_row_fits_is_refused_with_what_does() -> None:
    with pytest.raises(PipelineError, match="Q4_K need rows that 256 divides; hidden_size is 128") as fault:
        refuse_types(("F16", "Q4_K"), {"hidden_size": 128}, section="export.gguf")
    assert fault.value.mend == "export.gguf.types=[F16], or model.hidden_size=256"
    refuse_types(("F16", "Q4_K"), {"hidden_size": 768}, section="export.gguf")


def test_without_its_package_a_type_is_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PipelineError, match="IQ4_NL are rounded by libgguf, which is not installed") as fault:
        refuse_types(("IQ4_NL", "Q4_0"), {}, section="export.gguf")
    assert fault.value.mend.startswith("export.gguf.types=[Q4_0]")
    refuse_types(("F16", "Q4_0"), {}, section="export.gguf")

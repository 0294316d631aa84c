"""`make verify` finds a flipped bit anywhere in what each format's own export wrote."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.verify import EXPORTS, verify
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.cache import listing_of
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import write_json
from pipeline.core.seed import stream
from pipeline.export import compressed_folder, gguf_files, onnx_folder, transformers_folder
from pipeline.export.compressed_folder import Compressed
from pipeline.export.gguf_files import Gguf
from pipeline.export.onnx_folder import Onnx
from pipeline.export.parity import Bounds, WeightBounds
from tests.export.conftest import AT, FOLDER, SAMPLING
from tests.web_model import LESSONS, web_model

ASKED: dict[str, Any] = {"strings": 20, "rows": 1, "sampling": SAMPLING, "seed": 1}
STEERED: dict[str, Any] = ASKED | {"calibration_rows": 0, "on_failure": "fail"}
LOOSE = Bounds(row_error=9, mean_logit=9, kl=9)
GGUF = Gguf(name="tiny", types=("F16", "Q4_0"), keep_f16=(), threads=1, bounds=LOOSE, **STEERED)
COMPRESSED = Compressed(types=("int4", "w8a8"), group_size=32, bounds=WeightBounds(row_error=9, kl=9), **STEERED)
ONNX = Onnx(types=("fp32", "q4"), threads=1, openvino=False, bounds=onnx_folder.Bounds(mean_logit=9, kl=9), **STEERED)


def web(target: Exports) -> None:
    with target.writing() as draft:
        write_json(draft.path / "model.json", web_model()[1])
        write_json(draft.path / "lessons.json", LESSONS)


@pytest.fixture(scope="module")
def clone(model: Callable[..., Model], tokens: Tokens, split: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/export/<format> of each format, made of one model."""
    folder, source = tmp_path_factory.mktemp("clone"), model("qwen3")
    words: dict[str, Any] = {"tokens": tokens, "split": split, "bill": {"model": source.digest}}

    def at(name: str) -> Exports:
        return Exports(folder / EXPORTS / name)

    transformers_folder.export(source, at("transformers"), settings=replace(FOLDER, strings=20, rows=1), section=AT, **words)
    gguf_files.export(source, at("gguf"), settings=GGUF, section="export.gguf", **words)
    compressed_folder.export(source, at("compressed"), settings=COMPRESSED, section="export.compressed", **words)
    onnx_folder.export(source, at("onnx"), settings=ONNX, section="export.onnx", **words)
    web(at("web"))
    return folder


@pytest.mark.parametrize("name", ["transformers", "gguf", "compressed", "onnx", "web"])
def test_a_bit_flipped_anywhere_is_found(name: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each file: the first byte, some of the header and of the rest by lot, the last."""
    monkeypatch.chdir(clone)
    folder = EXPORTS / name
    md5 = hashlib.md5(listing_of(folder), usedforsecurity=False).hexdigest() + ".dir"
    lock = {f"export@{name}": {"deps": [], "outs": [{"path": folder.as_posix(), "md5": md5}]}}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(list(verify(folder, lock))) >= len(files) - 1
    for path in files:
        content, lots = path.read_bytes(), stream(1, str(path))
        header, rest = lots.integers(min(400, len(content)), size=3), lots.integers(len(content), size=3)
        for place in {0, *header.tolist(), *rest.tolist(), len(content) - 1}:
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << int(lots.integers(8))]) + content[place + 1 :])
            with pytest.raises((PipelineError, ArtifactError)):
                list(verify(folder, lock))
        path.write_bytes(content)
    assert list(verify(folder, lock))

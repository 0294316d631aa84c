"""A flipped byte anywhere in an exported folder is found, also in a copy, also where the manifest was made to fit."""

import hashlib
import shutil
from pathlib import Path

import pytest

from apps import verify as app
from apps.verify import bill_of_file, verify
from pipeline.core import manifest
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.cache import listing_of
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.files import write_json
from pipeline.core.seed import stream


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """data/align/dpo, data/export/gguf made of it, and what dvc.lock says of both."""
    monkeypatch.chdir(tmp_path)
    with Model("data/align/dpo").writing() as draft:
        (draft.path / "model.safetensors").write_bytes(b"weights")
    with Exports("data/export/gguf").writing() as draft:
        (draft.path / "model-Q8_0.bin").write_bytes(stream(1, "bytes").bytes(4000))
        write_json(draft.path / "config.json", {"scriptorium": {"model": Model("data/align/dpo").digest}})
    md5 = hashlib.md5(listing_of(Path("data/export/gguf")), usedforsecurity=False).hexdigest() + ".dir"
    deps = [{"path": "data/align/dpo", "md5": "0" * 32}]
    made = {"deps": [{"path": "plan/code/align/dpo.json", "md5": "abc" * 11}] * 2, "outs": []}
    return {"export@gguf": {"deps": deps, "outs": [{"path": "data/export/gguf", "md5": md5}]}, "align@dpo": made}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


def test_what_is_whole_is_told_with_what_it_is_made_of(lock: dict[str, object]) -> None:
    told = list(verify(Path("data/export/gguf"), lock))
    assert len(told) == 3
    assert "is data/align/dpo, made from plan/code/align/dpo.json abcabcabcabc, with the settings" in told[1], "each once"


@pytest.mark.parametrize("place", [0, 1999, -1])
@pytest.mark.parametrize("name", ["model-Q8_0.bin", "config.json", manifest.NAME])
def test_a_flipped_byte_is_found_wherever_it_is(name: str, place: int, lock: dict[str, object]) -> None:
    folder = Path("data/export/gguf")
    flip(folder / name, place)
    with pytest.raises((PipelineError, ArtifactError)):
        list(verify(folder, lock))
    with pytest.raises((PipelineError, ArtifactError)):
        list(verify(folder / "model-Q8_0.bin", lock))


def test_a_copy_elsewhere_is_known_by_its_bytes_and_a_damaged_one_by_its_name(lock: dict[str, object], tmp_path: Path) -> None:
    shutil.copyfile("data/export/gguf/model-Q8_0.bin", tmp_path / "copy.bin")
    (told,) = verify(tmp_path / "copy.bin", lock)
    assert told.endswith("the bytes of data/export/gguf/model-Q8_0.bin, as its manifest and dvc.lock say")
    other = tmp_path / "model-Q8_0.bin"
    (tmp_path / "copy.bin").rename(other)
    flip(other, 17)
    with pytest.raises(PipelineError, match=r"has other bytes than the model-Q8_0\.bin that data/export/gguf") as fault:
        list(verify(other, lock))
    assert fault.value.mend == "a new copy of data/export/gguf/model-Q8_0.bin"


def test_a_manifest_that_was_made_to_fit_does_not_help(lock: dict[str, object]) -> None:
    folder = Path("data/export/gguf")
    flip(folder / "model-Q8_0.bin", 5)
    manifest.seal(folder, "exports", {})
    with pytest.raises(PipelineError, match=r"is not the folder that dvc\.lock names") as fault:
        list(verify(folder, lock))
    assert fault.value.mend == ".venv/bin/dvc checkout data/export/gguf"


def test_a_bill_of_another_model_is_noticed(lock: dict[str, object]) -> None:
    (Path("data/align/dpo/model.safetensors")).write_bytes(b"others")
    manifest.seal(Path("data/align/dpo"), "model", {})
    with pytest.raises(PipelineError, match="the bill names the model"):
        list(verify(Path("data/export/gguf/config.json"), lock))


def test_a_file_of_no_export_is_said_to_be_none(lock: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.txt").write_text("x")
    assert bill_of_file(tmp_path / "x.txt") == {}
    with pytest.raises(PipelineError, match="none of the files"):
        list(verify(tmp_path / "x.txt", lock))
    monkeypatch.setattr("sys.argv", ["verify", "data/export/gguf"])
    with pytest.raises(SystemExit, match=r"verify: dvc\.lock is not there"):
        app.main()

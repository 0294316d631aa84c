"""What was compiled from one source is never used for another."""

import os
from pathlib import Path

from pipeline.core import compiled


def test_another_source_beside_a_kernel_is_another_folder_and_others_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    package = tmp_path / "pipeline"
    for folder in ("core", "text", "train"):
        (package / folder).mkdir(parents=True)
    kernel, constants, plain = package / "text" / "scan.py", package / "text" / "bits.py", package / "train" / "loop.py"
    kernel.write_text("from pipeline.core.kernel import kernel\n\n\n@kernel\ndef scan(): ...\n")
    constants.write_text("MAIL = 1\n")
    plain.write_text("one = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(package / "core" / "compiled.py"))

    def folder() -> Path:
        compiled.keep_compiled(tmp_path / "numba")
        return Path(os.environ["NUMBA_CACHE_DIR"])

    first = folder()
    assert first.parent == tmp_path / "numba"
    plain.write_text("one = 2\n")
    assert folder() == first
    constants.write_text("MAIL = 2\n")
    second = folder()
    kernel.write_text(kernel.read_text() + "# a helper that another file's kernel calls\n")
    assert len({first, second, folder()}) == 3

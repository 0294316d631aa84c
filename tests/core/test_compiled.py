"""What was compiled from one source is never used for another."""

import os
from pathlib import Path

from pipeline.core import compiled


def test_another_source_is_another_folder_and_only_files_with_kernels_count(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    package = tmp_path / "pipeline"
    (package / "core").mkdir(parents=True)
    kernel, plain = package / "kernels.py", package / "plain.py"
    kernel.write_text("from pipeline.core.kernel import kernel\n")
    plain.write_text("one = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(package / "core" / "compiled.py"))

    def folder() -> Path:
        compiled.keep_compiled(tmp_path / "numba")
        return Path(os.environ["NUMBA_CACHE_DIR"])

    first = folder()
    assert first.parent == tmp_path / "numba"
    plain.write_text("one = 2\n")
    assert folder() == first
    kernel.write_text("from pipeline.core.kernel import kernel  # a helper that another file's kernel calls\n")
    assert folder() != first

"""Rules for reading dialogues."""

from pipeline.text.dialogues.files import Duplicates, FileRules


def rules(max_bad_fraction: float = 1.0, duplicates: Duplicates = "keep", *, required: bool = True) -> FileRules:
    """Those of conf/, with some of a test's own."""
    return FileRules(text_column="text", required=required, max_bad_fraction=max_bad_fraction, duplicates=duplicates)

"""Rules for reading dialogues."""

from pipeline.text.dialogues.files import Duplicates, FileRules
from pipeline.text.dialogues.rankings import RankedPairs


def rules(
    max_bad_fraction: float = 1.0, duplicates: Duplicates = "keep", *, required: bool = True, ranked_pairs: RankedPairs = "all"
) -> FileRules:
    """Those of conf/, with some of a test's own."""
    return FileRules(
        text_column="text", required=required, max_bad_fraction=max_bad_fraction, duplicates=duplicates, ranked_pairs=ranked_pairs
    )

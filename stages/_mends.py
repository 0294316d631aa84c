"""A mend as a whole command: what goes on from what is applied."""

import re
import shlex

from pipeline.core.errors import PipelineError

_WORD = re.compile(r"[a-z_][\w.]*=(?:\[[\w.,/-]*\]|[\w./:@+-]+)")
_PLACEHOLDER = re.compile(r"=.*\b[A-Z]{3,}\b")  # corpus.path=FOLDER
_END = re.compile(r", or |; | \(| or |, ")


def in_full(fault: PipelineError) -> str:
    """The error with its mend; where that names values, also the command that sets them and goes on: `dvc exp run -S` starts from conf/."""
    words = _END.split(fault.mend, maxsplit=1)[0].split()
    if not words or not all(_WORD.fullmatch(word) and not _PLACEHOLDER.search(word) for word in words):
        return str(fault)
    return f"{fault}\n  go on from here: make repro SET={shlex.quote(' '.join(words))}"

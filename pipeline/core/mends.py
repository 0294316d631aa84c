"""A mend that names values, as the whole command that sets them."""

import re
import shlex
from collections.abc import Sequence

WORD = re.compile(r"[a-z_][\w.]*=(?:\[[\w.,/-]*\]|[\w./:@+-]+)")
_PLACEHOLDER = re.compile(r"=.*\b[A-Z]{3,}\b")  # corpus.path=FOLDER
_END = re.compile(r", or |; | \(| or |, ")
_COMMAND = re.compile(r"make repro SET=('[^']*'|\S+?)(?=,|;|$| )")


def command_of(mend: str, given: Sequence[str] = ()) -> str | None:
    """The command of a mend that begins with words, KEY=VALUE; with those that were `given` and are not applied. None where it has none."""
    words = _END.split(mend, maxsplit=1)[0].split()
    if not words or not all(WORD.fullmatch(word) and not _PLACEHOLDER.search(word) for word in words):
        return None
    return _set(words, given)


def with_given(mend: str, given: Sequence[str]) -> str:
    """The mend, whose command `make repro SET=…` says the given words too."""
    return _COMMAND.sub(lambda found: _set(shlex.split(shlex.split(found[1])[0]), given), mend) if given else mend


def _set(words: Sequence[str], given: Sequence[str]) -> str:
    said = {word.partition("=")[0].lstrip("+~"): word for word in [*given, *words]}  # of one key the mend
    return f"make repro SET={shlex.quote(' '.join(map(_quoted, said.values())))}"


def _quoted(word: str) -> str:
    """As SET is parted again."""
    return word if WORD.fullmatch(word) else shlex.quote(word)

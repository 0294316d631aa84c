"""A mend that names values, as the whole command that sets them."""

import re
import shlex
from collections.abc import Iterable, Sequence

_KEY, _BARE = r"[a-z_][\w.]*=", r"\[[\w.,/-]*\]|[\w./:@+-]+"
WORD = re.compile(rf"{_KEY}(?:{_BARE})")
_WORDS = re.compile(rf"{_KEY}(?:{_BARE}|'[^']*')(?: {_KEY}(?:{_BARE}|'[^']*'))*")
_PLACEHOLDER = re.compile(r"=.*\b[A-Z]{3,}\b")  # corpus.path=FOLDER
_END = re.compile(r", or |; | \(| or |, ")
_COMMAND = re.compile(r"make repro SET=('[^']*'|\S+?)(?=,|;|$| )")
_ODD = re.compile(r"[\"$`\\!]")  # means something in double quotes


def words_of(mend: str) -> list[str]:
    """The words, KEY=VALUE, that a mend begins with; none where it begins otherwise, or a value is left to the reader."""
    first = _END.split(mend, maxsplit=1)[0]
    return shlex.split(first) if _WORDS.fullmatch(first) and not _PLACEHOLDER.search(first) else []


def command_of(mend: str, given: Sequence[str] = ()) -> str | None:
    """The command of a mend that begins with words; with those that were `given` and are not applied. None where it has none."""
    return command(words, given) if (words := words_of(mend)) else None


def command(words: Sequence[str], given: Sequence[str] = ()) -> str:
    """What sets the words, and those that were `given`; of one key the last."""
    said = {word.partition("=")[0].lstrip("+~"): word for word in [*given, *words]}
    text = " ".join(map(_quoted, said.values()))
    doubly = "'" in text and not _ODD.search(text)
    return "make repro SET=" + (f'"{text}"' if doubly else shlex.quote(text))


def with_given(mend: str, given: Sequence[str]) -> str:
    """The mend, whose command `make repro SET=…` says the given words too."""
    return _COMMAND.sub(lambda found: command(shlex.split(shlex.split(found[1])[0]), given), mend) if given else mend


def together(mends: Iterable[str]) -> str:
    """Several mends as one: what is words alone stands first, and makes one command."""
    different = list(dict.fromkeys(mends))
    words = [mend for mend in different if _WORDS.fullmatch(mend)]
    return "; ".join(filter(None, [" ".join(words), *(mend for mend in different if mend not in words)]))


def _quoted(word: str) -> str:
    """As SET is parted again."""
    return word if WORD.fullmatch(word) else shlex.quote(word)

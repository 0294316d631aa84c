"""What mends a setting that can't be used: the value that conf/ has, as a word; of a file of conf/ that a hand has changed, that file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError
from pipeline.core.merge import ABSENT, same
from stages._settings import SettingsFault
from stages._words import CONF, LISTS, absolute, composed_by, differences, flow, found_at, key_of, unresolved_by

UNKNOWN = "Unexpected keyword"  # what pydantic says of a key that nobody reads, whose value is nobody's either
LONGEST = 120  # characters of a word: a list of rules is brought back as a file
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def mended(faults: Sequence[PipelineError], settings: Mapping[str, Any]) -> list[PipelineError]:
    """The faults; those of single settings as one, about the key that a person sets, from which others may be taken, and with mends that
    are commands: `split.val=0.05`, `git checkout conf/split/default.yaml`."""
    told = {key: said for fault in faults if isinstance(fault, SettingsFault) for key, said in fault.told.items()}
    others = [fault for fault in faults if not isinstance(fault, SettingsFault)]
    return [_Conf(settings).mended(told), *others] if told else others


class _Conf:
    """conf/ with the lists of entries that are chosen, beside the settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        words = [f"{group}=[{','.join(settings[group])}]" for group in LISTS if isinstance(settings.get(group), Mapping)]
        try:
            self._values, self._written = composed_by(words), unresolved_by(words)
        except PipelineError:  # an entry without a file
            self._values, self._written = composed_by([]), unresolved_by([])

    def mended(self, told: Mapping[str, tuple[str, Any]]) -> PipelineError:
        lines, words, commands = list[str](), list[str](), list[str]()
        for key, (said, value) in told.items():
            source = key if UNKNOWN in said else self._source(key, value)
            lines.append(f"{source}{said}")
            for mend in self._mends(source, said, value):
                (words if "=" in mend.partition(" ")[0] else commands).append(mend)
        parts = [" ".join(dict.fromkeys(words)), *dict.fromkeys(commands)]
        return PipelineError("\n  ".join([SettingsFault.head, *dict.fromkeys(lines)]), mend="; ".join(filter(None, parts)))

    def _source(self, key: str, value: Any) -> str:
        """The key from which a value is taken, while it is."""
        written = found_at(self._written, key.split("."))
        found = _REFERENCE.fullmatch(written) if isinstance(written, str) else None
        if not found:
            return key
        above = ".".join(absolute(found[1], key.split(".")))
        return self._source(above, value) if same(found_at(self._settings, above.split(".")), value) else key

    def _mends(self, key: str, said: str, value: Any) -> list[str]:
        """Words, or a command; where none is known, what is to be done."""
        keys = key.split(".")
        default, unknown = found_at(self._values, keys), [f"correct {key} in conf/ or on the command line"]
        if isinstance(value, Mapping) and isinstance(default, Mapping):  # values that don't go together
            others = [word for word in differences(value, default, f"{key}.") if not word.startswith(("~", "+"))]
            named = [word for word in others if re.search(rf"\b{key_of(word).rpartition('.')[2]}\b", said)]
            return named or (unknown if others else self._checkout(keys) or unknown)
        if default is ABSENT:
            place = [f"correct {key} in {path}" for path in self._said_in(keys)][:1] if UNKNOWN in said else []
            return place or next(([f"{key}={flow(other)}"] for other in self._elsewhere(keys) if not same(other, value)), unknown)
        word = f"{key}={flow(default)}"
        return (self._checkout(keys) or unknown) if same(default, value) or len(word) > LONGEST else [word]

    def _elsewhere(self, keys: Sequence[str]) -> Iterator[Any]:
        """The values of a key in the other files of its group."""
        for _, content in _files(CONF / keys[0]):
            value = found_at(content, keys[1:])
            if value is not ABSENT and not (isinstance(value, str) and "${" in value):
                yield value

    def _checkout(self, keys: Sequence[str]) -> list[str]:
        """The file of conf/ that says a value, as git has it."""
        return [f"git checkout {path}" for path in self._said_in(keys)][:1]

    def _said_in(self, keys: Sequence[str]) -> Iterator[Path]:
        """The files of conf/ that say a value, those of its section first."""
        return (path for folder in (CONF / keys[0], CONF) for path, content in _files(folder) if _says(content, keys))


def _says(content: Any, keys: Sequence[str]) -> bool:
    """Whether a file of the section, or one of all sections, has a key."""
    return found_at(content, keys[1:] or keys) is not ABSENT or found_at(content, keys) is not ABSENT


def _files(folder: Path) -> Iterator[tuple[Path, Any]]:
    for path in sorted(folder.rglob("*.yaml")):
        try:
            yield path, yaml.safe_load(path.read_bytes())
        except yaml.YAMLError:  # told by who composes
            continue

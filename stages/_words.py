"""What a run is told beyond the defaults of conf/, as the words of a command line: groups and values that give it again."""

import argparse
import json
import re
import shlex
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError
from pipeline.core.files import write_text
from pipeline.core.merge import ABSENT, same
from pipeline.core.owned import remove_file
from stages._paths import expanded
from stages._settings import compose, plain
from stages._tasks import files_of

CONF = Path("conf")
LISTS = ("preferences", "align", "export")  # each entry is a file
GLOBAL = ("experiment", "size", "data")  # groups whose files reach into many sections
UNTOLD = ("hardware", "track")  # they change no result
MOST_WORDS = 12  # on the terminal
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_BARE = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_NO_TEXT = {"null", "true", "false", "nan", "inf", "yes", "no", "on", "off", "none", "~"}
_BEFORE_QUOTE = re.compile(r"\\+(?='|$)")  # only there a backslash means something to Hydra


def words_of(settings: Mapping[str, Any]) -> list[str]:
    """Few words that give these settings: `compose(words_of(settings))` are they.

    First the files of groups and the lists of entries that say several of the values at once, then the values that others are taken
    from, then what is left. A file is judged by its own lines, since to compose takes a quarter of a second.
    """
    words: list[str] = []
    composed = composed_by(words)
    for choose in (_global_files, _lists, _files):
        if more := list(choose(words, composed, settings)):
            words += more
            composed = composed_by(words)
    conf = unresolved_by(words)
    while rest := differences(composed, settings):
        keys = {key_of(word) for word in rest}
        free = [word for word in rest if not keys & set(_targets(conf, key_of(word)))]  # the others may follow from them
        words += free or rest
        if len(free) in (0, len(rest)):
            break
        composed = composed_by(words)
    return words


def differences(defaults: Mapping[str, Any], settings: Mapping[str, Any], at: str = "") -> list[str]:
    """KEY=VALUE of a value that differs from the default, +KEY=VALUE of a new one, ~KEY of one that is gone."""
    words = [f"~{at}{key}" for key in defaults if key not in settings]
    for key, value in settings.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            words += differences(default, value, f"{at}{key}.")
        elif key not in defaults or not same(value, default):
            words.append(f"{'' if key in defaults else '+'}{at}{key}={flow(value)}")
    return words


def key_of(word: str) -> str:
    """What a word sets: `corpus.path` of +corpus.path=DIR."""
    return word.partition("=")[0].lstrip("+~")


def applied(settings: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The settings with more words: they go on from what is applied, where `dvc exp run -S` starts from conf/ each time.

    Where a word chooses another file of a group, what was applied below it goes, and is told.
    """
    old = words_of(settings)
    anew = [word for word in words if _chooses(word) and word not in old]
    said = {key_of(word) for word in words}
    gone = [word for word in old if key_of(word) not in said and any(_is_below(key_of(word), one) for one in anew)]
    if gone:
        print(f"plan: no longer applied, since {' '.join(anew)} chooses anew: {' '.join(gone)}")
    kept = {key_of(word): word for word in [*(word for word in old if word not in gone), *words]}
    ordered = sorted(kept.values(), key=_chooses, reverse=True)  # a value may lie in a group
    return plain(compose(ordered))


def _chooses(word: str) -> bool:
    """Whether a word chooses a file of a group, or files for a list."""
    return (CONF / key_of(word)).is_dir()


def _is_below(key: str, choice: str) -> bool:
    """Whether what a key sets is set anew by the choice of a file, or of files for a list."""
    group, _, names = choice.partition("=")
    section = key.split(".")[0]
    if section == group:
        entries = names.strip("[]").split(",")
        if group == "tasks":
            entries = [entry for file in entries for entry in _content(CONF / group / f"{file}.yaml").get("tasks") or ()]
        return not names.startswith("[") or ("." in key and key.split(".")[1] not in entries)
    path = CONF / group / f"{names}.yaml"
    if group not in GLOBAL and not _reaches_out(path):
        return False
    content = _content(path)
    return section in _chosen(content) or any(".".join(keys) == key for keys, _ in _leaves(content, ()))


def told_words(settings: Mapping[str, Any]) -> list[str]:
    """The words that change a result."""
    return list(filter(_tells, words_of(settings)))


def _tells(word: str) -> bool:
    return key_of(word).split(".")[0] not in UNTOLD


def print_differences(settings: Mapping[str, Any]) -> list[str]:
    """Say what differs from conf/, for the next command, and give it; nothing where it can't be said."""
    try:
        words = told_words(settings)
    except PipelineError as fault:  # to say it is no reason to stop
        print(f"plan: this run differs from conf/, in words that can't be said: {fault.message}")
        return []
    if words:
        shown = " ".join(f"-S {shlex.quote(word)}" for word in words[:MOST_WORDS])
        rest = f" … and {len(words) - MOST_WORDS} more (dvc params diff)" if len(words) > MOST_WORDS else ""
        print(f"plan: this run differs from conf/ by {shown}{rest}")
    return words


def deviations(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each value that differs from conf/ with its default, for the report; as in a command line, a dash for one that is not there."""
    defaults = composed_by([])
    told, wanted = ({keys: value for keys, value in _leaves(tree, ()) if ".".join(keys[:1]) not in UNTOLD} for tree in (settings, defaults))
    changed = [keys for keys in {**wanted, **told} if keys not in told or keys not in wanted or not same(told[keys], wanted[keys])]
    return [
        {
            "key": ".".join(keys),
            "value": flow(told[keys]) if keys in told else "–",
            "default": flow(wanted[keys]) if keys in wanted else "–",
        }
        for keys in changed
    ]


def save(name: str, settings: Mapping[str, Any]) -> Path:
    """Write what is applied as conf/experiment/NAME.yaml. PipelineError where that says nothing, or is there already."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise PipelineError(f"{name!r} is no name of an experiment", mend="make save NAME=mine")
    path = CONF / "experiment" / f"{name}.yaml"
    if path.exists():
        raise PipelineError(f"{path} is there already", mend="another name: make save NAME=…, or remove that file")
    words = told_words(settings)
    if not words:
        raise PipelineError("nothing differs from conf/, so there is nothing to keep", mend="make repro SET='sft.duration=500 …' first")
    groups = list(filter(_chooses, words))
    values: dict[str, Any] = {}
    for word in words:
        if word.startswith("~"):
            raise PipelineError(f"{word} can't be said in a file of conf/experiment/", mend="choose another file of its group, or empty it")
        if word not in groups:
            _put(values, keys := key_of(word).split("."), found_at(settings, keys))
    defaults = [{f"override /{key_of(word)}": yaml.safe_load(word.partition("=")[2])} for word in groups]
    content = ({"defaults": defaults} if defaults else {}) | values
    head = f"# @package _global_\n# Kept from what was applied: -S experiment={name}\n"
    write_text(path, head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    if lost := list(filter(_tells, differences(plain(compose([f"experiment={name}"])), settings))):
        remove_file(path)
        raise PipelineError(f"a file of conf/experiment/ can't say {', '.join(lost[:MOST_WORDS])}", mend="dvc exp run -S with these words")
    return path


def _global_files(words: Sequence[str], composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """Files that set values of many sections. They choose other files too, so they are tried."""
    chosen, rest = list(words), differences(composed, settings)
    others = sorted({path.parent.name for path in CONF.glob("*/*.yaml") if _reaches_out(path)} - {*GLOBAL})
    for group in (*GLOBAL, *others):
        if len(rest) < 2:
            return  # the file's own word would be as long a way to say it
        paths = [path for path in (CONF / group).glob("*.yaml") if group in GLOBAL or _reaches_out(path)]
        files = [path.stem for path in paths if _may_help(_content(path), composed, settings)]
        left = {word: differences(composed_by([*chosen, word]), settings) for word in (f"{group}={file}" for file in files)}
        if group == "experiment":  # one that brings an entry which the run has not is another experiment
            left = {word: more for word, more in left.items() if not any(one.startswith("~") for one in {*more} - {*rest})}
        best = min(sorted(left), key=lambda word: len(left[word]), default=None)
        if best is not None and len(left[best]) + 1 < len(rest) and not _of_one_section({*rest} - {*left[best]}, composed, settings):
            chosen, rest = [*chosen, best], left[best]
            yield best


def _may_help(content: Mapping[str, Any], composed: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a global file may spare words: it mends a value that is wrong so far, or chooses files for a section that is."""

    def mends(keys: Sequence[str], value: Any) -> bool:
        wanted = found_at(settings, keys)
        elsewhere = isinstance(value, str) and "${" in value
        return wanted is not ABSENT and (elsewhere or same(value, wanted)) and not same(found_at(composed, keys), wanted)

    wrong = {group for group in _chosen(content) if not same(composed.get(group), settings.get(group))}
    return bool(wrong) or any(mends(keys, value) for keys, value in _leaves(content, ()))


def _reaches_out(path: Path) -> bool:
    """Whether a file, of whatever group, chooses those of other groups."""
    return path.is_file() and "- override /" in path.read_text(encoding="utf-8")


def _chosen(content: Mapping[str, Any]) -> set[str]:
    """The groups that a global file chooses files for: `pretrain` of `override /pretrain: adamw`."""
    return {name.partition("/")[2] for entry in content.get("defaults", ()) if isinstance(entry, Mapping) for name in entry}


def _content(path: Path) -> dict[str, Any]:
    """What a file of conf/ holds; nothing where there is none."""
    return (yaml.safe_load(path.read_bytes()) if path.is_file() else None) or {}


def _of_one_section(said: Set[str], composed: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether all these words are about one section, and a file of that says them as well."""
    sections = {key_of(word).split(".")[0] for word in said}
    return len(sections) == 1 and any((CONF / one).is_dir() and any(_best(one, composed, settings)) for one in sections)


def _lists(words: Sequence[str], composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """The entries of preferences, align, export: each is a file. Those of tasks: a file may have several."""
    for group, entries in settings.items():
        others = isinstance(entries, Mapping) and group in LISTS and set(entries) != set(composed.get(group, ()))
        if others and all((CONF / group / f"{entry}.yaml").is_file() for entry in entries):
            yield f"{group}=[{','.join(entries)}]"
    asked, usual = settings.get("tasks", {}), composed.get("tasks", {})
    if list(asked) != list(usual) and (files := files_of(asked)) != files_of(usual):  # by names alone, and all files are read for it
        yield f"tasks=[{','.join(files)}]"


def _files(words: Sequence[str], composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    for group, section in settings.items():
        if (CONF / group).is_dir() and not same(section, composed.get(group)):
            yield from _best(group, composed, settings)


def composed_by(words: Sequence[str]) -> Mapping[str, Any]:
    """The settings that words give, to be read only. A table of experiments asks for the same ones again and again."""
    return _composed_from(_files_of_conf(), tuple(words), resolve=True)


def unresolved_by(words: Sequence[str]) -> Mapping[str, Any]:
    """The same with ${...} where a value is taken from another one."""
    return _composed_from(_files_of_conf(), tuple(words), resolve=False)


def _files_of_conf() -> Hashable:
    return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(CONF.resolve().rglob("*.yaml")))


@lru_cache(maxsize=64)
def _composed_from(files: Hashable, words: tuple[str, ...], *, resolve: bool) -> Mapping[str, Any]:
    """As long as the files of conf/ are these."""
    return plain(compose(words, resolve=resolve), resolve=resolve)


def _targets(conf: Any, key: str) -> Iterator[str]:
    """The keys from which the value at a key is taken."""
    keys = key.split(".")
    for depth in range(1, len(keys) + 1):
        value = found_at(conf, keys[:depth])
        if isinstance(value, str):
            yield from (".".join([*absolute(target, keys[:depth]), *keys[depth:]]) for target in _REFERENCE.findall(value))


def absolute(target: str, at: Sequence[str]) -> list[str]:
    """The keys of a reference that stands `at` some; one dot before it is the mapping that it stands in, each more the one around."""
    name = target.lstrip(".")
    up = len(target) - len(name)
    return [*(at[:-up] if up else ()), *name.split(".")]


def _best(group: str, composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """The file of a section that spares most of what is still to say, if that is more than its own word."""
    gains = {path.stem: _gain(path, composed, settings) for path in sorted((CONF / group).glob("*.yaml"))}
    best = max(gains, key=gains.__getitem__, default=None)
    if best is not None and gains[best] > len(word := f"{group}={best}"):
        yield word


def _gain(path: Path, composed: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Characters of the words that the file spares: for values that are wrong so far and right in it, less for the other way round."""
    text = path.read_text(encoding="utf-8")
    gain = 0
    for keys, value in _leaves(yaml.safe_load(text) or {}, (path.parent.name,)):
        if isinstance(value, str) and "${" in value:
            continue
        wanted, so_far = found_at(settings, keys), found_at(composed, keys)
        if wanted is not ABSENT and same(value, wanted) != same(so_far, wanted):
            gain += len(f"{'.'.join(keys)}={flow(wanted)}") * (1 if same(value, wanted) else -1)
    return gain


def _leaves(tree: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            if not (key == "defaults" and isinstance(value, list)):
                yield from _leaves(value, (*keys, str(key)))
    else:
        yield keys, tree


def found_at(settings: Any, keys: Sequence[str]) -> Any:
    """What lies there, or ABSENT."""
    for key in keys:
        if not isinstance(settings, Mapping) or key not in settings:
            return ABSENT
        settings = settings[key]
    return settings


def flow(value: Any) -> str:
    """As Hydra reads it on a command line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(flow, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if _BARE.fullmatch(value) and value.lower() not in _NO_TEXT:
        return value
    return "'" + _BEFORE_QUOTE.sub(lambda found: 2 * found[0], value).replace("'", "\\'") + "'"


def _put(tree: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
    tree[keys[-1]] = value


def arguments() -> argparse.Namespace:
    """What the command line of the plan says; a folder of one's own becomes words."""
    parser = argparse.ArgumentParser(prog="python -m stages.plan", description="Compose conf/ into params.yaml and check it.")
    parser.add_argument("--params", action="store_true", help="only bring params.yaml up to conf/ and the words")
    parser.add_argument("--check", action="store_true", help="write nothing: what would run and all faults of it, as JSON")
    parser.add_argument("--reset", action="store_true", help="drop an applied experiment")
    parser.add_argument("--save", metavar="NAME", help="write what is applied as conf/experiment/NAME.yaml")
    parser.add_argument("--data", metavar="DIR", default="", help="a folder, or a file, of your own text and dialogues")
    parser.add_argument("words", nargs="*", help="KEY=VALUE or GROUP=FILE, on top of what is applied")
    parser.add_argument("--set", metavar="WORDS", default="", help="words in one text, as a shell would part them")
    options = parser.parse_args()
    try:
        options.words += shlex.split(options.set)
    except ValueError as fault:
        closed = """SET="KEY='A VALUE' GROUP=FILE", each quote closed"""
        raise PipelineError(f"SET={options.set} can't be parted into words: {fault}", mend=closed) from fault
    if options.data:
        options.words = ["data=own", f"data.path={flow(expanded(options.data))}", *options.words]
    return options

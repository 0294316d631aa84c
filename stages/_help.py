"""What `python -m stages.X --help` and `--cfg` print: the stage, each key of its section with its comment; the resolved section."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.core.errors import PipelineError
from stages._settings import compose, plain

if TYPE_CHECKING:
    from stages._run import Stage

_KEY = re.compile(r"^(?P<indent> *)(?:- )?(?P<key>[\w.]+):(?P<value>[^#]*)(?:# ?(?P<comment>.*))?$")
_ORIGIN = re.compile(r"\$\{(\w[\w.]*)\}")
_WIDTH = 44


def show(stage: "Stage", words: Sequence[str]) -> None:
    """Print what was asked for. `-m` is Hydra's, and its sweeps are DVC's here."""
    if {"-m", "--multirun"} & set(words):
        sys.exit("a stage runs once\n  mend: dvc exp run --queue -S 'KEY=A,B', then make queue")
    bare = [word for word in words if "=" not in word and not word.startswith("-")]
    entries = [word for word in bare if word != "job"]  # --cfg job, as Hydra writes it
    try:
        settings = plain(compose([word for word in words if "=" in word]))
        entry = stage.chosen(settings, entries)
    except PipelineError as fault:
        sys.exit(str(fault))
    print(as_yaml(stage.section(settings, entry)) if "--cfg" in words else "\n".join(page(stage, settings, entry, words)))


def page(stage: "Stage", settings: Mapping[str, Any], entry: str | None, words: Sequence[str]) -> Iterator[str]:
    """The stage's docstring, how it is called, and the keys that it is told with their values and comments."""
    module = ".".join(("stages", *stage.path))
    yield str(sys.modules[stage.recipe.__module__].__doc__).strip()
    yield ""
    yield f"python -m {module}{' ENTRY' * (entry is not None)} [KEY=VALUE ...]   --cfg prints the section as it would run"
    yield f"python -m dvc exp run -S KEY=VALUE{' ' * 8}runs the pipeline with it"
    yield ""
    at = stage.at(entry)
    entry_alone = at != stage.group
    own = settings[stage.group][entry] if entry_alone else settings[stage.group]
    files = [Path("conf", stage.group, f"{entry}.yaml"), Path("conf/method", f"{own.get('method')}.yaml")]
    known = comments_of(files if entry_alone else ways(stage.group, words), at)
    for name in stage.shared:
        known |= comments_of(ways(name, words), name)
    for key, value in leaves({at: own, **{name: settings[name] for name in stage.shared}}):
        head, comment = f"  {key}={value}", known.get(key, "")
        yield f"{head:<{_WIDTH}}  {comment}".rstrip() if len(head) <= _WIDTH or not comment else f"{head}\n{'':<{_WIDTH}}  {comment}"


def ways(group: str, words: Sequence[str] = ()) -> list[Path]:
    """The files of a group, those in force first: by conf/config.yaml or by the command line."""
    chosen = in_force() | {key: yaml.safe_load(value) for key, value in (word.split("=", 1) for word in words if "=" in word)}
    first = chosen.get(group)
    named = first if isinstance(first, list) else [first]
    return sorted(Path("conf", group).glob("*.yaml"), key=lambda path: (path.stem not in named, path))


def in_force() -> dict[str, Any]:
    """The file of each group by conf/config.yaml; of a list, its files."""
    defaults = yaml.safe_load(Path("conf/config.yaml").read_text(encoding="utf-8"))["defaults"]
    return {str(group): file for entry in defaults if isinstance(entry, dict) for group, file in entry.items()}


def leaves(section: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value as it is written on a command line)."""
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{key}.")
        else:
            text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).removesuffix("...\n").strip()
            yield f"{at}{key}", text if len(text) <= 60 else f"{text[:57]}..."


def comments_of(files: Sequence[Path], at: str) -> dict[str, str]:
    """The comments of the keys under `at`; the first file that has one says it.

    A value that is taken from elsewhere (${budget.max_length}, ${model}) and has no comment has that of its origin.
    """
    found: dict[str, str] = {}
    for path in files:
        for key, value, comment in _keys(path):
            name, said = key if key.startswith(f"{at}.") else f"{at}.{key}", comment
            origin = _ORIGIN.fullmatch(value)
            group, _, inner = origin[1].partition(".") if origin else ("", "", "")
            if origin and group != at.partition(".")[0]:  # else it is said here
                theirs = comments_of(ways(group), group)
                said = comment or theirs.get(origin[1], "")
                if not inner:
                    found = {f"{name}{one.removeprefix(group)}": words for one, words in theirs.items()} | found
            if said:
                found.setdefault(name, said)
    return found


def _keys(path: Path) -> Iterator[tuple[str, str, str]]:
    """(dotted key, value, comment) of each line of a file."""
    above: list[tuple[int, str]] = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for match in filter(None, map(_KEY.match, lines)):
        indent = len(match["indent"])
        above = [(depth, key) for depth, key in above if depth < indent] + [(indent, match["key"])]
        yield ".".join(key for _, key in above), match["value"].strip(), (match["comment"] or "").strip()


def as_yaml(section: Mapping[str, Any]) -> str:
    """The section as it would stand in conf/."""
    return yaml.safe_dump(dict(section), sort_keys=False, allow_unicode=True, width=120).rstrip()


def groups() -> Iterator[str]:
    """The groups of conf/ and their files, each with its first comment: `make groups`."""
    chosen = in_force()
    for folder in sorted(path for path in Path("conf").iterdir() if path.is_dir() and path.name not in ("local", "method")):
        for path in sorted(folder.glob("*.yaml")):
            lines = path.read_text(encoding="utf-8").splitlines()
            comments = [line[2:] for line in lines if line.startswith("# ") and "@package" not in line]
            name = f"{folder.name}=[{path.stem}]" if isinstance(chosen.get(folder.name), list) else f"{folder.name}={path.stem}"
            yield f"  {name:<28}{comments[0] if comments else ''}"


if __name__ == "__main__":
    print("\n".join(groups()))

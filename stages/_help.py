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
_WIDTH = 44
LISTS = ("align", "export", "tasks")  # groups of which several files are in force at once


def show(stage: "Stage", words: Sequence[str]) -> None:
    """Print what was asked for. `-m` is Hydra's, and its sweeps are DVC's here."""
    if {"-m", "--multirun"} & set(words):
        sys.exit("a stage runs once\n  mend: dvc exp run --queue -S 'KEY=A,B', then make queue")
    try:
        settings = plain(compose([word for word in words if "=" in word]))
        entry = stage.chosen(settings, [word for word in words if "=" not in word and not word.startswith("-")])
    except PipelineError as fault:
        sys.exit(str(fault))
    section = stage.section(settings, entry)
    print(as_yaml(section) if "--cfg" in words else "\n".join(page(stage, section, entry, words)))


def page(stage: "Stage", section: Mapping[str, Any], entry: str | None, words: Sequence[str]) -> Iterator[str]:
    """The stage's docstring, how it is called, and its keys with their values and comments."""
    module = ".".join(("stages", *stage.path))
    yield str(sys.modules[stage.recipe.__module__].__doc__).strip()
    yield ""
    yield f"python -m {module}{' ENTRY' * (entry is not None)} [KEY=VALUE ...]   --cfg prints the section as it would run"
    yield f"python -m dvc exp run -S KEY=VALUE{' ' * 8}runs the pipeline with it"
    yield ""
    at, chosen = stage.at(entry), files_in_force(words)
    own, shared = (comments_of(names, chosen) for names in ((stage.group, *stage.shared), ("method", "model", "budget")))
    comments = shared | own
    for key, value in leaves(section):
        head, comment = f"  {at}.{key}={value}", comments.get(key) or comments.get(key.split(".")[-1], "")
        yield f"{head:<{_WIDTH}}  {comment}".rstrip() if len(head) <= _WIDTH or not comment else f"{head}\n{'':<{_WIDTH}}  {comment}"


def files_in_force(words: Sequence[str]) -> dict[str, str]:
    """The file of each group, by conf/config.yaml or by the command line."""
    defaults = yaml.safe_load(Path("conf/config.yaml").read_text(encoding="utf-8"))["defaults"]
    chosen = {group: str(file) for entry in defaults if isinstance(entry, dict) for group, file in entry.items()}
    return chosen | dict(word.split("=", 1) for word in words if "=" in word)


def leaves(section: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value as it is written on a command line)."""
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{key}.")
        else:
            text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).removesuffix("...\n").strip()
            yield f"{at}{key}", text if len(text) <= 60 else f"{text[:57]}..."


def comments_of(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The comments of all keys in these groups, by dotted key and by the key alone; the files in force come first.

    A key whose value is taken from elsewhere (${...}) and has no comment is left to the group that it is taken from.
    """
    found: dict[str, str] = {}
    for name in names:
        for path in sorted(Path("conf", name).glob("*.yaml"), key=lambda path: (path.stem != chosen.get(path.parent.name), path.stem)):
            for key, comment in _comments(path.read_text(encoding="utf-8")):
                found[key] = found.get(key) or comment
    return found


def _comments(text: str) -> Iterator[tuple[str, str]]:
    above: list[tuple[int, str]] = []
    for match in filter(None, map(_KEY.match, text.splitlines())):
        indent = len(match["indent"])
        above = [(depth, key) for depth, key in above if depth < indent] + [(indent, match["key"])]
        if match["comment"] or "${" not in match["value"]:
            for key in (".".join(key for _, key in above), match["key"]):
                yield key, (match["comment"] or "").strip()


def as_yaml(section: Mapping[str, Any]) -> str:
    """The section as it would stand in conf/."""
    return yaml.safe_dump(dict(section), sort_keys=False, allow_unicode=True, width=120).rstrip()


def groups() -> Iterator[str]:
    """The groups of conf/ and their files, each with its first comment: `make groups`."""
    for folder in sorted(path for path in Path("conf").iterdir() if path.is_dir() and path.name != "local"):
        for path in sorted(folder.glob("*.yaml")):
            comments = [
                line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ") and "@package" not in line
            ]
            name = f"{folder.name}=[{path.stem}]" if folder.name in LISTS else f"{folder.name}={path.stem}"
            yield f"  {name:<28}{comments[0] if comments else ''}"


if __name__ == "__main__":
    print("\n".join(groups()))

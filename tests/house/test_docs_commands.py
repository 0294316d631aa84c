"""Every command in README.md, CONTRIBUTING.md and docs/ is one that works: targets, variables, settings, modules, flags, stages.

The log is left out: it tells what was run on its day. Those of extending.md are run by tests/smoke/test_extending.py, where what they name
has been added.
"""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml
from dvc.cli import parse_args
from dvc.cli.parser import DvcParserError
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from pipeline.core.errors import PipelineError
from tests.checkpoint import checkpoint
from tests.house.test_drawing_and_settings import BLOCKS, DEFAULT, GROUPS, LISTS, ROOT, composed, faults, leaves

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "log.md")]
GUIDES = ("README", "CONTRIBUTING", "own-text", "own-preferences", "working", "report", "devices", "scale")
# Programs that are not ours.
OTHERS = {
    "cd",
    "curl",
    "docker",
    "git",
    "hf",
    "llama-cli",
    "llama-server",
    "ollama",
    "pip",
    "ray",
    "sbatch",
    "sh",
    "trackio",
    "vllm",
    "wandb",
}  # not ours
SPAN = re.compile(r"`((?:make|dvc|(?:\.venv/bin/)?python -m|\.venv/bin/\w+)(?: [^`]*)?)`")
SETTING = re.compile(r"`(?:-S )?'?(~?[a-z_]+(?:\.[A-Za-z_0-9]+)*=[^` ]+)`")  # not +KEY: it is new
STANDS_FOR = re.compile(r"\b[A-Z][A-Z_0-9]+\b|…|\.\.\.|\bmine\b")  # a word of the reader's own
WIDE = {"size", "data", "experiment", "objective", "model", "tokenizer"}  # each changes what other sections may be
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\$[({]+(?:value )?([A-Z_]+)[)}]+", MAKEFILE))
OWN_TEXT = "data/input"
Overrides = tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A line of a page."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """As a shell splits them, without the comment, variables before the program, and where the output goes."""
        words = shlex.split(self.line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        end = next((place for place, word in enumerate(words) if word in (">", "|")), len(words))
        return words[: end - 1 if words[end - 1] == "-S" else end]  # `dvc exp run -S` speaks of the option

    @property
    def overrides(self) -> Overrides:
        """What it says to Hydra, ready to compose: the first value of a sweep, a folder for what the reader puts in."""
        words = self.words
        if words[0] == "make":
            words = [word for one in words[1:] if one.startswith("SET=") for word in one[4:].split()]
        elif "-m" in words and words[words.index("-m") + 1].startswith("stages."):
            words = words[words.index("-m") + 2 :]
        else:
            words = [words[place + 1] for place, word in enumerate(words[:-1]) if word in ("-S", "--set-param")]
        said = [word for word in words if "=" in word and not word.startswith("-")]
        return tuple(ready(word) for word in said if not STANDS_FOR.fullmatch(word.partition("=")[0]))


def ready(override: str) -> str:
    """One override as it can be composed."""
    key, _, value = override.partition("=")
    value = value if "[" in value or "{" in value else value.split(",")[0]
    place = checkpoint if key == "model.init_from" else lambda: OWN_TEXT
    return f"{STANDS_FOR.sub('one', key)}={STANDS_FOR.sub(lambda _: place(), value)}"


def commands_of(page: Path) -> Iterator[Command]:
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            parts = [part.strip() for part in line.split("&&")]
            yield from (Command(page.name, part) for part in parts if part and not part.startswith("#"))
    yield from (Command(page.name, line) for line in SPAN.findall(text) if line != "make")


COMMANDS = list(dict.fromkeys(command for page in PAGES if page.name != "extending.md" for command in commands_of(page)))


def fault_of(command: Command) -> str | None:
    """Why the command can't be run, settings apart."""
    program, *rest = command.words
    program = program.removeprefix(".venv/bin/")
    if program == "make":
        unknown = [word for word in rest if (word.split("=")[0] if "=" in word else word) not in (VARIABLES if "=" in word else TARGETS)]
        return f"make knows no {', '.join(unknown)}" if unknown else None
    if program == "dvc":
        return dvc_fault([word for word in rest if word not in ("…", "...")])
    if program.startswith("python"):
        return module_fault(rest[rest.index("-m") + 1], rest) if "-m" in rest else None
    return None if program in OTHERS or (ROOT / ".venv/bin" / program).exists() else f"unknown program {program}"


def dvc_fault(words: list[str]) -> str | None:
    try:
        told = parse_args(words)
    except (DvcParserError, SystemExit):
        return "dvc can't parse it"
    lists = {name.split("@")[0] for name in BLOCKS}
    targets = [name for name in getattr(told, "targets", None) or () if not STANDS_FOR.search(name)]
    unknown = [name for name in targets if name not in BLOCKS and name.split("@")[0] not in lists]
    return f"no stage {', '.join(unknown)}" if told.cmd in ("repro", "exp") and unknown else None


def module_fault(module: str, words: list[str]) -> str | None:
    if STANDS_FOR.search(module):
        return None
    if (found := importlib.util.find_spec(module)) is None or not found.origin:
        return f"no module {module}"
    if module.split(".")[0] not in ("apps", "benchmarks"):
        return None
    path = Path(found.origin).with_name("__main__.py") if found.submodule_search_locations else Path(found.origin)
    source = path.read_text(encoding="utf-8")
    shared = [ROOT / f"{one.replace('.', '/')}.py" for one in re.findall(r"^from (apps\.\w+) import", source, re.MULTILINE)]
    source += "".join(one.read_text(encoding="utf-8") for one in shared)  # options that several programs have
    unknown = [flag for word in words if (flag := word.split("=")[0]).startswith("--") and f'"{flag}"' not in source]
    return f"{module} has no {', '.join(unknown)}" if unknown else None


@cache
def settings_fault(overrides: Overrides) -> str | None:
    """Why these overrides can't be composed, or what the plan would complain of."""
    try:
        found = faults(composed(*overrides))
    except (HydraException, OmegaConfBaseException, PipelineError) as fault:
        return str(fault).splitlines()[0]
    return found[0] if found else None


def batches(every: set[Overrides]) -> list[list[Overrides]]:
    """The sets of overrides, those together that share no section; by itself what reaches into many."""
    together: list[tuple[set[str], list[Overrides]]] = []
    for overrides in sorted(every):
        sections = {override.lstrip("+~").partition("=")[0].split(".")[0] for override in overrides}
        where = next((one for one in together if not sections & WIDE and not one[0] & (sections | WIDE)), None)
        if where is None:
            together.append((sections, [overrides]))
        else:
            where[0].update(sections)
            where[1].append(overrides)
    return [found for _, found in together]


@cache
def every_key() -> frozenset[str]:
    """The dotted keys of all values in the files of conf/."""
    every = (f"{group}=[{','.join(path.stem for path in (ROOT / 'conf' / group).glob('*.yaml'))}]" for group in LISTS)
    known = {*leaves(DEFAULT), *leaves(composed(*every))}
    for path in (ROOT / "conf").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        keys = leaves(yaml.safe_load(text) or {})
        known |= {key if "@package _global_" in text else f"{path.parent.name}.{key}" for key in keys}
    return frozenset(".".join(key.split(".")[:depth]) for key in known for depth in range(1, key.count(".") + 2))


def setting_fault(setting: str) -> str | None:
    """Why a setting in the text is none: a group without that file, a key that nothing has."""
    key, _, value = setting.strip("'").partition("=")
    key = key.lstrip("~")
    if key.split(".")[0] not in {*DEFAULT, *GROUPS} or STANDS_FOR.search(key):
        return None  # another program's
    if (ROOT / "conf" / key).is_dir():
        files = [file for file in re.split(r"[|,]", value.strip("[]'")) if file and not STANDS_FOR.search(file)]
        missing = [file for file in files if not (ROOT / "conf" / key / f"{file}.yaml").is_file()]
        return f"conf/{key} has no {', '.join(missing)}" if missing else None
    return None if key in every_key() else f"no key {key}"


def test_every_guide_has_commands():
    assert {f"{name}.md" for name in GUIDES} <= {command.page for command in COMMANDS}
    assert {"make repro", "make chat", "make test"} <= {" ".join(one.words) for one in COMMANDS if one.page == "README.md"}


def test_every_command_names_targets_modules_flags_and_stages_that_are_there():
    assert [f"{one.page}: {one.line}: {fault}" for one in COMMANDS if (fault := fault_of(one))] == []


def test_every_command_says_settings_that_compose():
    """Those that touch different sections are composed together, since that takes a quarter of a second."""
    alone = [one for one in COMMANDS if one.overrides]
    for batch in batches({one.overrides for one in alone}):
        if settings_fault(tuple(word for overrides in batch for word in overrides)) is None:
            alone = [one for one in alone if one.overrides not in batch]
    assert [f"{one.page}: {one.line}: {fault}" for one in alone if (fault := settings_fault(one.overrides))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_in_the_text_of_a_page_is_one(page):
    assert [f"{one}: {fault}" for one in SETTING.findall(page.read_text(encoding="utf-8")) if (fault := setting_fault(one))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_it_and_to_its_heading(page):
    lost = []
    for target in re.findall(r"\]\(((?!https?://|#)[^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve()
        if not file.exists() or (heading and heading not in anchors(file)):
            lost.append(target)
    assert lost == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them, and its own anchors."""
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads} | set(re.findall(r'id="([^"]+)"', text))


def test_pictures_are_small():
    assert [path.name for path in (ROOT / "docs/pictures").glob("*") if path.stat().st_size > 120_000] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("make nothing", "make knows no nothing"),
        ("make repro SETT=1", "make knows no SETT=1"),
        (".venv/bin/dvc exp runs", "dvc can't parse it"),
        (".venv/bin/dvc repro nowhere", "no stage nowhere"),
        (".venv/bin/python -m apps.votes", "no module apps.votes"),
        (".venv/bin/python -m apps.vote --rating", "apps.vote has no --rating"),
        ("nonesuch --help", "unknown program nonesuch"),
    ],
)
def test_a_wrong_command_is_seen(line, said):
    assert fault_of(Command("x.md", line)) == said


@pytest.mark.parametrize("line", ["dvc exp run -S sft.nothing=1", "make repro SET='size=huge'", "python -m stages.sft sft.duration=0"])
def test_a_wrong_setting_is_seen(line):
    assert settings_fault(Command("x.md", line).overrides)


def test_a_wrong_setting_in_the_text_is_seen():
    wrong = {"size=huge": "conf/size has no huge", "sft.nothing=1": "no key sft.nothing", "align=[dpo,ppoo]": "conf/align has no ppoo"}
    assert {one: setting_fault(one) for one in wrong} == wrong
    assert [setting_fault(one) for one in ("size=smoke", "sft.duration=1", "tasks=[...,robustness]", "timeout=3")] == [None] * 4

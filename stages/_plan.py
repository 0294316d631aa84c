"""What the plan does, step by step: settings, sections, strays."""

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import manifest
from pipeline.core.blocks import Block, edges_of, read_blocks
from pipeline.core.closure import Code
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_text
from pipeline.core.lockfile import prune
from pipeline.core.merge import settle, value_at
from pipeline.core.owned import remove_file, remove_folder
from pipeline.core.params import read_mapping, read_params
from pipeline.model.objectives.readers import END, READERS
from stages._mends import joined
from stages._paths import faults_of_places
from stages._settings import compose, plain
from stages._words import applied

PARAMS, COMPOSED = Path("params.yaml"), Path("plan/composed.yaml")
HEAD = "# GENERATED from conf/ by the stage plan and by dvc exp run -S; edit conf/, not this file.\n"
LISTS = ("preferences", "align", "evaluate", "export")  # their outs lie in folders of these names
EMPTY = [Path("data/evaluate"), Path("data/export"), Path("metrics"), Path("plots")]  # DVC wants them there, though nothing lies in them


def write_params(words: Sequence[str] = (), *, reset: bool = False, under_dvc: bool = False) -> None:
    """Bring params.yaml up to conf/; values that an experiment set stay, unless `reset`, and `words` go on from them.

    DVC has read the lists and paths of dvc.yaml before the plan runs, and would record the old ones: where they changed the plan
    stops under DVC and asks for the command again.
    """
    from omegaconf import OmegaConf

    mine, merged, theirs = brought_up(words, reset=reset)
    blocks = pipeline_of(merged)
    if faults := list(faults_of_places(merged, [out for block in blocks for out in block.outs])):
        raise joined(faults)
    changed = list(moved(pipeline_before(mine), blocks))
    for path, text in (
        (PARAMS, HEAD + OmegaConf.to_yaml(OmegaConf.create(merged))),
        (COMPOSED, OmegaConf.to_yaml(OmegaConf.create(theirs))),
    ):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    if changed and under_dvc:
        raise PipelineError(f"the pipeline has changed: {'; '.join(changed)}", mend="run the same command again: params.yaml has it now")


def brought_up(words: Sequence[str], *, reset: bool) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The settings as params.yaml has them, with conf/'s changes and the words on top, and as conf/ alone has them."""
    theirs = plain(compose([]))
    mine = read_params() if PARAMS.exists() and not reset else theirs
    merged = settle(read_mapping(COMPOSED, mend=f"git checkout {COMPOSED}, or rm {COMPOSED}") if COMPOSED.exists() else mine, mine, theirs)
    return mine, applied(merged, words) if words else merged, theirs


def moved(before: Sequence[Block], after: Sequence[Block]) -> Iterator[str]:
    """The stages that came, went, or read something else."""
    old, new = ({block.name: block for block in blocks} for blocks in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield f"no {name}"
        elif name not in old:
            yield name
        elif more := [dep for dep in new[name].deps if dep not in old[name].deps]:
            yield f"{name} on {', '.join(more)}"


def pipeline_of(settings: Mapping[str, Any]) -> list[Block]:
    """The stages of dvc.yaml under these settings."""
    return read_blocks(Path("dvc.yaml"), settings)


def pipeline_before(settings: Mapping[str, Any]) -> list[Block]:
    """The stages that DVC saw; none where the settings are those of another version of the project."""
    try:
        return pipeline_of(settings)
    except PipelineError:
        return []


def code_files() -> dict[str, Path]:
    """The module of every stage, and where its fingerprint is written."""
    files = [path.with_suffix("").relative_to("stages") for path in sorted(Path("stages").rglob("[!_]*.py"))]
    return {".".join(("stages", *file.parts)): Path("plan/code", file).with_suffix(".json") for file in files if file != Path("plan")}


def fingerprints_of_code() -> dict[Path, Any]:
    """What the code of every stage is, by the file that it is written to."""
    code = Code(Path(), ("pipeline", "stages"))
    return {path: code.fingerprint(module) for module, path in code_files().items()}


def told(blocks: Sequence[Block], settings: Mapping[str, Any]) -> dict[str, Any]:
    """For the report and the table: the stages in the order of the data with what they were told, and who reads whom."""
    names = {block.name: block.folder for block in blocks}
    stages = [
        {"name": block.folder, "settings": {param: value_at(settings, param) for param in block.params}}
        for block in blocks
        if block.name != "plan"
    ]
    edges = [[names[writer], names[reader]] for writer, reader in edges_of(list(blocks)) if writer != "plan"]
    return {"stages": stages, "edges": edges}


def print_end(settings: Mapping[str, Any]) -> None:
    """Say where the chain ends, where what is pretrained can't go on from a text."""
    objective = settings["objective"]["kind"]
    if objective in READERS:
        print(f"plan: a model of objective={objective} reads and can't write: the chain ends with `{END}`, what comes after refuses it")


def remove_strays(blocks: Sequence[Block]) -> None:
    """Remove what entries and stages wrote that are no more: two clones agree whatever was tried before. What goes is printed."""
    wanted = {path for block in blocks for path in (*block.outs, *block.notes)}
    names = {block.name for block in blocks}
    lock = Path("dvc.lock")
    gone = [path for path in outs_in(lock, without=names) if path not in wanted]
    for group in LISTS:
        places = (*Path("data", group).glob("*"), *Path("metrics", group).glob("*.json"), *Path("plots", group).glob("*.csv"))
        gone += [path.as_posix() for path in places if path.as_posix() not in wanted]
    removed = [path for path in dict.fromkeys(gone) if removed_one(Path(path))]
    if lock.is_file():
        prune(lock, names.__contains__)
    if removed:
        print(f"plan: removed, since no stage makes it any more: {', '.join(removed)}")
    for folder in EMPTY:
        folder.mkdir(parents=True, exist_ok=True)


def outs_in(lock: Path, *, without: Set[str]) -> list[str]:
    """What the stages of dvc.lock wrote, but for those named."""
    if not lock.is_file():
        return []
    stages = yaml.load(lock.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)).get("stages") or {}
    return [out["path"] for name, stage in stages.items() if name not in without for out in stage.get("outs", ())]


def removed_one(path: Path) -> bool:
    """Whether it was there and ours: an artifact, or a file of metrics or of a curve."""
    if path.is_dir() and (path / manifest.NAME).is_file():
        remove_folder(path)
        return True
    if path.parts[0] in ("metrics", "plots") and path.is_file():
        remove_file(path)
        return True
    return False

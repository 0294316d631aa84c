"""What the plan does, step by step: settings, sections, strays."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import manifest
from pipeline.core.blocks import Block, blocks_of, edges_of
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json, write_json, write_text
from pipeline.core.lockfile import prune
from pipeline.core.merge import settle, value_at
from pipeline.core.owned import remove_file, remove_folder
from pipeline.core.scratch import key_of
from stages._settings import ROOT, compose, plain, read_params, typed

PARAMS, COMPOSED = Path("params.yaml"), Path("plan/composed.yaml")
CHECKED, REMEMBERED = ROOT / ".run/checked.json", 1000  # sections that were found right
HEAD = "# GENERATED from conf/ by the stage plan and by dvc exp run -S; edit conf/, not this file.\n"
OUTSIDE = ("corpus.path", "select.examples", "dialogues.path", "split.benchmarks")
LISTS = ("align", "evaluate", "export")  # their outs lie in folders of these names


def write_params(*, reset: bool, under_dvc: bool) -> None:
    """Bring params.yaml up to conf/; values that an experiment set stay, unless `reset`.

    DVC has read the lists and paths of dvc.yaml before the plan runs, and would record the old ones: where they changed the plan
    stops under DVC and asks for the command again.
    """
    from omegaconf import OmegaConf

    theirs = plain(compose([]))
    mine = read_params() if PARAMS.exists() and not reset else theirs
    merged = settle(plain(OmegaConf.load(COMPOSED)) if COMPOSED.exists() else mine, mine, theirs)
    if lost := [f"{key}={value_at(merged, key)}" for key in OUTSIDE if not Path(value_at(merged, key)).exists()]:
        raise PipelineError(f"there is no {', no '.join(lost)}", mend="correct the path, or make the folder")
    changed = list(moved(pipeline_before(mine), pipeline_of(merged)))
    for path, text in (
        (PARAMS, HEAD + OmegaConf.to_yaml(OmegaConf.create(merged))),
        (COMPOSED, OmegaConf.to_yaml(OmegaConf.create(theirs))),
    ):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    if changed and under_dvc:
        raise PipelineError(f"the pipeline has changed: {'; '.join(changed)}", mend="run the same command again: params.yaml has it now")


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
    return blocks_of(yaml.load(Path("dvc.yaml").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)), settings)


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


def check_sections(blocks: Sequence[Block], settings: Mapping[str, Any], fingerprints: Mapping[Path, Any]) -> None:
    """Every section against its stage's Config; one PipelineError with all faults.

    What was checked before with the same code is not checked again: to know a Config its stage is imported, some with torch.
    """
    checked: list[str] = read_json(CHECKED) if CHECKED.is_file() else []
    files, faults = code_files(), []
    for block in blocks:
        if block.name == "plan":
            continue
        file = files.get(block.module)
        if file is None:
            raise PipelineError(f"{block.name} has no stage file {block.module}", mend=f"write {block.module.replace('.', '/')}.py")
        key = key_of([value_at(settings, param) for param in block.params], list(block.deps), fingerprints[file])
        if key not in checked:
            faults += list(faults_of(block, settings))
            checked.append(key)
    if faults:
        raise PipelineError("\n".join(fault.message for fault in faults), mend="; ".join(fault.mend for fault in faults))
    write_json(CHECKED, checked[-REMEMBERED:])


def faults_of(block: Block, settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """What is wrong with the section of a stage: keys and types, and artifacts that dvc.yaml does not watch."""
    stage = importlib.import_module(block.module).main
    at = stage.at(block.entry)
    try:
        cfg = typed(stage.config, stage.section(settings, block.entry), at=at)
    except PipelineError as fault:
        yield fault
        return
    target = getattr(cfg, "target", None)
    if target is not None and (target.path.as_posix(),) != block.outs:
        message = f"{at}.target is {target.path}, and dvc.yaml says that the stage writes {block.outs[0]}"
        yield PipelineError(message, mend=f"{at}.target={block.outs[0]}")
    watched = [Path(path) for path in (*block.deps, *block.outs)]
    for path in stage.paths(cfg):
        if not any(path.is_relative_to(one) for one in watched):
            yield PipelineError(f"{at} names {path}, which DVC does not watch for it", mend=f"name it in {at}.reads, or in dvc.yaml's deps")


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


def remove_strays(blocks: Sequence[Block]) -> None:
    """Remove what entries wrote that no list names any more: two clones agree whatever was tried before."""
    wanted = {path for block in blocks for path in (*block.outs, *block.notes)}
    for group in LISTS:
        for path in Path("data", group).glob("*"):
            if path.as_posix() not in wanted and (path / manifest.NAME).is_file():
                remove_folder(path)
        for path in (*Path("metrics", group).glob("*.json"), *Path("plots", group).glob("*.csv")):
            if path.as_posix() not in wanted:
                remove_file(path)
    names = {block.name for block in blocks}
    if Path("dvc.lock").is_file():
        prune(Path("dvc.lock"), lambda name: "@" not in name or name in names)

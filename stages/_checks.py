"""What the plan checks before anything runs: every section against its Config, paths, names, and what must go together."""

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.blocks import Block
from pipeline.core.errors import PipelineError
from pipeline.core.files import fingerprint, read_json, write_json
from pipeline.core.local import APART, overlaid
from pipeline.core.locked import check_lock
from pipeline.core.merge import value_at
from pipeline.core.params import PARAMS_ANEW, read_mapping
from pipeline.core.scratch import key_of
from pipeline.core.syntax import syntax_hash
from pipeline.core.track import Track
from pipeline.evaluate.benchmarks.rows import matching, missing
from pipeline.evaluate.table import CHANCE, GOLD
from pipeline.export.architectures import GROUPED, refuse_graph, refuse_groups, refuse_other_forms, refuse_own, refuse_packing
from pipeline.export.gguf_types import INSTEAD, refuse_types
from pipeline.export.vocabularies import check_kind, cut_of
from pipeline.export.web_limits import bytes_of, check_characters, refuse_bytes, refuse_web
from pipeline.model.folder import FOLDER, has_model
from pipeline.text.reading.sources import HUB, check_sources, sources_of
from pipeline.train.phases import phases_of, refuse_uneven
from pipeline.train.recipe import rows_a_step
from stages._defaults import mended
from stages._hardware import Hardware
from stages._mends import joined
from stages._paths import OUTSIDE, faults_of_places
from stages._plan import EMPTY, LISTS, brought_up, code_files, fingerprints_of_code, pipeline_of
from stages._settings import ROOT, typed
from stages._tasks import faults_of_tasks
from stages._words import key_of as key_of_word

LOCK = Path("requirements.lock")
CHECKED, REMEMBERED = ROOT / ".run/checked.json", 1000  # sections that were found right
READ = 32 << 20  # bytes of a benchmark that the plan reads: a second or two, once
CHECKER = syntax_hash(ast.parse(Path(__file__).read_bytes()))  # new checks are new questions
LISTED = ("preferences", "align", "export")  # groups whose entries are stages
PLAYERS = {  # names that stand beside the models' in tables
    GOLD: "what the data answer",
    CHANCE: "what guessing gets",
    "source": "the entropy of the source",
    "unigram": "counts of tokens",
}


def looked_at(words: Sequence[str]) -> dict[str, Any]:
    """For the doctor, as JSON: the settings that would run with these words, every fault of them, the stages whose code is not as planned,
    and the words that a command which mends the faults says too.

    Nothing is written. Settings that can't be composed are the only fault, and null.
    """
    try:
        with redirect_stdout(sys.stderr):
            _, settings, _ = brought_up(words, reset=False)
        refuse_other_sections(settings)
        blocks, fingerprints = pipeline_of(settings), fingerprints_of_code()
    except PipelineError as fault:
        told = [{"message": fault.message, "mend": fault.mend}]
        return {"settings": None, "faults": told, "changed": [], "words": unnamed(words, fault.message)}
    found = all_faults(blocks, settings, fingerprints)
    words = unnamed(words, " ".join(re.findall(r"correct ([\w.]+) in conf/", " ".join(fault.mend for fault in found))))
    faults = {fault.message: {"message": fault.message, "mend": fault.mend} for fault in found}
    changed = [path.as_posix() for path, now in fingerprints.items() if not path.is_file() or read_json(path) != now]
    with suppress(PipelineError):  # one of the faults
        settings = overlaid(settings, ROOT)
    return {"settings": settings, "faults": list(faults.values()), "changed": changed, "words": words}


def unnamed(words: Sequence[str], told: str) -> list[str]:
    """The words of whose keys none is named by what is told: a command that says the others goes on."""
    return [word for word in words if not re.search(rf"(?<![\w.]){re.escape(key_of_word(word))}(?![\w.])", told)]


def all_faults(blocks: Sequence[Block], settings: Mapping[str, Any], fingerprints: Mapping[Path, Any]) -> list[PipelineError]:
    """Every fault that is known before a stage runs: packages, devices, sections and what is between them."""
    found = []
    checks = (
        partial(check_lock, LOCK),
        partial(check_apart, settings),
        partial(check_rounding, settings),
        partial(check_openvino, settings["export"]),
    )
    for check in checks:
        try:
            check()
        except PipelineError as fault:
            found.append(fault)
    try:
        return found + mended(faults_of_sections(blocks, settings, fingerprints), settings)
    except ImportError:
        if not found:
            raise
        return found  # a stage can't be imported without the packages that are told


def faults_of_sections(blocks: Sequence[Block], settings: Mapping[str, Any], fingerprints: Mapping[Path, Any]) -> list[PipelineError]:
    """Every section against its stage's Config, and what must go together.

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
        key = key_of(CHECKER, block.name, [value_at(settings, param) for param in block.params], block.deps, block.outs, fingerprints[file])
        if key not in checked:
            wrong = list(faults_of(block, settings))
            faults += wrong
            checked += [] if wrong else [key]
    places = faults_of_places(settings, [out for block in blocks for out in block.outs])
    between: Sequence[Callable[[], Iterable[PipelineError]]] = (
        partial(faults_between, settings),
        lambda: places,
        partial(faults_of_paths, blocks, settings),
        partial(faults_of_names, settings),
        partial(faults_of_kinds, settings),
        partial(faults_of_benchmarks, settings, checked, fingerprints.get(files.get("stages.evaluate", Path()))),
    )
    for check in between:
        try:
            faults += list(check())
        except (KeyError, TypeError, ValueError, AttributeError) as fault:  # of a section that is told already
            if not faults:
                raise PipelineError(f"the settings hold something else than expected: {fault!r}", mend=PARAMS_ANEW) from fault
    write_json(CHECKED, checked[-REMEMBERED:])
    return faults


def refuse_other_sections(settings: Mapping[str, Any]) -> None:
    """PipelineError for sections that are not there, and for those that nobody would read."""
    asked = {*read_mapping(Path("dvc.yaml"), mend="git checkout dvc.yaml")["stages"]["plan"]["params"], *APART}
    if missing_ones := sorted(asked - set(settings)):
        raise PipelineError(f"params.yaml lacks {', '.join(missing_ones)}", mend=PARAMS_ANEW)
    if unknown := sorted(set(settings) - asked):
        head = "# @package _global_ as the first line of the file in conf/experiment/, or correct the name"
        raise PipelineError(f"no stage reads the section{'s' * (len(unknown) > 1)} {', '.join(unknown)}", mend=head)


def check_apart(settings: Mapping[str, Any]) -> None:
    """PipelineError for what changes no result, conf/local on top: else the first stage would tell, or the first that trains."""
    apart, faults = overlaid(settings, ROOT), []
    for name, config in (("hardware", Hardware), ("track", Track)):
        try:
            typed(config, apart[name], at=name)
        except PipelineError as fault:
            faults.append(fault)
    if faults:
        raise joined(mended(faults, settings))
    check_device(apart["hardware"])


def check_device(hardware: Mapping[str, Any]) -> None:
    """PipelineError where a CUDA device is asked for and there is none."""
    if hardware["device"] == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise PipelineError("hardware.device is cuda, and torch finds no CUDA device", mend="hardware=auto or hardware=cpu")


def check_rounding(settings: Mapping[str, Any]) -> None:
    """PipelineError where weights are to be held in four bits and this machine can't: the stage would tell after the pretraining."""
    entries = {"sft": settings["sft"]} | {f"align.{name}": one for name, one in settings["align"].items()}
    asked = [at for at, one in entries.items() if (one.get("adapter") or {}).get("method") == "qlora"]
    if not asked:
        return
    import torch

    if settings["hardware"].get("device") == "cpu" or not torch.cuda.is_available():
        raise PipelineError(f"{asked[0]}.adapter is qlora, which is for a CUDA device, and there is none", mend="adapter=lora")
    if importlib.util.find_spec("bitsandbytes") is None:
        message = f"{asked[0]}.adapter is qlora, and bitsandbytes, which rounds the weights, is not installed"
        raise PipelineError(message, mend=".venv/bin/pip install bitsandbytes, or adapter=lora")


def check_openvino(export: Mapping[str, Any]) -> None:
    """PipelineError where OpenVINO is to read the files and is not installed: the stage would tell after the training."""
    asked = [f"export.{name}.openvino" for name, one in export.items() if one.get("openvino")]
    if asked and importlib.util.find_spec("openvino") is None:
        raise PipelineError(
            f"{asked[0]} is true, and OpenVINO is not installed", mend=f".venv/bin/pip install openvino, or {asked[0]}=false"
        )


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
    watched = [Path(path) for path in (*block.deps, *block.outs, *block.notes)]
    for path in stage.paths(cfg):
        told = target is not None and path == target.path
        if not told and not any(path.is_relative_to(one) for one in watched):
            message = f"{at} names {path}, which DVC does not watch for it"
            yield PipelineError(message, mend=f"name it in {at}.reads or {at}.reads_also, or in dvc.yaml's deps")


def faults_of_paths(blocks: Sequence[Block], settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """Dependencies that no stage makes and that are not there: DVC would tell them when their stage's turn comes, without a mend."""
    outside = {Path(value_at(settings, key)) for key in OUTSIDE}  # told by their key
    made = [Path(path) for block in blocks for path in (*block.outs, *block.notes)] + [Path("plan")]
    for block in blocks:
        for dep in map(Path, block.deps):
            if dep in outside or any(dep.is_relative_to(path) or path.is_relative_to(dep) for path in made):
                continue
            listed = len(dep.parts) > 2 and dep.parts[0] == "data" and dep.parts[1] in LISTS  # what an entry of before left is removed
            if listed or (not dep.exists() and dep not in EMPTY):
                models = ", ".join(path.as_posix() for path in made if len(path.parts) > 1 and path.parts[0] == "data")
                mend = f"one of {models}, or make it"
                if block.folder.startswith("preferences/") and block.module.endswith(".votes"):
                    mend = f"make vote, whose votes stand in {dep}; or leave them out of preferences"
                elif f"models.{block.entry}" in keys_of(settings, dep.as_posix()):
                    mend = f"{dep} with a model's config.json, safetensors and tokenizer.json; or leave out +models.{block.entry}"
                elif key := next(keys_of(settings, dep.as_posix()), None):
                    mend = f"{key}={nearest(dep, made)}, or another of {models}; or make it"
                if listed and (Path("conf", *dep.parts[1:]).with_suffix(".yaml")).is_file():  # it only isn't chosen
                    mend = f"{dep.parts[1]}=[{','.join([*settings[dep.parts[1]], dep.parts[2]])}]"
                yield PipelineError(f"{block.name} reads {dep}, which no stage makes and which is not there", mend=mend)


def keys_of(section: Any, value: str, at: str = "") -> Iterator[str]:
    """The dotted keys that have a value."""
    for key, one in section.items() if isinstance(section, Mapping) else ():
        yield from keys_of(one, value, f"{at}{key}.") if isinstance(one, Mapping) else [f"{at}{key}"] * (one == value)


def nearest(path: Path, others: Sequence[Path]) -> Path:
    """The path whose name is most alike."""
    return max(others, key=lambda one: SequenceMatcher(None, one.as_posix(), path.as_posix()).ratio())


def faults_of_benchmarks(settings: Mapping[str, Any], checked: list[str], code: Any) -> Iterator[PipelineError]:
    """Published benchmarks whose files are not there, or not such as the task reads: evaluate would tell after all training.

    Files that were read before with the same `code` are not read again, those larger than READ not here.
    """
    folder = Path(str(settings["evaluate"]["benchmarks"]))
    for name, task in settings["tasks"].items():
        for key in ("files", "examples"):
            files = task.get(key)
            if not isinstance(files, str):
                continue
            if (fault := missing(folder, files, key=f"tasks.{name}.{key}")) is not None:
                yield fault
            elif not files.startswith(HUB):
                told = [task["kind"], task.get("format"), str(folder), files, *map(fingerprint, found := matching(folder, files))]
                known = key_of(CHECKER, "benchmark", told, code)
                if known not in checked and sum(file.stat().st_size for file in found) <= READ:
                    wrong = fault_of_rows(folder, files, task, key=f"tasks.{name}.{key}")
                    checked += [] if wrong else [known]
                    yield from wrong


def fault_of_rows(folder: Path, files: str, task: Mapping[str, Any], *, key: str) -> list[PipelineError]:
    """What is wrong with the rows of a benchmark's files; nothing of a kind that reads none."""
    from pipeline.evaluate.benchmark_files import READERS, refuse_other_shapes  # half a second, for those who ask one

    try:
        if task["kind"] in READERS:
            refuse_other_shapes(folder, files, kind=task["kind"], shape=task.get("format"), key=key)
    except PipelineError as fault:
        return [fault]
    return []


def faults_of_names(settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """Entries whose name hides another, or that can't stand in a setting's key."""
    for entry in (f"{group}.{name}" for group in LISTED for name in settings[group]):
        name = entry.partition(".")[2]
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            mend = f"snake_case: {re.sub('[^a-z0-9_]', '_', name.lower())}"
            yield PipelineError(f"{entry} can't be set on a command line", mend=mend)
    for group, paths in (("align", "models"), ("export", "files")):
        for name in settings[group]:
            if settings[paths].get(name) != f"data/{group}/{name}":
                mend = f"{paths}: {{{name}: data/{group}/{name}}} in conf/{group}/{name}.yaml"
                yield PipelineError(f"{paths}.{name} is {settings[paths].get(name)}, not what {group}.{name} makes", mend=mend)
        for name, path in settings[paths].items():
            if path.startswith(f"data/{group}/") and name not in settings[group]:
                mend = f"{group}=[{','.join([*settings[group], name])}], or take {name} out of {paths}"
                yield PipelineError(f"{paths}.{name} is made by no entry of {group}", mend=mend)
        for name in sorted({*settings[paths]} & set(PLAYERS)):
            yield PipelineError(f"{paths}.{name} would be taken for {PLAYERS[name]}", mend="another name for the entry")
    own = {"base": "data/pretrain", "sft": "data/sft"}
    for name, path in own.items():
        if settings["models"].get(name, path) != path and name in settings["align"]:
            yield PipelineError(f"align.{name} would hide the model {name}", mend="another name for the entry")


def faults_of_kinds(settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """A reward model in the place of a language model, a kind of model that a format can't hold: the stage would tell after training."""
    reward = settings["reward"]["target"]
    named = {f"models.{name}": path for name, path in settings["models"].items()}
    named |= {f"{group}.{name}.source": one.get("source") for group in LISTED for name, one in settings[group].items()}
    for key, path in named.items():
        if path == reward:
            mend = f"{key}={next((path for path in reversed(settings['models'].values()) if path != reward), 'data/sft')}"
            yield PipelineError(f"{key} is {reward}, a reward model: no one can talk to it", mend=mend)
    try:
        settings = {**settings, "model": started_from(settings["model"])}
    except PipelineError as fault:
        yield fault
        return
    checks = [partial(check_format, name, settings) for name in settings["export"]]
    for check in (*checks, partial(check_tokenizer, settings)):
        try:
            check()
        except PipelineError as fault:
            yield fault


def started_from(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model's words, of model=folder those of the model that lies there. PipelineError where pretrain can't go on from it."""
    folder = Path(str(model["init_from"]))
    if model["kind"] != FOLDER and not has_model(folder):
        return dict(model)
    from pipeline.model.shapes import checked, unfolded  # costs transformers; fresh weights do without
    from pipeline.model.start import config_for

    found: dict[str, Any] = unfolded(model)
    config_for(folder, checked(found))
    return found


def check_format(name: str, settings: Mapping[str, Any]) -> None:
    """PipelineError for a kind or a shape of model that an entry of export can't hold."""
    model, entry = settings["model"], settings["export"][name]
    if entry.get("format") == "transformers":
        refuse_own(model["kind"])
    elif entry.get("format") == "gguf":
        refuse_other_forms(model["kind"], activation=model["activation"], window=model.get("window"))
        types = entry.get("types", ())
        refuse_types(types, widths_of(model) if {*INSTEAD} & {*types} else {}, section=f"export.{name}")
    elif entry.get("format") == "onnx":
        refuse_graph(model["kind"])
    elif entry.get("format") == "compressed":
        refuse_packing(model["kind"])
        if {*GROUPED} & {*entry.get("types", ())} and isinstance(entry.get("group_size"), int):
            refuse_groups(widths_of(model), entry["group_size"], section=f"export.{name}")
    elif entry.get("format") == "web":
        check_page(name, settings)


def check_page(name: str, settings: Mapping[str, Any]) -> None:
    """PipelineError for a model that the page of the sandbox can't run, or that takes more bytes than it may."""
    model, tokenizer, most = settings["model"], settings["tokenizer"], settings["export"][name].get("max_bytes")
    check_characters(tokenizer["kind"])
    refuse_web(model["kind"], activation=model["activation"])
    if (widths := widths_of(model)) and isinstance(tokenizer["vocab_size"], int) and isinstance(most, int):
        found = bytes_of(
            layers=model["layers"],
            hidden_size=widths["hidden_size"],
            groups=widths["hidden_size"] // model["heads"] * model["kv_heads"],
            inner=widths["intermediate_size"],
            vocabulary=tokenizer["vocab_size"],
            tied=model["tie_embeddings"],
        )
        refuse_bytes(found, most, section=f"export.{name}")


def widths_of(model: Mapping[str, Any]) -> dict[str, int]:
    """The widths of the model's matrices; none of a shape that can't be, which pretrain tells."""
    from pipeline.model.shapes import checked  # costs transformers; the default formats do without

    try:
        shape = checked(model)
    except PipelineError:
        return {}
    return {"hidden_size": shape.hidden_size, "intermediate_size": shape.inner}


def check_tokenizer(settings: Mapping[str, Any]) -> None:
    """PipelineError for a file to import that is none, and for a tokenizer that a format can't hold."""
    kind, gguf = settings["tokenizer"]["kind"], any(one.get("format") == "gguf" for one in settings["export"].values())
    if kind == "import":
        from pipeline.tokens.importing import content_of  # others do without the library of tokenizers

        content = content_of(Path(settings["tokenizer"]["path"]))
        if gguf:
            cut_of(content)
    elif gguf:
        check_kind(kind)


def faults_between(settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """What does not go together: rows, dialogues and tasks longer than what the model reads."""
    yield from faults_of_tasks(settings)
    if settings["contest"]["reference"] not in settings["models"].values():
        message = f"contest.reference={settings['contest']['reference']} is none of the models"
        yield PipelineError(message, mend=f"contest.reference= one of {', '.join(settings['models'].values())}")
    yield from faults_of_sources(settings["corpus"])
    if settings["corpus"]["claims"]["told"] and settings["corpus"]["reader"] != "world":
        yield PipelineError("corpus.claims are told by the books of the world alone", mend="corpus.claims.told=[]")
    yield from faults_of_batch(settings)
    context = settings["model"]["context"]
    lengths = {"tokenize.sequence_length": settings["tokenize"]["sequence_length"]}
    entries = {"sft": settings["sft"], "reward": settings["reward"]}
    entries |= {f"{group}.{name}": one for group in ("preferences", "align") for name, one in settings[group].items()}
    lengths |= {f"{at}.max_length": one["max_length"] for at, one in entries.items() if "max_length" in one}
    lengths |= {f"tasks.{name}.context": task["context"] for name, task in settings["tasks"].items() if "context" in task}
    for key, length in lengths.items():
        if isinstance(length, int) and isinstance(context, int) and length > context:
            yield PipelineError(f"{key} is {length} tokens, the model reads {context}", mend=f"{key}={context}, or model.context={length}")


def faults_of_sources(corpus: Mapping[str, Any]) -> Iterator[PipelineError]:
    """What is wrong with the list of sources, where it is read."""
    if corpus["reader"] == "sources":
        try:
            check_sources(sources_of(corpus["sources"], corpus["source_defaults"]))
        except PipelineError as fault:
            yield fault


def faults_of_batch(settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """A batch of pretraining that the micro-batches of all ranks don't make up."""
    own, tokens, hardware = settings["pretrain"], settings["tokenize"]["sequence_length"], settings["hardware"]
    numbers = (own["batch_tokens"], own["micro_batch"], tokens, hardware["ranks"], hardware["nodes"])
    if all(isinstance(number, int) and number >= 0 for number in numbers) and all(numbers[:3]):
        ranks = max(1, hardware["ranks"]) * max(1, hardware["nodes"])  # those that follow from the batch share it
        try:
            rows_a_step(own["batch_tokens"], micro_batch=own["micro_batch"], tokens=tokens, ranks=ranks, section="pretrain")
        except PipelineError as fault:
            yield fault
            return
        try:
            phases = phases_of(own["phases"])
            context = settings["model"]["context"]
            batch = {"batch_tokens": own["batch_tokens"], "micro_batch": own["micro_batch"]}
            refuse_uneven(phases, **batch, length=tokens, context=context, ranks=ranks, section="pretrain")
        except PipelineError as fault:
            yield fault
        except (TypeError, KeyError, ValueError, ZeroDivisionError):
            pass  # the types tell it

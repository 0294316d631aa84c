"""`make sandbox`: a page in which a small model runs in the browser, with lessons around it. It works from disk, without a server.

The model is that of data/export/web where `experiment=sandbox` has run, else the one in examples/sandbox, which that experiment made.
Architecture, tokenizer and stages are those of the run that lies in data/, where there is one.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_json, write_text
from pipeline.report.headlines import STAGES, tellings, work_of
from pipeline.report.sandbox.page import Architecture, Merges, StageTold, architecture_of_file, architecture_of_folder, page
from pipeline.tokens.patterns import PATTERNS, pattern_of

EXPORTED, EXAMPLE = Path("data/export/web"), Path("examples/sandbox")
BASE, TOKENIZER, SETTINGS, METRICS = Path("data/pretrain"), Path("data/tokenizer"), Path("plan/settings.json"), Path("metrics")
MANIFEST = "manifest.json"
MOST = 2000  # merges of a large vocabulary that are shown


def main() -> None:
    """Gather, draw, write."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.sandbox", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help=f"folder with model.json and lessons.json (default: {EXPORTED}, or {EXAMPLE})")
    parser.add_argument("--target", type=Path, default=Path("sandbox.html"), help="the page to be written (default: sandbox.html)")
    options = parser.parse_args()
    try:
        write_text(options.target, sandbox(options.model))
    except PipelineError as fault:
        sys.exit(f"sandbox: {fault}")
    print(options.target)


def sandbox(folder: Path | None) -> str:
    """The HTML of the page with the model of a folder."""
    folder = folder or (EXPORTED if (EXPORTED / MANIFEST).is_file() else EXAMPLE)
    if not (folder / "model.json").is_file():
        raise InputError(f"{folder} holds no model.json", mend="dvc exp run -S experiment=sandbox export@web")
    own = Exports(folder) if (folder / MANIFEST).is_file() else None
    if own is not None:
        own.file("model.json")  # every file is compared with the manifest
    model, lessons = read_json(folder / "model.json"), read_json(folder / "lessons.json")
    origin = f"The model is that of {folder}/model.json, {(folder / 'model.json').stat().st_size:,} bytes."
    return page(model, lessons, tokenizer=merges(lessons), architecture=architecture(model), stages=stages(), origin=origin)


def merges(lessons: Mapping[str, Any]) -> Merges:
    """The merges of the run's tokenizer, or those of the lessons where it has none."""
    if (TOKENIZER / MANIFEST).is_file():
        content = read_json(Tokenizer(TOKENIZER).file("tokenizer.json"))
        pattern = pattern_of(content)
        if pattern is not None and content["model"]["merges"]:
            pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]]
            of = "the tokenizer of the run" if len(pairs) <= MOST else f"the tokenizer of the run, the first of {len(pairs):,}"
            return Merges(merges=pairs[:MOST], pattern=PATTERNS[pattern], of=of)
    return Merges(merges=lessons["merges"], pattern=PATTERNS["gpt2"], of="a vocabulary learned from the text of this page's model")


def architecture(model: Mapping[str, Any]) -> Architecture:
    """The base model of the run, or the model of the page where nothing has run."""
    if not (BASE / MANIFEST).is_file():
        return architecture_of_file(model)
    source = Model(BASE)
    with safe_open(source.file("model.safetensors"), framework="numpy") as weights:
        shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118  it is no mapping
    return architecture_of_folder(read_json(source.file("config.json")), shapes, of="the base model of the run")


def stages() -> list[StageTold]:
    """The stages of the last plan with their headline numbers; without a plan those that there may be."""
    names = [stage["name"] for stage in read_json(SETTINGS)["stages"]] if SETTINGS.is_file() else [*STAGES]
    found = []
    for name in names:
        file = METRICS / f"{name}.json"
        told = tellings(name, read_json(file)) if file.is_file() else []
        found.append(StageTold(name=name, makes=work_of(name).makes, told=[(one.name, one.value) for one in told]))
    return found


if __name__ == "__main__":
    main()

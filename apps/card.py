"""The exported folder with a whole model card, ready to upload: `python -m apps.card` (`make card`).

Writes card/: the most exact folder of data/export/transformers, and its README.md with what is known only after the run: every score with
its interval, the files of all formats, packages, and on what, how long and for how much it was made. Those are numbers that pass, so no
stage writes them. Seconds are those of the stages' last runs here; what came from the cache counts with the run that made it, if that was
here.

PRICE ($ an hour) and WATTS (of the machine) give cost and energy, estimates both. With HUB=user/name the folder is pushed.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from apps.prices import add_prices
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json, sha256_of, write_text
from pipeline.core.locked import release_of
from pipeline.export.folders import FOLDERS
from pipeline.report.passing import logged, making_of

EXPORT, TARGET, LOGS = Path("data/export/transformers"), Path("card"), Path(".run/log")
PACKAGES = ("torch", "transformers", "tokenizers", "trl", "numpy", "gguf", "xllamacpp")


def main() -> None:
    """Write the folder; push it where a place is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_prices(parser)
    parser.add_argument("--hub", help="user/name: push the folder there; a token as huggingface_hub finds it")
    options = parser.parse_args()
    try:
        write(price=options.price, watts=options.watts)
    except PipelineError as fault:
        sys.exit(f"card: {fault}")
    print(f"card: {TARGET} is ready to upload")
    if options.hub:
        push(options.hub)
        print(f"card: pushed to {options.hub}")


def write(*, price: float | None, watts: float | None) -> None:
    """card/, whole or not at all. PipelineError where nothing was exported for transformers."""
    source = Exports(EXPORT)
    model = str(source.facts["source"])
    with Exports(TARGET).writing() as draft:
        folder = next(EXPORT / name for name in FOLDERS.values() if (EXPORT / name).is_dir())
        for path in sorted(folder.iterdir()):
            shutil.copyfile(path, draft.path / path.name)
        parts = [*scores(model), *files(), *making(price=price, watts=watts), *packages(), *configuration()]
        readme = (folder / "README.md").read_text(encoding="utf-8")
        write_text(draft.path / "README.md", readme + "\n" + "\n".join(parts) + "\n")
        draft.facts |= source.facts


def push(name: str) -> None:
    """Create the repository where it is not there, and upload the folder."""
    from huggingface_hub import HfApi

    hub = HfApi()
    hub.create_repo(name, exist_ok=True)
    hub.upload_folder(repo_id=name, folder_path=str(TARGET))


def scores(model: str) -> Iterator[str]:
    """Every score of the model with its 95 % interval."""
    found = Scores(Path("data/evaluate") / model)
    yield f"## Scores\n\nOf `{model}` on held-out data, with 95 % intervals.\n"
    yield "| task | metric | value | interval | n |\n|---|---|---|---|---|"
    for row in found.read():
        interval = f"{row['low']:.4g} to {row['high']:.4g}" if row.get("low") is not None else ""
        value = "" if row["value"] is None else f"{row['value']:.4g}"
        read = f", windows of {row['window']} tokens, stride {row['stride']}" if "window" in row else ""
        yield f"| {row['task']} | {row['metric']}{read} | {value} | {interval} | {row.get('n', '')} |"


def files() -> Iterator[str]:
    """The files of all formats: bytes, and loss."""
    yield "\n## Files of this model\n\n| file | bytes | KL from fp32, nats a token |\n|---|---|---|"
    for path in sorted(Path("metrics/export").glob("*.json")):
        for name, found in read_json(path).items():
            if isinstance(found, Mapping) and "bytes" in found:
                yield f"| {path.stem}: {name} | {found['bytes']:,} | {found['kl']:.2g} |"


def making(*, price: float | None, watts: float | None) -> Iterator[str]:
    """On what, how long, and what that cost by these rates."""
    runs = logged(LOGS)
    yield "\n## How it was made\n"
    if not runs:
        yield "The logs of the run are not here, so hardware, time, cost and energy are not stated."
        return
    yield from (f"- {line}" for line in making_of(runs, price=price, watts=watts))


def packages() -> Iterator[str]:
    """What computed."""
    yield "\n## Packages\n\n" + ", ".join(f"{name} {release_of(name)}" for name in PACKAGES)


def configuration() -> Iterator[str]:
    """The settings and the lock of the run, by their hashes."""
    yield "\n## Configuration\n\n| file | SHA-256 |\n|---|---|"
    for path in (Path("params.yaml"), Path("dvc.lock"), Path("requirements.lock")):
        if path.is_file():
            yield f"| {path} | `{sha256_of(path)}` |"
    plan = Path("plan/settings.json")
    told = {stage["name"]: stage["settings"] for stage in read_json(plan)["stages"]} if plan.is_file() else {}
    for name in ("pretrain", "sft"):
        if name in told:
            yield f"\n<details><summary>{name}</summary>\n\n```json\n{json.dumps(told[name], indent=1)}\n```\n\n</details>"


if __name__ == "__main__":
    main()

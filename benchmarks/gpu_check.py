"""Try the pipeline on a GPU, and note what it gives: `python -m benchmarks.gpu_check`, in 8 minutes at most on one card.

At home, `--prepare FOLDER` composes the settings and the plan (which needs Hydra). On the machine with the GPU neither make, DVC nor Hydra
is needed: `--prepared FOLDER`. Where all is there, one call does both. The result is one JSON, named by the card, in benchmarks/results/.

Tried: the whole chain at size=smoke in bf16; equal bits of two runs, and of one in which every trainer was killed; the fingerprints of the
code under this Python; tokens a second, MFU and peak memory of a 124 M model in bf16, with and without torch.compile.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.blocks import Block, blocks_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CODE = ("conf", "pipeline", "stages", "dvc.yaml", "requirements.lock")
OVERRIDES = ("size=smoke", "hardware=gpu", "pretrain.precision=bf16")
TRAINERS = ("pretrain", "sft", "reward", "align")


def main() -> None:
    """Prepare, try, or both."""
    options = arguments()
    if options.prepare:
        prepare(options.prepare, options.device)
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        prepared = options.prepared or prepare(Path(temporary) / "prepared", options.device)
        result: dict[str, Any] = {"command": " ".join(sys.argv), "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"} | machine(
            options.device
        )
        path = options.out or RESULTS / f"gpu-{result['card'].replace(' ', '-')}-{result['date']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        chain = Chain(Path(temporary), prepared, deadline=started + options.seconds)
        tries: dict[str, Callable[[], Any]] = {
            "fingerprints": lambda: fingerprints(prepared),
            "speed": lambda: timed(options.device, compiled=False),
            "chain": chain.whole,
            "speed_compiled": lambda: timed(options.device, compiled=True),
            "second_run": chain.again,
            "killed_run": chain.killed,
        }
        for name, attempt in tries.items():
            result[name] = noted(attempt) if time.perf_counter() - started < options.seconds else "no time left"
            result["seconds"] = round(time.perf_counter() - started)
            path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            print(f"{name}: {json.dumps(result[name])[:2000]}", flush=True)
    print(path)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--prepare", type=Path, metavar="FOLDER", help="only write params.yaml and plan/ into FOLDER")
    parser.add_argument("--prepared", type=Path, metavar="FOLDER", help="where --prepare wrote")
    parser.add_argument("--out", type=Path, help="the JSON (default: benchmarks/results/gpu-CARD-DATE.json)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu tries the script itself")
    parser.add_argument("--seconds", type=int, default=480, help="when it ends at the latest (default: 480)")
    return parser.parse_args()


def prepare(folder: Path, device: str) -> Path:
    """params.yaml and plan/ of the smoke chain, as `make repro` would make them."""
    from pipeline.core.closure import Code
    from stages._plan import code_files, pipeline_of, told
    from stages._settings import compose, plain

    settings = plain(compose([*OVERRIDES, f"hardware.device={device}"]))
    code = Code(Path(), ("pipeline", "stages"))
    written = {path: code.fingerprint(module) for module, path in code_files().items()}
    written[Path("plan/settings.json")] = told(pipeline_of(settings), settings)
    for path, value in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(value, indent=2, sort_keys=True), encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return folder


def machine(device: str) -> dict[str, Any]:
    """The card, and what computes on it."""
    import torch

    on_gpu = device == "cuda" and torch.cuda.is_available()
    card = torch.cuda.get_device_name(0) if on_gpu else "cpu"
    memory = torch.cuda.get_device_properties(0).total_memory if on_gpu else 0
    versions = {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda}
    return {"card": card, "card_gigabytes": round(memory / 1e9, 1), "cores": os.cpu_count()} | versions


def timed(device: str, *, compiled: bool) -> dict[str, Any]:
    """Tokens a second, MFU and peak memory in bf16; benchmarks/gpu.py has more of it."""
    from benchmarks.gpu_speed import Setting, speed

    return speed(Setting(device=device, small=device == "cpu", compiled=compiled))


def noted(attempt: Callable[[], Any]) -> Any:
    """What it gives, or how it failed: one failure must not cost the rest."""
    try:
        return attempt()
    except Exception:
        return {"failed": traceback.format_exc()[-3000:]}


def fingerprints(prepared: Path) -> dict[str, Any]:
    """Which stages' code has another fingerprint here than where it was prepared; and which packages have another version."""
    from pipeline.core.closure import Code

    code, other, packages = Code(ROOT, ("pipeline", "stages")), [], {}
    for path in sorted((prepared / "plan/code").rglob("*.json")):
        theirs = json.loads(path.read_text(encoding="utf-8"))
        ours = code.fingerprint(".".join(("stages", *path.relative_to(prepared / "plan/code").with_suffix("").parts)))
        name = path.relative_to(prepared / "plan/code").with_suffix("").as_posix()
        other += [name] if (ours["code"], ours["tables"]) != (theirs["code"], theirs["tables"]) else []
        pairs = {name: [version, ours["packages"].get(name)] for name, version in theirs["packages"].items()}
        packages |= {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return {"other": other, "packages": packages}


class Chain:
    """The stages in the order of dvc.yaml, in folders of their own, without DVC."""

    def __init__(self, temporary: Path, prepared: Path, *, deadline: float) -> None:
        self._deadline = deadline
        self._temporary, self._prepared = temporary, prepared
        self._blocks = blocks_of(yaml.safe_load((ROOT / "dvc.yaml").read_text()), yaml.safe_load((prepared / "params.yaml").read_text()))[
            1:
        ]
        self._first = temporary / "first"

    def whole(self) -> dict[str, Any]:
        """Every stage from nothing: its seconds, and some of what it measured."""
        self._folder(self._first)
        seconds = {block.name: self._run(block, self._first) for block in self._blocks}
        wanted = ("pretrain", "sft", "reward", "align/dpo", "align/ppo", "evaluate/base", "export/gguf")
        metrics = {name: json.loads((self._first / f"metrics/{name}.json").read_text()) for name in wanted}
        return {"seconds": seconds, "metrics": metrics}

    def again(self) -> dict[str, Any]:
        """The trainers a second time: which of them gave other bits."""
        second = self._copy("second")
        for block in self._trainers():
            self._run(block, second)
        return {"other": list(self._different(second))}

    def killed(self) -> dict[str, Any]:
        """The trainers, each killed with -9 at its first checkpoint and started again."""
        third, stopped = self._copy("third"), {}
        for block in self._trainers():
            stopped[block.name] = self._kill(block, third)
            self._run(block, third)
        return {"killed": stopped, "other": list(self._different(third))}

    def _trainers(self) -> list[Block]:
        return [block for block in self._blocks if block.name.split("@")[0] in TRAINERS]

    def _different(self, folder: Path) -> Iterator[str]:
        for block in self._trainers():
            ours, theirs = (json.loads((place / block.outs[0] / "manifest.json").read_text()) for place in (self._first, folder))
            if ours != theirs:
                yield block.name

    def _folder(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in CODE:
            (folder / name).symlink_to(ROOT / name)
        shutil.copy(self._prepared / "params.yaml", folder)
        shutil.copytree(self._prepared / "plan", folder / "plan")
        for name in ("input", "examples", "benchmarks"):
            (folder / "data" / name).mkdir(parents=True)

    def _copy(self, name: str) -> Path:
        """A folder with what the trainers read already there."""
        folder = self._temporary / name
        self._folder(folder)
        for block in self._blocks[: self._blocks.index(self._trainers()[0])]:
            shutil.copytree(self._first / block.outs[0], folder / block.outs[0])
        return folder

    def _start(self, block: Block, folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", block.module, *([block.entry] if block.entry else [])]
        environment = os.environ | {"DVC_STAGE": block.name, "PYTHONPATH": str(ROOT)}
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen(command, cwd=folder, env=environment, **pipes)

    def _run(self, block: Block, folder: Path) -> float:
        started = time.perf_counter()
        process = self._start(block, folder)
        try:
            said, _ = process.communicate(timeout=max(1.0, self._deadline - time.perf_counter()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimeoutError(f"no time left for {block.name}") from None
        if process.returncode:
            raise RuntimeError(f"{block.name}: {said[-2500:]}")
        return round(time.perf_counter() - started, 1)

    def _kill(self, block: Block, folder: Path) -> bool:
        """Whether it was killed before its end."""
        process = self._start(block, folder)
        while process.poll() is None and time.perf_counter() < self._deadline:
            with suppress(FileNotFoundError):  # a draft was renamed while it was looked into
                if any(".part" not in str(path) for path in (folder / ".run" / block.folder).glob("*/**/manifest.json")):
                    os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL


if __name__ == "__main__":
    main()

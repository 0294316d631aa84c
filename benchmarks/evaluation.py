"""How fast models are scored, beside lm-evaluation-harness, on the same items and model: `python -m benchmarks.evaluation`.

[--pairs 500] [--questions 500] [--documents 200] [--rounds 3]

Minimal pairs, questions with four answers, and whole documents, made from a text; a model of the default shape that a short training has
taught it. Each run is a process of its own on one thread, ours and the peer's in turn; the CPU seconds are those of the evaluation alone,
from the files of items to the scores, without start and loading; the round with the least counts. Numbers must agree within 1e-4. Prints a
table and adds a dated file to results/.
"""

import argparse
import datetime
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.runs import ALL, learned, rows_of, settings_of  # isort: skip - the stages' fixed arithmetic comes before torch

from rich.console import Console
from rich.table import Table

from benchmarks.text import REAL, RESULTS, ROOT, WORK, environment, peers_python
from benchmarks.text_measure import cost_of
from pipeline.core.artifact.model import Model
from pipeline.core.files import write_json, write_jsonl
from pipeline.core.seed import stream
from pipeline.model import disk

AT_LEAST = {"pairs": 5.0, "choice": 3.0, "rolling": 3.0}  # times as fast
ALIKE = 1e-4  # nats, relative to a log-likelihood above 1


def items_of(text: str, amounts: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each kind, from the lines of a text."""
    draw = stream(1, "bench-eval")
    lines = [line.strip() for line in text.splitlines() if len(line.split()) > 5]
    chosen = [lines[number] for number in draw.permutation(len(lines))]
    rows: dict[str, list[dict[str, Any]]] = {"pairs": [], "choice": [], "rolling": []}
    for line in chosen[: amounts["pairs"]]:
        words = line.split()
        place = int(draw.integers(1, len(words) - 1))
        words[place - 1], words[place] = words[place], words[place - 1]
        rows["pairs"].append({"sentence_good": line, "sentence_bad": " ".join(words), "UID": "order"})
    for number in range(amounts["choice"]):
        first, *others = (chosen[(number * 5 + at) % len(chosen)] for at in range(4))
        words = first.split()
        answers = [" ".join(words[4:]), *(" ".join(other.split()[4:]) for other in others)]
        options = {"text": answers, "label": list("ABCD")}
        rows["choice"].append({"question": " ".join(words[:4]), "choices": options, "answerKey": "A"})
    size = 400  # characters, within a window of either
    rows["rolling"] = [{"text": text[start : start + size]} for start in range(0, amounts["rolling"] * size, size)]
    return rows


def model_of(text: str, target: Model) -> None:
    """The default shape, taught for a minute."""
    settings = settings_of(["pretrain.duration=150 steps", f"pretrain.eval_every={ALL}"])
    texts = {"train": [text[:300_000]], "val": [text[-5_000:]]}
    run = learned(texts, settings)
    codec, _ = rows_of(texts, settings, target.path.parent / "tokenizing")
    disk.save(run.module, target, tokenizer=codec, facts={})


def apart(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """The largest difference of two log-likelihoods, relative where they are above 1."""
    pairs = [(mine, other) for one, two in zip(ours, theirs, strict=True) for mine, other in zip(one, two, strict=True)]
    return max(abs(mine - other) / max(1.0, abs(other)) for mine, other in pairs)


def main() -> None:
    """Make items and model, run both in turn, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=REAL, help="a text; default: Shakespeare beside the checkout")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"there is no text {options.text}: --text FILE")
    text, folder = options.text.read_text(), WORK / "eval"
    folder.mkdir(parents=True, exist_ok=True)
    python, model = peers_python("eval"), Model(folder / f"model-{hashlib.sha256(text.encode()).hexdigest()[:12]}")
    for kind, rows in items_of(text, {"pairs": options.pairs, "choice": options.questions, "rolling": options.documents}).items():
        write_jsonl(folder / f"{kind}.jsonl", rows)
    if not model.path.is_dir():
        model_of(text, model)
    table = Table("items", "lm-evaluation-harness, CPU s", "ours, CPU s", "ratio", "target", "largest difference", title="Scoring")
    kept = []
    for kind, target in AT_LEAST.items():
        commands = {
            "theirs": [str(python), str(ROOT / "benchmarks/eval_peers/harness.py"), str(model.path), str(folder), kind],
            "ours": [sys.executable, "-m", "benchmarks.evaluation_ours", str(model.path), str(folder), kind],
        }
        runs: dict[str, list[dict[str, Any]]] = {"theirs": [], "ours": []}
        for _ in range(options.rounds):
            for name, command in commands.items():
                runs[name].append(json.loads(cost_of(command, cwd=ROOT, environment=environment()).output.splitlines()[-1]))
        peer, mine = (min(run["seconds"] for run in runs[name]) for name in ("theirs", "ours"))
        difference = apart(runs["ours"][0]["values"], runs["theirs"][0]["values"])
        kept.append({"kind": kind, "theirs": peer, "ours": mine, "difference": difference, "items": len(runs["ours"][0]["values"])})
        said = "reached" if peer >= target * mine else "missed"
        table.add_row(kind, f"{peer:.2f}", f"{mine:.2f}", f"{peer / mine:.1f}", f"{target:g}, {said}", f"{difference:.1e}")
        if difference > ALIKE:
            sys.exit(f"{kind}: log-likelihoods differ by {difference:.1e}, more than {ALIKE}")
    Console().print(table)
    write_json(RESULTS / f"eval-{datetime.date.today()}.json", {"rows": kept, "rounds": options.rounds})


if __name__ == "__main__":
    main()

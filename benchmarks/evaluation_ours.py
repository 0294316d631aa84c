"""Our scorer on the items of benchmarks.evaluation: `python -m benchmarks.evaluation_ours MODEL FOLDER KIND`.

Prints as JSON the CPU seconds of the evaluation alone, from the files to the scores, and the log-likelihoods of each item.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import stages  # noqa: F401 - before torch: the arithmetic of the stages

import torch  # isort: skip

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import read_jsonl
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.choices import continued
from pipeline.evaluate.kinds.benchmark import Benchmark
from pipeline.evaluate.task import Examined
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.model.score import document_nats
from pipeline.tokens.special import ENDOFTEXT, IDS

FORMATS: dict[str, Any] = {"pairs": "blimp", "choice": "arc"}
HOW: dict[str, Any] = {"shots": 0, "examples": None, "chat": False, "context": 256, "items": 1_000_000, "ngram": 1}


def main() -> None:
    """One kind."""
    model, folder, kind = Model(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    module = load(model, device="cpu")
    given = given_of(model, folder)
    began = time.process_time()
    values = rolling(module, given) if kind == "rolling" else choices(module, given, kind)
    print(json.dumps({"seconds": time.process_time() - began, "values": values}))


def given_of(model: Model, folder: Path) -> Examined:
    """What tasks need that read files of `folder` alone."""
    return Examined(
        name="ours",
        split=Split(folder),
        tokens=Tokens(folder),
        dialogues=Dialogues(folder),
        benchmarks=folder,
        tokenizer=tokenizer_of(model),
        digest=tokenizer_digest(model),
        bootstrap=Bootstrap(100, 1),
        seed=1,
        batch_size=256,
    )


def choices(module: Any, given: Examined, kind: str) -> list[list[float]]:
    """In the order of the file."""
    task = Benchmark(kind="benchmark", format=FORMATS[kind], files=f"{kind}.jsonl", **HOW)
    items = task.read(kind, given)
    scores = continued(module, [(item.context, item.choices) for item in items], batch=given.batch_size)
    found = {int(item.id.rpartition(":")[2]): [one.nats for one in some] for item, some in zip(items, scores, strict=True)}
    return [found[number] for number in sorted(found)]


def rolling(module: Any, given: Examined) -> list[list[float]]:
    """Whole documents, each within a window."""
    ids = [[IDS[ENDOFTEXT], *given.ids(row["text"])] for row in read_jsonl(given.benchmarks / "rolling.jsonl")]
    return [[-value] for value in document_nats(module, ids, window=257, stride=256, batch=32).tolist()]


if __name__ == "__main__":
    main()

"""One model on all tasks."""

from pathlib import Path
from typing import Any

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.core import core_row
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined
from pipeline.evaluate.tasks import Tasks
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of


def examine(
    name: str,
    model: Model,
    tasks: Tasks,
    *,
    data: tuple[Split, Tokens, Dialogues, Path],
    bootstrap: Bootstrap,
    seed: int,
    batch_size: int,
    device: str,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """The scores of the model under this name, and a record of each thing that it was asked."""
    split, tokens, dialogues, benchmarks = data
    given = Examined(
        name=name,
        split=split,
        tokens=tokens,
        dialogues=dialogues,
        benchmarks=benchmarks,
        tokenizer=tokenizer_of(model),
        digest=tokenizer_digest(model),
        bootstrap=bootstrap,
        seed=seed,
        batch_size=batch_size,
    )
    module = load(model, device=device)
    results = [task.examine(key, module, given) for key, task in tasks.items()]
    records = [record for result in results for record in result.records]
    return [*(row for result in results for row in result.rows), core_row(name, records, bootstrap)], records

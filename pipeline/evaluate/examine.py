"""One model on all tasks."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from pipeline.core.artifact.candidate import Candidate
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap
from pipeline.core.progress import progress
from pipeline.evaluate.contamination import Repeats, contamination_rows
from pipeline.evaluate.core import core_row
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined
from pipeline.evaluate.tasks import Tasks
from pipeline.model.candidate import Theirs, load_candidate
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.tokens.codec import Codec
from pipeline.tokens.tokenizer import load as load_tokenizer


def examine(
    name: str,
    model: Candidate,
    tasks: Tasks,
    *,
    data: tuple[Split, Tokens, Tokenizer, Dialogues, tuple[Path, OverlapConfig, Path]],
    bootstrap: Bootstrap,
    seed: int,
    batch_size: int,
    device: str,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """The scores of the model under this name, and a record of each thing that it was asked. With the folder of benchmarks go the overlap
    with training text that makes one of their items contaminated, and a folder that remembers what was found for the next model."""
    split, tokens, tokenizer, dialogues, (benchmarks, overlap, memory) = data
    module, theirs = opened(model, device=device)
    given = Examined(
        name=name,
        split=split,
        tokens=tokens,
        dialogues=dialogues,
        benchmarks=benchmarks,
        tokenizer=load_tokenizer(tokenizer) if theirs else tokenizer_of(model),
        digest=tokenizer.digest if theirs else tokenizer_digest(model),
        bootstrap=bootstrap,
        seed=seed,
        batch_size=batch_size,
        theirs=theirs,
        tasks=tasks,
    )
    _refuse_short(module, tasks, given)
    results = {key: task.examine(key, module, given) for key, task in progress(tasks.items(), f"tasks of {name}")}
    records = [record for result in results.values() for record in result.records]
    apart = contamination_rows(given, results, Repeats(overlap, memory))
    return [*(row for key, result in results.items() for row in (*result.rows, *apart[key])), core_row(name, records, bootstrap)], records


def opened(model: Candidate, *, device: str) -> tuple[PreTrainedModel, Codec | None]:
    """The module, and of a model of other people how it reads."""
    if model.ours:
        return load(model, device=device), None
    return load_candidate(model.path, device=device), Theirs(model.path)


def _refuse_short(module: PreTrainedModel, tasks: Tasks, given: Examined) -> None:
    """PipelineError where a model of other people reads less at once than it is asked to."""
    context = int(getattr(module.config, "max_position_embeddings", None) or 1 << 30)
    wanted = {f"tasks.{name}.context": task.context for name, task in tasks.items() if hasattr(task, "context")}
    wanted |= {"tokenize.sequence_length": int(given.tokens.facts["length"])}
    key, length = max(wanted.items(), key=lambda one: one[1])
    if given.theirs is not None and length > context:
        raise PipelineError(f"{given.name} reads {context} tokens, {key} is {length}", mend=f"{key}={context}, or a model that reads more")

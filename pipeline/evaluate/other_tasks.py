"""Which tasks have items that another task can ask, as `of` names it."""

from typing import get_args, get_type_hints

from pipeline.evaluate.items import ItemTask
from pipeline.evaluate.kinds.perturbed import Perturbed
from pipeline.evaluate.kinds.written import InWords
from pipeline.evaluate.tasks import Kind


def kinds_asked_by(kind: str) -> set[str]:
    """The kinds of tasks whose items a task of this kind can ask: those with continuations, and for `perturbed` answers in writing too."""
    own = {name: task for task in get_args(Kind) for name in _names(task)}
    more = (ItemTask, InWords) if own.get(kind) is Perturbed else (ItemTask,)
    return {name for name, task in own.items() if issubclass(task, more) or hasattr(task, "gaps")}


def _names(task: type) -> tuple[str, ...]:
    names: tuple[str, ...] = get_args(get_type_hints(task)["kind"])
    return names

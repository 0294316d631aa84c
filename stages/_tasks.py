"""What is between tasks: one that asks the items of another, and one that contest needs. A mend names the whole list."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError

FOLDER = Path("conf/tasks")


def faults_of_tasks(settings: Mapping[str, Any]) -> Iterator[PipelineError]:
    """None for contest to ask, and tasks whose `of` names one that is not asked, or has no items that they can ask."""
    tasks = settings["tasks"]
    if not any(task.get("kind") == "questions" for task in tasks.values()):
        message = "tasks has no task of kind questions, which contest compares the models on"
        yield PipelineError(message, mend=with_file("prompts", tasks) if tasks else "tasks=[text,dialogues,prompts]")
    askers = {name: task for name, task in tasks.items() if task.get("of") is not None}
    if askers:
        from pipeline.evaluate.other_tasks import kinds_asked_by  # a second, for those who ask

        for name, task in askers.items():
            if tasks.get(task["of"], {}).get("kind") not in (kinds := kinds_asked_by(task["kind"])):
                message = f"tasks.{name}.of={task['of']} is no task of items that is asked"
                yield PipelineError(message, mend=_mend_of(name, task["of"], kinds, tasks))


def with_file(file: str, tasks: Mapping[str, Any]) -> str:
    """The word that chooses the files in force and one more."""
    own = {path: [name for name in entries if name in tasks] for path, entries in _entries().items()}
    whole = [path for path, names in own.items() if names and len(names) == len(_entries()[path])]
    order = list(tasks)
    return f"tasks=[{','.join([*sorted(whole, key=lambda path: order.index(own[path][0])), file])}]"


def _mend_of(name: str, of: str, kinds: set[str], tasks: Mapping[str, Any]) -> str:
    """Its file in the list; where there is none with such items, another task to ask."""
    for file, entries in _entries().items():
        if entries.get(of, {}).get("kind") in kinds:
            return with_file(file, tasks)
    other = next((one for one, task in tasks.items() if task["kind"] in kinds), None)
    return (
        f"tasks.{name}.of={other}" if other else f"a task of kind {', or '.join(sorted(kinds))} in tasks, and its name as tasks.{name}.of"
    )


def _entries() -> dict[str, dict[str, Any]]:
    """The entries of each file of conf/tasks."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")).get("tasks") or {} for path in sorted(FOLDER.glob("*.yaml"))}

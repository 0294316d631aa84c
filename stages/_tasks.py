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
    return f"tasks=[{','.join([*files_of(tasks), file])}]"


def files_of(tasks: Mapping[str, Any]) -> list[str]:
    """The files of conf/tasks that the tasks are of, in their order; one of which some are missing where no whole file has the others."""
    made, order = entries(), list(tasks)
    whole = {file for file, own in made.items() if own and own.keys() <= tasks.keys()}
    left = tasks.keys() - {name for file in whole for name in made[file]}
    found = [file for file, own in made.items() if file in whole or own.keys() & left]
    return sorted(found, key=lambda file: min(order.index(name) for name in made[file] if name in tasks))


def _mend_of(name: str, of: str, kinds: set[str], tasks: Mapping[str, Any]) -> str:
    """Its file in the list; where there is none with such items, another task to ask."""
    for file, own in entries().items():
        if own.get(of, {}).get("kind") in kinds:
            return with_file(file, tasks)
    other = next((one for one, task in tasks.items() if task["kind"] in kinds), None)
    return (
        f"tasks.{name}.of={other}" if other else f"a task of kind {', or '.join(sorted(kinds))} in tasks, and its name as tasks.{name}.of"
    )


def entries() -> dict[str, dict[str, Any]]:
    """The entries of each file of conf/tasks."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")).get("tasks") or {} for path in sorted(FOLDER.glob("*.yaml"))}

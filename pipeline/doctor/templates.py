"""Chat templates of models that other people made: tried on an exchange, which the stage would do after all training."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.manifest import NAME
from pipeline.doctor.finding import Finding
from pipeline.model.folder import FOLDER

USER = {"role": "user", "content": "What is this?"}
ASKED = {  # what tasks ask, by what of it a template may refuse
    "a question": [USER],
    "a question after others": [USER, {"role": "assistant", "content": "An example."}, USER],
    "a system prompt": [{"role": "system", "content": "Answer the question."}, USER],
}


def templates(settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Of each model that is judged and not ours: whether its template takes what tasks ask. Of one to go on from: that ours is taught."""
    for name, place in settings["models"].items():
        if _is_theirs(folder := Path(place)):
            yield from _tried(f"models.{name}", folder)
    if settings["model"]["kind"] == FOLDER and _is_theirs(folder := Path(settings["model"]["init_from"])):
        yield Finding("chat", f"model.init_from: sft teaches our chat template; that of {folder}, good or not, is not used")


def _is_theirs(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file() and not (folder / NAME).is_file()


def _tried(key: str, folder: Path) -> Iterator[Finding]:
    from pipeline.model.candidate import Theirs

    theirs = Theirs(folder)
    again = f"the template as it was released, in {folder}/chat_template.jinja or tokenizer_config.json"
    try:
        if not theirs.has_template:
            yield Finding("chat", f"{key}: {folder} has no chat template, a dialogue is read as lines of text", again, stops=False)
            return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        yield Finding(
            "chat", f"{key}: the tokenizer of {folder} can't be read: {fault}", f"tokenizer_config.json as it was released, in {folder}"
        )
        return
    refused = {}
    for what, messages in ASKED.items():
        try:
            theirs.chat(messages)
        except InputError as fault:
            refused[what] = fault
    if "a question" in refused:
        yield Finding("chat", f"{key}: {refused['a question'].message}", again)
    elif refused:
        instead = f"{again}; or tasks and dialogues without that"
        yield Finding("chat", f"{key}: the chat template of {folder} refuses {' and '.join(refused)}", instead, stops=False)
    else:
        yield Finding("chat", f"{key}: {folder} has a chat template of its own")

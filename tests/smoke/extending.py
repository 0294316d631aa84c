"""docs/extending.md as what it tells to do: files to write, changes to apply, commands to run, guide by guide."""

import re
from dataclasses import dataclass

from tests.smoke.clone import ROOT, Clone

_BLOCK = re.compile(r"([^\n]*)\n```(\w+)\n(.*?)```", re.DOTALL)
_NAMED = re.compile(r"`([\w/]+\.(?:py|yaml))`")


@dataclass(frozen=True)
class Guide:
    """One chapter of the page."""

    files: dict[str, str]  # path -> content
    changes: list[str]  # diffs
    commands: list[str]

    def follow(self, clone: Clone) -> None:
        """Write the files and apply the changes."""
        for name, text in self.files.items():
            assert not (clone.folder / name).exists(), name
            (clone.folder / name).parent.mkdir(exist_ok=True)
            (clone.folder / name).write_text(text)
        for change in self.changes:
            patch = clone.folder / ".run/change.diff"
            patch.write_text(change)
            clone.run("git", "apply", str(patch))


def guide(chapter: str) -> Guide:
    """A file's name stands in the line before its block: the last that ends in .py or .yaml."""
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    text = page.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    files, changes, commands = {}, [], []
    for before, language, content in _BLOCK.findall(text):
        if language == "diff":
            changes.append(content)
        elif language == "sh":
            commands += content.splitlines()
        else:
            files[_NAMED.findall(before)[-1]] = content
    return Guide(files, changes, commands)


def undo(clone: Clone) -> None:
    """The clone as it was committed, data and all."""
    clone.run("git", "reset", "--hard", "--quiet")
    clone.run("git", "clean", "-dfq")
    clone.dvc("checkout", "--force")

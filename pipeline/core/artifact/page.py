"""A page that a browser opens."""

from collections.abc import Mapping

from pipeline.core.artifact.base import Artifact
from pipeline.core.files import write_json


class Page(Artifact):
    """index.html, one file that needs no other and no network, the same without drawings as page.md, and numbers.json about it."""

    kind = "page"

    def write(self, html: str, markdown: str, numbers: Mapping[str, int]) -> None:
        """Write the page."""
        with self.writing() as draft:
            (draft.path / "index.html").write_text(html, encoding="utf-8", newline="\n")
            (draft.path / "page.md").write_text(markdown, encoding="utf-8", newline="\n")
            write_json(draft.path / "numbers.json", dict(numbers))
            draft.facts["bytes"] = len(html.encode())

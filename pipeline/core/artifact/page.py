"""A page that a browser opens."""

from pipeline.core.artifact.base import Artifact


class Page(Artifact):
    """index.html: one file that needs no other and no network."""

    kind = "page"

    def write(self, html: str) -> None:
        """Write the page."""
        with self.writing() as draft:
            (draft.path / "index.html").write_text(html, encoding="utf-8", newline="\n")
            draft.facts["bytes"] = len(html.encode())

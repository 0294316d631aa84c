"""Write docs/glossary.md from the glossary of the report: `python -m apps.glossary`."""

from pathlib import Path

from pipeline.core.files import write_text
from pipeline.report.glossary import as_markdown

PAGE = Path("docs/glossary.md")


def main() -> None:
    """The page anew."""
    write_text(PAGE, as_markdown())
    print(f"glossary: wrote {PAGE}")


if __name__ == "__main__":
    main()

"""Remove what editors and transcribers of books add: captions of illustrations, footnotes and their marks, transcriber's notes."""

import re
from collections.abc import Iterator

from pipeline.text.repair.characters import PAGE

_KINDS = (
    r"illustrations?|ill?ustr\.|footnotes?|sidenotes?|transcriber'?s?'?s? notes?|transcriber’s notes?|decorations?|frontispiece|headpiece|"
    r"tailpiece|ornament|picture|image|blank page|endnotes?"
)
_OPEN = re.compile(rf"\[\s{{0,3}}(?:_|\*)?(?:{_KINDS})\b(?=[^\]\[]{{0,3}}[\s:.,\]_*0-9-])", re.IGNORECASE)
_LONGEST = 12_000  # characters of a footnote
_MARK = re.compile(r"\[(?P<name>[0-9]{1,3}|[A-Z]|[*†‡])\]|\{(?P<braced>[0-9]{1,3})\}")
_NOTE = re.compile(r"\n\n {0,8}\[(?P<name>[0-9]{1,3}|[A-Z]|[*†‡])\] ?[^\s\[]")  # a paragraph
_PARAGRAPH_END = re.compile(r"\n[ ]*\n|\Z")
_ENDS = frozenset(".,;:!?\"'”’)]")
_LEAST = 3  # marks after sentences, with rising numbers, that are evidence without notes
_HEAD = re.compile(
    r"(?:^|(?<=\n))[ ]{0,40}[_*=~-]{0,4}\[?transcriber[’']?s?[’']? notes?\b[_*=~-]{0,4}[.:]?[_*=~-]{0,4}[ ]{0,40}(?=\n|\Z)", re.IGNORECASE
)
_TAIL = 0.85  # share of the text after which notes of the transcriber reach to the end
_FRONT = 6_000  # characters before the text in which there may be such notes
_BLANKS = re.compile(r"[ ]{2,}")


def editorial(text: str) -> tuple[str, int]:
    """Remove bracketed captions and notes, footnotes and their marks, and notes of the transcriber; counts the removed parts.

    A bracket must close; marks like [3] count only beside footnotes of that name, or after sentences in rising order.
    """
    notes = {found["name"] for found in _NOTE.finditer(f"\n\n{text}")} if "[" in text else set()
    named = set(re.findall(r"\[Footnotes? ([0-9]{1,3}|[A-Z*†‡])\b", text))
    spans = list(_brackets(text)) if "[" in text else []
    spans += _transcribers(text) if "ranscriber" in text or "RANSCRIBER" in text else ()
    spans += _footnotes(text, notes, named, any(text.startswith(("[Foot", "[FOOT"), start) for start, _ in spans))
    if not spans:
        return text, 0
    pieces: list[str] = []
    last = count = 0
    for start, stop in sorted(spans):
        if start < last:
            continue
        count += 1
        pieces.append(text[last:start])
        last = stop
        before = text.rfind("\n", 0, start) + 1
        end = text.find("\n", stop)
        alone = not text[before:start].strip(" ") and not text[stop : len(text) if end < 0 else end].strip(" ")
        if alone:  # a line of its own: as a page mark, so that a sentence it interrupts is closed
            pieces[-1] = pieces[-1].rstrip(" ")
            pieces.append(PAGE)
        elif text[start - 1 : start] in (" ", "\n", "") and text[stop : stop + 1] == " ":
            last = stop + 1
        elif text[stop : stop + 1] in ("", "\n") and text[start - 1 : start] == " ":
            pieces[-1] = pieces[-1].rstrip(" ")
    return "".join([*pieces, text[last:]]), count


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of the bracketed captions and notes."""
    last = 0
    for found in _OPEN.finditer(text):
        start = found.start()
        if start < last:
            continue
        depth = 0
        for sign in re.compile(r"[\[\]]").finditer(text, start, start + _LONGEST):
            depth += 1 if sign.group() == "[" else -1
            if not depth:
                last = sign.end()
                yield start, last
                break


def _footnotes(text: str, notes: set[str], named: set[str], bracketed: bool) -> Iterator[tuple[int, int]]:
    """Start and end of the marks of footnotes, and of the paragraphs [3] that they lead to."""
    found_marks = _MARK.finditer(text) if "[" in text or "{" in text else ()
    marks = [
        (found.span(), found["name"] or found["braced"]) for found in found_marks if text[found.start() - 1 : found.start()].strip("[({ \n")
    ]
    numbers = [int(name) for (start, _), name in marks if name.isdigit() and text[start - 1] in _ENDS]
    rising = len(numbers) >= _LEAST and sorted(numbers) == numbers and numbers[0] <= _LEAST
    known = named | notes
    used = set()
    for span, name in marks:
        if name in known or (bracketed and (name.isdigit() or len(known) == 0)) or (rising and name.isdigit()):
            used.add(name)
            yield span
    for found in _NOTE.finditer(f"\n\n{text}"):
        if found["name"] in used:
            end = _PARAGRAPH_END.search(text, found.start() + 1)  # the two newlines before the text are the blank line before the note
            yield found.start(), end.start() if end else len(text)


def _transcribers(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of notes of the transcriber under a heading: to the end of the text, or the next paragraph before it."""
    for found in _HEAD.finditer(text):
        if text[found.start() : found.end()].lstrip(" ").startswith("["):
            continue
        if found.start() >= _TAIL * len(text):
            yield found.start(), len(text)
            return
        if found.end() <= _FRONT:
            start = re.compile(r"\S").search(text, found.end())
            end = _PARAGRAPH_END.search(text, start.start()) if start else None
            yield found.start(), end.start() if end else found.end()

"""An independent way back from a dirty book to the clean one, for books whose title page, headings and manners of dirt are known."""

import re
import unicodedata
from collections import Counter

import ftfy

from pipeline.world import dirt_files
from pipeline.world.dirt_ocr import VOCABULARY, corrections

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
NUMBER = re.compile(r" *(?:- \d+ -|\[\d+\]|\{\d+\}|\[Pg \d+\]|(?:Page )?\d+(?: of \d+)?)")
ENDED = re.compile(r"[.!?:\"]$")
SITE = {line for rows in (*dirt_files.SITE_HEADS, *dirt_files.SITE_FEET, dirt_files.SITE_LINES) for line in rows}
HEADERS = (r"\*\*\* START OF THE OPEN", r"Produced by Martha Holloway", r"\*END\*THE SMALL PRINT", r"You can search through the full text")
FOOTERS = (r"\*\*\* END OF THE OPEN", r"End of the Open Shelf E", r"This work is licensed under a Creative")


def undone(dirty: str, clean: str) -> str:
    """The dirty text without its dirt; of the clean one no more is looked at than title, author and headings."""
    title, author, *rest = clean.split("\n\n")
    headings = [line for line in rest if re.match(r"Chapter \d+\. ", line)]
    text = "\n".join(line if line.isascii() else ftfy.fix_encoding(line) for line in dirty.split("\n"))
    for header in HEADERS:
        text = re.sub(rf"(?ms)\A.*^{header}.*?\n\n+", "", text)
    for footer in FOOTERS:
        text = re.sub(rf"(?ms)^{footer}.*\Z", "", text)
    text = plain(re.sub(r"[-‐¬\u00ad]\n", "-\n", text))
    lines = [line for line in text.split("\n") if line not in {line.format(title=title) for line in SITE}]
    lines = once(without_contents(lines, headings))
    names = {title, title.upper(), author.removeprefix("by ").upper(), *(heading.split(". ", 1)[1].upper() for heading in headings)}
    names |= {f"{title.upper()}, BY {author.removeprefix('by ').upper()}"}
    return right(unmarked(joined(lines, names, {title, author, *headings})))


def plain(text: str) -> str:
    text = text.replace("\n\f\n", "\n").replace("\f", "").replace("\u00ad", "")
    text = INVISIBLE.sub("", text)
    text = re.sub("[“”„″]", '"', re.sub("[’´′]", "'", text))
    for ligature, letters in LIGATURES.items():
        text = text.replace(ligature, letters)
    text = "".join(chr(ord(sign) - 0xFEE0) if "！" <= sign <= "～" else sign for sign in unicodedata.normalize("NFC", text))
    return re.sub("[\u00a0\u2000-\u200a\u202f\u3000]", " ", text)


def without_contents(lines: list[str], headings: list[str]) -> list[str]:
    """From its head to the first heading that text follows."""
    start = next((place for place, line in enumerate(lines) if line.strip().casefold() in ("contents", "table of contents")), None)
    if start is None:
        return lines
    single = [" ".join(line.split()) for line in lines]
    for stop in range(start, len(lines)):
        following = next((line for line in single[stop + 1 :] if line), "")
        if single[stop] == headings[0] and following not in headings:
            return [*lines[:start], *lines[stop:]]
    raise AssertionError("no end of the contents")


def once(lines: list[str]) -> list[str]:
    """Runs of three or more lines that stand twice in a row, blank lines apart, stand once."""
    full = [place for place, line in enumerate(lines) if line.strip()]
    texts = [lines[place] for place in full]
    for start in range(len(texts)):
        for size in range(3, 60):
            if len(texts) >= start + 2 * size and texts[start : start + size] == texts[start + size : start + 2 * size]:
                gone = range(full[start + size - 1] + 1, full[start + 2 * size - 1] + 1)
                return once([*lines[: gone.start], *lines[gone.stop :]])
    return lines


def joined(lines: list[str], names: set[str], alone: set[str]) -> str:
    """Paragraphs out of lines, without what stands between pages."""
    margin = min(
        (len(line) - len(line.lstrip(" ")) for line in lines if line.strip() and not furniture(line, names, first=False)), default=0
    )
    paragraphs: list[str] = []
    blank = page = False
    for place, raw in enumerate(lines):
        line = re.sub(" +", " ", raw.strip(" "))
        indented = raw.startswith(" " * (margin + 2))
        if not line:
            blank = True
        elif furniture(raw, names, first=place < 3 or not paragraphs):
            page = True
        else:
            last = paragraphs[-1] if paragraphs else ""
            goes_on = not ENDED.search(last) and last not in alone and line[0].islower() if page and blank else not blank
            if paragraphs and goes_on and last not in alone and not (indented and ENDED.search(last)):
                paragraphs[-1] = last[:-1] + line if re.search(r"[a-z]-$", last) else f"{last} {line}"
            else:
                paragraphs.append(line)
            blank = page = False
    return "\n\n".join(paragraphs)


def furniture(line: str, names: set[str], *, first: bool) -> bool:
    bare = re.sub(r"^\d+ {2,}| {2,}\d+$", "", line)
    return not first and (bool(NUMBER.fullmatch(line)) or bare in names)


def unmarked(text: str) -> str:
    return re.sub(r"</?(?:i|em)>", "", re.sub(r"([_*])([A-Za-z][A-Za-z ]*)\1", r"\2", text))


def right(text: str) -> str:
    """Words that are none become the one that they may be a misreading of and that stands elsewhere."""
    stands = Counter(re.findall(r"[a-z0-9]+", text))
    known = {word for word in stands if word in VOCABULARY or stands[word] >= 3}

    def mend(match: re.Match[str]) -> str:
        word = match[0]
        found = {one for one in corrections(word, known) if stands[one] >= 3 * stands[word]}
        return word if word in VOCABULARY or len(found) != 1 else found.pop()

    return re.sub(r"(?<![\w'])[a-z][a-z0-9]*[a-z](?![\w'])", mend, text)

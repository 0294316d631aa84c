"""Repairs of single characters: newlines, broken encodings, controls, quotes.

A repair takes a text and gives the new text and how often it changed something.
PAGE, a form feed on a line of its own, marks where a page ended; `paragraphs` takes the marks out.
"""

import re
import unicodedata

PAGE = "\f"
_NEWLINES = re.compile(r"\r\n?|[\v\u0085\u2028\u2029]")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# C0 and C1 without tab, newline and form feed; DEL; soft hyphen; zero-width and direction marks; noncharacters
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]+"
)
# Letters with which UTF-8 read as cp1252 or Latin-1 begins; text without them is not suspicious
_SUSPICIOUS = re.compile("[\u00c2\u00c3\u00c5\u00e2\u0192\u20ac\u0080-\u009f]")
_QUOTES = str.maketrans({**dict.fromkeys("‘’‚‛′`´", "'"), **dict.fromkeys("“”„‟″", '"')})
_CURLY = re.compile("[‘’‚‛′´“”„‟″]")


def newlines(text: str) -> str:
    """Every newline is \\n, every form feed stands on a line of its own, every space is a space."""
    text = _NEWLINES.sub("\n", text) if not text.isascii() or "\r" in text or "\v" in text else text
    if PAGE in text:
        pages = [page.strip(" ").removeprefix("\n").removesuffix("\n") for page in text.split(PAGE)]
        text = f"\n{PAGE}\n".join(pages)  # no blank line comes in: that would end a paragraph
    return text if text.isascii() else _SPACES.sub(" ", text)


def encoding(text: str) -> tuple[str, int]:
    """UTF-8 that was read as another encoding, line by line, as ftfy sees it (Speer 2019)."""
    if text.isascii() or not _SUSPICIOUS.search(text):
        return text, 0
    import ftfy  # 0.1 s that most corpora need not spend

    count = 0
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if not line.isascii() and _SUSPICIOUS.search(line) and (mended := ftfy.fix_encoding(line)) != line:
            lines[place] = mended
            count += 1
    return "\n".join(lines), count


def controls(text: str) -> tuple[str, int]:
    """Without control, zero-width and direction characters; tabs become spaces."""
    text, count = _CONTROLS.subn("", text)
    return text.replace("\t", " "), count


def quotes(text: str) -> tuple[str, int]:
    """Curly quotes become straight."""
    if text.isascii():
        return text, 0
    count = len(_CURLY.findall(text))
    return (text.translate(_QUOTES) if count else text), count


def composed(text: str) -> str:
    """Unicode normal form C."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)

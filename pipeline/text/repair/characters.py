"""Repairs of characters: broken encodings, newlines, controls, Unicode form, ligatures, quotes.

PAGE, a form feed on its own line, marks the end of a page; `wrapping` removes it.
"""

import re
import unicodedata

PAGE = "\f"
HYPHENS = "-\u2010\u00ac\u00ad"  # signs of a broken word at a line end: hyphens, the not sign of scanned books, soft hyphens
_NEWLINES = re.compile(r"[\v\u0085\u2028\u2029]")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# First letters of UTF-8 misread as cp1252 or Latin-1, rare ones only before possible followers; text without them needs no repair
_SUSPICIOUS = re.compile(
    "[\u00c2\u00c3\u00c5\u00e2\u0192\u20ac\u0080-\u009f]|[\u00c2-\u00f4][\u00a0-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u02c6\u02dc\u2013-\u203a\u2122]"
)
# C0 and C1 without white space; DEL; zero-width and direction marks; noncharacters. A soft hyphen at a line end breaks a word
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]+"
    "|\u00ad(?![ ]*\n)|[\u200c\u200d]+"
)
_QUOTES = str.maketrans({**dict.fromkeys("‘’‚‛′´", "'"), **dict.fromkeys("“”„‟″", '"')})
_CURLY = re.compile("[‘’‚‛′´“”„‟″]")
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
_FULLWIDTH = re.compile("[\uff01-\uff5e]+")
_LETTER_OR_DIGIT = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
_WIDE = str.maketrans({code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)})
# Kana, Han and their marks: scripts without spaces between words; Korean has spaces
UNSPACED = re.compile(
    "[\u3001-\u3003\u3005-\u3011\u3014-\u301b\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff1f\uff3b-\uff3d\uff5b-\uff65\U00020000-\U0003ffff]"
)
_EAST = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")  # text in which wide punctuation is correct


def newlines(text: str) -> str:
    """Normalise newlines to \\n (\\r\\r\\n too), form feeds to a line of their own, tabs to spaces."""
    text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = _NEWLINES.sub("\n", text) if "\v" in text or not text.isascii() else text
    if PAGE in text:
        pages = [page.strip(" ").removeprefix("\n").removesuffix("\n") for page in text.split(PAGE)]
        text = f"\n{PAGE}\n".join(pages)  # adds no blank line, which would end a paragraph
    return text


def encoding(text: str) -> tuple[str, int]:
    """Fix UTF-8 that was decoded as another encoding, line by line, with ftfy (Speer 2019)."""
    if text.isascii() or not _SUSPICIOUS.search(text):
        return text, 0
    import ftfy  # takes 0.1 s, which most corpora don't need

    count = 0
    lines = re.split("([\r\n]+)", text)
    for place, line in enumerate(lines):
        if not line.isascii() and _SUSPICIOUS.search(line) and (mended := ftfy.fix_encoding(line)) != line:
            lines[place] = mended
            count += 1
    return ("".join(lines), count) if count else (text, 0)


def controls(text: str) -> tuple[str, int]:
    """Remove control, zero-width and direction characters, and soft hyphens except at line ends; joiners stay in scripts that use them."""
    count = 0

    def gone(found: re.Match[str]) -> str:
        nonlocal count
        if found.group()[0] in "\u200c\u200d" and _is_joined(text, found):
            return found.group()
        count += 1
        return ""

    mended = _CONTROLS.sub(gone, text)
    return (mended, count) if count else (text, 0)


def unicode(text: str) -> tuple[str, int]:
    """Normalise to NFC (Unicode annex 15), plain spaces and halfwidth Latin; counts spaces, wide runs and decomposed lines."""
    if text.isascii():
        return text, 0
    mended, count = _SPACES.subn(" ", text)
    if _FULLWIDTH.search(mended):
        lines = mended.split("\n")
        for place, line in enumerate(lines):
            pattern = _LETTER_OR_DIGIT if _EAST.search(line) else _FULLWIDTH
            lines[place], wide = pattern.subn(lambda found: found.group().translate(_WIDE), line)
            count += wide
        mended = "\n".join(lines)
    if not unicodedata.is_normalized("NFC", mended):
        count += sum(not unicodedata.is_normalized("NFC", line) for line in mended.split("\n")) or 1
        mended = unicodedata.normalize("NFC", mended)
    return mended, count


def ligatures(text: str) -> tuple[str, int]:
    """Replace typeset ligatures by letters."""
    return _LIGATURE.subn(lambda found: _LIGATURES[found.group()], text)


def quotes(text: str) -> tuple[str, int]:
    """Straighten curly quotes, primes and acute accents used as quotes."""
    count = len(_CURLY.findall(text)) if not text.isascii() else 0
    return (text.translate(_QUOTES) if count else text), count


def _is_joined(text: str, found: re.Match[str]) -> bool:
    """Whether joiners are between two characters of a script, or emoji, that uses them."""
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    return min(before, after) > "\u0590" and not ("\u2000" <= before <= "\u2070" or "\u2000" <= after <= "\u2070")

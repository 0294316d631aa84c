"""Remove emphasis markup in plain text: _so_, *so*, <i>so</i>."""

import re

_UNDERLINED = re.compile(r"_(?<![\w_]_)(?=[^\s_])([^_\n]{0,400}?[^\s_])_(?![\w_])")
_STARRED = re.compile(r"\*(?<![\w*\\]\*)(\*{0,2})(?=[^\W_])([^*\n]{0,100}?[^\s*])\*\1(?![\w*])")
_TAGGED = re.compile(r"<(/?)(i|em|b|strong|u|cite)>", re.IGNORECASE)
_LOOSE = re.compile(r"\A\n|[ \n]\Z| \n|\n{3}")  # white space that the clean form does not have
_GAPS = re.compile(r"\n{3,}")
_HALF = re.compile(r"_(?:(?<![\w_]_)([^\W_]{1,20})_(?=[^\W_])|(?<=[^\W_]_)([^\W_]{1,20})_(?!_))")  # _any_thing, every_one_, mischie_vous_ly
_LEFT_OVER = re.compile(r"_(?:(?<![\w_]_)(?!_)|(?<!__)(?![\w_]))")
_STAR_WORDS = 8  # maximum of starred text: the stars of two footnotes are further apart
_TWICE = 2  # unpaired marks per pair, up to which they count as emphasis too


def italics(text: str) -> tuple[str, int]:
    """Remove emphasis markup; counts emphasised spans. Rows of signs, names_of_code and single stars stay."""
    before, count = text, 0
    if "<" in text:
        text, count = _untagged(text)
    if "_" in text:
        text, underlined = _UNDERLINED.subn(r"\1", text)
        count += underlined
        left = len(_LEFT_OVER.findall(text)) if underlined else 0
        if 0 < left <= _TWICE * underlined:
            # marks left unpaired by a paragraph end or a half-emphasised word
            text = _LEFT_OVER.sub("", _HALF.sub(r"\1\2", text))
            count += (left + 1) // 2
    if "*" in text:

        def plain(found: re.Match[str]) -> str:
            nonlocal count
            if found[2].count(" ") >= _STAR_WORDS:
                return found.group()
            count += 1
            return found[2]

        text = _STARRED.sub(plain, text)
    return (_tight(text, before) if count and not _LOOSE.search(before) else text), count


def _untagged(text: str) -> tuple[str, int]:
    """Remove paired emphasis tags; counts pairs."""
    opened: dict[str, tuple[int, int]] = {}
    pairs: list[tuple[int, int]] = []
    for found in _TAGGED.finditer(text):
        name = found[2].lower()
        if not found[1]:
            opened[name] = found.span()
        elif name in opened:
            pairs += [opened.pop(name), found.span()]
    pairs.sort()
    starts, stops = [0, *(stop for _, stop in pairs)], [*(start for start, _ in pairs), len(text)]
    return "".join(text[start:stop] for start, stop in zip(starts, stops, strict=True)), len(pairs) // 2


def _tight(text: str, before: str) -> str:
    """Remove the blanks and empty paragraphs that marks leave behind; the blanks that a line had before stay."""
    lines = (
        line if line == old or "  " in old.strip() else " " * _depth(old) + " ".join(filter(None, line.split(" ")))
        for line, old in zip(text.split("\n"), before.split("\n"), strict=True)
    )
    return _GAPS.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

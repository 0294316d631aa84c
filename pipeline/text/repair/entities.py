"""Replace the character entities of HTML that were left in a text (HTML Living Standard, 13.5)."""

import re
from html import unescape
from html.entities import html5

_WHOLE = re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6})|[A-Za-z][A-Za-z0-9]{1,30});")
_ROUNDS = 4  # an entity may be escaped that often
# Halves of entities in old news dumps, in which & became a blank or nothing: Ada #39;s, quot;so quot;
_QUOTE = re.compile(r"(?<!&)[ ]?#39;(?=(?:[sdmt]|ll|re|ve)\b)|(?<!&)#39;")
_CODE = re.compile(r"(?<![&\w#])#(?:[0-9]{2,5}|x[0-9a-fA-F]{2,4});")
_OPENING = re.compile(r"(?<![&\w])(?:quot|ldquo|lsquo);(?=\w)")
_CLOSING = re.compile(r"[ ]?(?<!&)(?:quot|rdquo|rsquo);")
_OTHER = re.compile(r"(?<![&\w])(amp|lt|gt|nbsp|apos|mdash|ndash|hellip);")
_EVIDENCE = ("#39;", "#34;", "quot;")
# A text about entities keeps them
_ABOUT = re.compile(r"\b(?:x?html5?|xml|sgml|(?:named|character|numeric) (?:entit(?:y|ies)|references?))\b", re.IGNORECASE | re.ASCII)
_MANY = 20  # entities, from which a text that names HTML is escaped, not about it
_PLAIN = {"\r": "", "\t": " ", "\f": " ", "\xa0": " ", "\xad": "", "\u200b": "", "\x00": ""}


def entities(text: str) -> tuple[str, int]:
    """Replace entities by their characters; counts them, one escaped twice once.

    Whole ones are `&amp;`, `&#39;`, `&nbsp;`, also `&amp;#39;`; half ones, `#39;` and `quot;`, have lost their ampersand. A text about
    HTML keeps a few; names that are no entities stay.
    """
    found = [match.group() for match in _WHOLE.finditer(text) if _is_entity(match.group())] if "&" in text else []
    halves = any(half in text for half in _EVIDENCE)
    if not found and not halves:
        return text, 0
    about = len(found) < _MANY and _ABOUT.search(text) is not None
    count = 0
    if found and not about:
        for _ in range(_ROUNDS):
            text, times = _WHOLE.subn(_character, text)
            count = count or times
            if not times or "&" not in text:
                break
        count = len(found)
    if halves and not about:
        for pattern, sign in ((_QUOTE, "'"), (_OPENING, '"'), (_CLOSING, '"')):
            text, times = pattern.subn(sign, text)
            count += times
        text, times = _CODE.subn(lambda match: _character_of(f"&{match.group()}"), text)
        count += times
        text, times = _OTHER.subn(lambda match: _character_of(f"&{match.group()}"), text)
        count += times
    return text, count


def _is_entity(written: str) -> bool:
    return written[1] == "#" or written[1:] in html5


def _character(match: re.Match[str]) -> str:
    return _character_of(match.group()) if _is_entity(match.group()) else match.group()


def _character_of(written: str) -> str:
    """The character of an entity; white space other than a newline is a blank, what is not printed is nothing."""
    signs = unescape(written)
    return _PLAIN.get(signs, signs)

"""Mask personal data: email addresses, phone numbers, payment card numbers, IP addresses."""

import ipaddress
import re
from collections.abc import Callable

_LATIN = r"\wÀ-ÖØ-öø-ɏ"  # letters of addresses: other scripts write no blank before one
_DOMAIN = re.compile(rf"(?:(?!_)[{_LATIN}](?:[{_LATIN}-]{{0,61}}(?!_)[{_LATIN}])?\.){{1,8}}[A-Za-z]{{2,24}}(?![\w-])", re.ASCII)
_LOCAL = re.compile(rf"(?<![{_LATIN}.+%-])(?<![{_LATIN}.+%-]')[{_LATIN}](?:[{_LATIN}.+%'-]{{0,62}}[{_LATIN}+%-])?\Z", re.ASCII)
# What may follow a card number: expiry date, security code, or both
_TAIL = r"[ ](?:\d\d?[/-]\d{2,4}(?:[ ]\d{3,4})?|\d{3}(?:[ ]\d\d?/\d{2,4})?)(?![ .,/-]?\d|\w)"
_CARD = re.compile(
    r"(?<![\w+$€£#])(?<!\d[ .,/-])(?:\d{13,19}|[2-6]\d{2,5}(?P<gap>[ -])\d{3,6}(?:(?P=gap)\d{3,7}){1,3})"
    rf"(?!\w|[.,/-]?\d|(?!{_TAIL})[ ]\d)",
    re.ASCII,
)
_BEHIND = {(4, 4, 4, 4): 3, (4, 6, 5): 4}  # digits of a card's groups -> digits of the code printed beside them
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_FOUR = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_V4 = re.compile(
    rf"(?<![\w.-])(?:(?<!:)|(?<=[A-Za-z]:))(?<![A-Za-z]/)(?P<first>{_FOUR})(?:-(?P<last>{_FOUR}))?(?!\.?\w)(?!-\w)", re.ASCII
)  # one, or a range
_V6 = re.compile(
    r"(?<![\w.])(?:(?<!:)|(?<=[G-Zg-z]:))(?=[0-9A-Fa-f:]{0,4}:)"
    rf"(?:[0-9A-Fa-f:]{{1,30}}:{_FOUR}(?!\.?\d)|[0-9A-Fa-f:]{{5,39}}(?<!:)(?!\.\d))(?![\w:])",
    re.ASCII,
)
_NO_ADDRESS = re.compile(
    r"(?:(?<![A-Za-z])(?:version|versions|release|section|sections|chapter|rule|v|ver|no)[.:]? ?|§ ?)\Z", re.IGNORECASE
)
_PHONE = re.compile(
    r"""(?<![\w+@$€£])(?<!\d[ .,:/-])(?<!\d\()(?P<number>
      (?:\+|(?P<dialled>00))[1-9](?:[ ./-]{0,3}(?:\(\d{1,5}\)|\d)){3,14}
    | (?:1[ .-])?\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}
    | (?:1[ .-])?[2-9]\d{2}(?P<gap>[ .-])\d{3}(?P=gap)\d{4}
    | 0\d{1,4}/\d{3,8}(?:[ -]\d{2,4})?
    | 0\d(?P<pair>[ .-])\d\d(?:(?P=pair)\d\d){3}
    | (?P<national>(?:\(0[1-9]\d{0,3}\)[ ]?|0[1-9]\d{0,3}(?P<lead>[ ]?[/-][ ]?|[ .]))
      (?P<rest>\d{2,9}(?:(?P<within>[ .-])\d{2,6}(?:(?P=within)\d{2,4}){0,2})?))
    )(?![.,:/-]?\d|[ ]\d|\w)""",
    re.VERBOSE | re.ASCII,
)
_CALLED = re.compile(
    r"(?<!\w)(?:tel|telephone|phone|call|called|dial|ring|fax|mobile|cell|sms|whatsapp|text)\b[.:]?[ ]?"
    r"(?:(?:us|me|him|her|them|at|on|no|number|is)\b[.:]?[ ]){0,3}(?P<number>\(?\d(?:[ .()/-]{0,2}\d){6,13})(?![ .-]?\d)(?!\w)",
    re.IGNORECASE | re.ASCII,
)
_DATE = re.compile(r"\d{4}[ .-]\d{1,2}[ .-]\d{1,2}|\d{4}-\d{2,4}|\d{1,2}[ .-]\d{1,2}[ .-]\d{4}")
_PHONE_DIGITS = (7, 15)  # E.164
_DIALLED, _DIALLED_PLAIN = 10, 12  # digits of a number that begins with 00, and without separators: shorter ones are zero-padded
_FILLED = re.compile(r"00\d+[ ./-]{1,3}00\d+")  # a range of zero-padded numbers
_NATIONAL = (9, 12)  # digits, including the 0
_LAST_GROUP = 6  # minimum digits after the first group, if they are one group
_SECOND_GROUP = 3  # minimum digits of the second group, if the separators differ
_DAY = re.compile(r"\d\d[ .-]\d\d[ .-](?:1[0-9]{3}|20[0-9]{2})(?!\d)")
_LEAST_GROUPS = 3  # of an IPv6 address


def email(text: str, mask: str) -> tuple[str, int]:
    """Mask every email address."""
    spans, at = [], text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1, at + 256)
        local = _LOCAL.search(text[max(0, at - 65) : at]) if domain else None
        if domain and local and ".." not in local.group():
            spans.append((at - len(local.group()), domain.end()))
        at = text.find("@", at + 1)
    return _masked(text, spans, mask)


def card(text: str, mask: str) -> tuple[str, int]:
    """Mask every number of 13 to 19 digits, plain or grouped like a card, with a valid check digit (Luhn, ISO 7812)."""
    spans = [(found.start(), found.start() + length) for found in _CARD.finditer(text) if (length := _card_length(found.group()))]
    return _masked(text, spans, mask)


def phone(text: str, mask: str) -> tuple[str, int]:
    """Mask every phone number: international, North American, national with a leading 0, any after `phone` or `call`."""
    spans = [found.span("number") for found in _PHONE.finditer(text) if _is_phone(found)]
    taken = {start for start, _ in spans}
    called = [_number(found) for found in _CALLED.finditer(text) if _is_called(found)]
    return _masked(text, sorted([*spans, *(span for span in called if not taken & set(range(*span)))]), mask)


def ip(text: str, mask: str) -> tuple[str, int]:
    """Mask every valid IPv4 and IPv6 address; version and section numbers stay."""
    sixes = [found.span() for found in _V6.finditer(text) if _is_v6(found.group())]
    within = {place for start, stop in sixes for place in range(start, stop)}
    found = [one for one in _V4.finditer(text) if not _NO_ADDRESS.search(text[max(0, one.start() - 11) : one.start()])]
    fours = [one.span(name) for one in found if one.start() not in within for name in ("first", "last") if one[name]]
    return _masked(text, sorted(fours + sixes), mask)


MASKS: dict[str, Callable[[str, str], tuple[str, int]]] = {
    "email": email,
    "card": card,
    "phone": phone,
    "ip": ip,
}  # by key of clean.mask, in the order of use


def luhn(digits: str) -> bool:
    """Whether the last digit is a valid check digit."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _card_length(number: str) -> int:
    """The length of the card number, without the security code that may follow; 0 if there is none."""
    if _is_card(number):
        return len(number)
    groups = re.split("[ -]", number)
    card = number[: -len(groups[-1]) - 1]
    behind = _BEHIND.get(tuple(map(len, groups[:-1])), 0) >= len(groups[-1]) >= 3
    return len(card) if behind and _is_card(card) else 0


def _is_card(number: str) -> bool:
    groups = re.split("[ -]", number)
    digits = "".join(groups)
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1 or not luhn(digits):
        return False
    if len(digits) == 13 and digits.startswith(("978", "979")):  # an ISBN
        return False
    return not (len(groups) > 1 and all(_YEAR.fullmatch(group) for group in groups))


def _is_phone(found: re.Match[str]) -> bool:
    number = found["number"]
    digits = sum(map(str.isdigit, number))
    if found["dialled"]:
        least = _DIALLED_PLAIN if number.isdigit() else _DIALLED
        return least <= digits <= _PHONE_DIGITS[1] + 2 and not _FILLED.fullmatch(number)  # 00 does not count
    if found["national"]:
        return _NATIONAL[0] <= digits <= _NATIONAL[1] and _is_national(found)
    return _PHONE_DIGITS[0] <= digits <= _PHONE_DIGITS[1]


def _is_national(found: re.Match[str]) -> bool:
    """Whether digit groups after a 0 are separated like a phone number, and are no date, years or range."""
    lead, within, groups = found["lead"], found["within"], re.split("[ .-]", found["rest"])
    if not within:
        return len(groups[0]) >= _LAST_GROUP and lead != "." and not groups[0].startswith("0")
    if lead in (" ", ".", "-") and within != lead and (lead == "." or len(groups[0]) < _SECOND_GROUP):
        return False
    if all(map(_YEAR.fullmatch, groups)) or all(group.startswith("0") for group in groups):
        return False
    return not _DAY.match(found["national"])


def _is_called(found: re.Match[str]) -> bool:
    """Whether the digits after a word like `call` are not a date, years, or the number of a text."""
    number, word = found["number"], found.group()[: found.start("number") - found.start()]
    if _DATE.fullmatch(number) or all(map(_YEAR.fullmatch, number.split())):
        return False
    return not (number.isdigit() and word.strip(" .:").lower() == "text")


def _number(found: re.Match[str]) -> tuple[int, int]:
    """The span of the number, without an enclosing parenthesis."""
    start, stop = found.span("number")
    return start + (found["number"][0] == "(" and ")" not in found["number"]), stop


def _is_v6(address: str) -> bool:
    groups = [group for group in address.split(":") if group]
    if "." not in address and (
        not any(map(str.isdigit, address)) or len(groups) < _LEAST_GROUPS - (len(groups[0]) > 2 and "::" in address if groups else 0)
    ):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _masked(text: str, spans: list[tuple[int, int]], mask: str) -> tuple[str, int]:
    if not spans:
        return text, 0
    pieces, last = [], 0
    for start, stop in spans:
        pieces += [text[last:start], mask]
        last = stop
    return "".join([*pieces, text[last:]]), len(spans)

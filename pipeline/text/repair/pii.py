"""Personal data: addresses of mail, telephone numbers, cards of payment, addresses of machines."""

import ipaddress
import re
from collections.abc import Callable

_LATIN = r"\wÀ-ÖØ-öø-ɏ"  # letters of addresses: other scripts write no blank before one
_DOMAIN = re.compile(rf"(?:(?!_)[{_LATIN}](?:[{_LATIN}-]{{0,61}}(?!_)[{_LATIN}])?\.){{1,8}}[A-Za-z]{{2,24}}(?![\w-])", re.ASCII)
_LOCAL = re.compile(rf"(?<![{_LATIN}.+%-])(?<![{_LATIN}.+%-]')[{_LATIN}](?:[{_LATIN}.+%'-]{{0,62}}[{_LATIN}+%-])?\Z", re.ASCII)
_CARD = re.compile(
    r"(?<![\w+$€£#])(?<!\d[ .,/-])(?:\d{13,19}|[2-6]\d{2,5}(?P<gap>[ -])\d{3,6}(?:(?P=gap)\d{3,7}){1,3})(?!\w|[.,/-]?\d|[ ]\d)", re.ASCII
)
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_V4 = re.compile(
    r"(?<![\w.:-])(?<![A-Za-z]/)(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?!\.?\w)(?!-\w)", re.ASCII
)
_V6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]{0,4}:)[0-9A-Fa-f:]{5,39}(?<!:)(?![\w:])", re.ASCII)
_NO_ADDRESS = re.compile(r"(?:(?<![A-Za-z])(?:version|versions|release|section|sections|chapter|rule|v|ver|no)\.? |§ ?)\Z", re.IGNORECASE)
_PHONE = re.compile(
    r"""(?<![\w+@$€£])(?<!\d[ .,:/-])(?<!\d\()(?P<number>
      \+[1-9]\d{0,2}(?:[ ./-]{0,2}(?:\(\d{1,5}\)|\d{1,5})){1,6}
    | 00[1-9]\d{0,2}(?:[ ./-](?:\(\d{1,5}\)|\d{1,5})){2,6}
    | (?:1[ .-])?\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}
    | (?:1[ .-])?[2-9]\d{2}(?P<gap>[ .-])\d{3}(?P=gap)\d{4}
    | \(0\d{2,4}\)[ ]?\d{3,4}[ -]?\d{3,4}
    | 0\d{2,4}[ ]\d{3,4}[ ]\d{3,4}
    | 0\d{2,4}[ ]\d{6,8}
    | 0\d{1,4}/\d{3,8}(?:[ -]\d{2,4})?
    | 0\d(?P<pair>[ .-])\d\d(?:(?P=pair)\d\d){3}
    | 0\d{2,4}-\d{3,4}-\d{3,4}
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
_LEAST_GROUPS = 3  # of an address of version 6


def mail(text: str, mask: str) -> tuple[str, int]:
    """The mask for every address of mail."""
    spans, at = [], text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1, at + 256)
        local = _LOCAL.search(text[max(0, at - 65) : at]) if domain else None
        if domain and local and ".." not in local.group():
            spans.append((at - len(local.group()), domain.end()))
        at = text.find("@", at + 1)
    return _masked(text, spans, mask)


def card(text: str, mask: str) -> tuple[str, int]:
    """The mask for every number of 13 to 19 digits, plain or in the groups of a card, whose last is its check digit (Luhn, ISO 7812)."""
    return _masked(text, [found.span() for found in _CARD.finditer(text) if _is_card(found.group())], mask)


def phone(text: str, mask: str) -> tuple[str, int]:
    """The mask for every telephone number: international ones, North America's, national ones with their 0, any after `phone` or `call`."""
    spans = [found.span("number") for found in _PHONE.finditer(text) if _is_phone(found["number"])]
    taken = {start for start, _ in spans}
    called = [_number(found) for found in _CALLED.finditer(text) if _is_called(found)]
    return _masked(text, sorted([*spans, *(span for span in called if not taken & set(range(*span)))]), mask)


def ip(text: str, mask: str) -> tuple[str, int]:
    """The mask for every address of version 4 whose numbers are in range, and of version 6; versions and sections stay."""
    fours = [found.span() for found in _V4.finditer(text) if not _NO_ADDRESS.search(text[max(0, found.start() - 11) : found.start()])]
    sixes = [found.span() for found in _V6.finditer(text) if _is_v6(found.group())]
    return _masked(text, sorted(fours + sixes), mask)


MASKED: dict[str, Callable[[str, str], tuple[str, int]]] = {"mail": mail, "card": card, "phone": phone, "ip": ip}  # in the order of use


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _is_card(number: str) -> bool:
    groups = re.split("[ -]", number)
    digits = "".join(groups)
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1 or not luhn(digits):
        return False
    if len(digits) == 13 and digits.startswith(("978", "979")):  # a book's number
        return False
    return not (len(groups) > 1 and all(_YEAR.fullmatch(group) for group in groups))


def _is_phone(number: str) -> bool:
    digits = sum(map(str.isdigit, number))
    return _PHONE_DIGITS[0] <= digits <= _PHONE_DIGITS[1] and number.count("(") == number.count(")")


def _is_called(found: re.Match[str]) -> bool:
    """Whether the digits after a word such as `call` are no date, no years, and no number of a text."""
    number, word = found["number"], found.group()[: found.start("number") - found.start()]
    if _DATE.fullmatch(number) or all(map(_YEAR.fullmatch, number.split())):
        return False
    return not (number.isdigit() and word.strip(" .:").lower() == "text")


def _number(found: re.Match[str]) -> tuple[int, int]:
    """Where the number is; a parenthesis that opens around it stays outside."""
    start, stop = found.span("number")
    return start + (found["number"][0] == "(" and ")" not in found["number"]), stop


def _is_v6(address: str) -> bool:
    groups = [group for group in address.split(":") if group]
    if not any(map(str.isdigit, address)) or len(groups) < _LEAST_GROUPS - (len(groups[0]) > 2 and "::" in address if groups else 0):
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

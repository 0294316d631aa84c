"""Mask personal data: email addresses, phone numbers, payment card and account numbers, social security numbers, IP addresses.

And keys and tokens, which pii_secrets knows. Where a number may as well be something else, it stays.
"""

import ipaddress
import re
from collections.abc import Callable

from pipeline.text.repair.pii_secrets import secrets_in

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
# first digits and lengths of the issuers (ISO 7812), for numbers that nothing else tells from nanoseconds
_ISSUED = re.compile(r"4\d{12}(?:\d{3}){0,2}|(?:5[0-8]|2[2-7]|35)\d{14}|3[47]\d{13}|3[0689]\d{12}|6\d{15}(?:\d{3})?", re.ASCII)
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
_NUMBERED = (
    "version|versions|release|releases|build|firmware|driver|bios|kernel|rev|revision|upgrade|patch|v|ver|fw|no|nr|"
    "section|sections|chapter|clause|clauses|subclause|article|articles|paragraph|paragraphs|para|sec|art|rule|rules|item|step|annex|"
    "appendix|figure|fig|table|note|requirement|oid"
)  # words before the number of a version or of a part of a text
_NO_ADDRESS = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_NUMBERED})(?:[.:=]| ?==?)? ?['\"]?|§{{1,2}} ?|(?<!ip)(?<!host)(?<!addr)(?<!ress)(?<=\w)(?:[=<>~!]=|[<>~^]))\Z",
    re.IGNORECASE,
)  # these, or name==1.2.3.4
_BEFORE = 16  # characters in which these are looked for
_NO_ONES = tuple(
    map(
        ipaddress.ip_network,
        ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
         "1.3.0.0/16", "2.5.0.0/16",  # object identifiers of ISO and X.500, written alike
         "::/127", "fc00::/7", "ff00::/8"),
    )
)  # fmt: skip
# networks that every machine has, or many: nobody's address
_VERSION_LIKE = 32  # where all four numbers are smaller, a version is likelier than an address
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
_INTERFACE, _SMALL = (1 << 64) - 1, 1 << 16  # of a link-local address: numbers given by hand, such as fe80::1
_PLAIN_ZEROS = 5  # at the end of plain digits: a count
_COUNTED = re.compile(
    r"[ ](?:more |other |different )?(?!always|unless|across|perhaps|besides|towards|sometimes|yours)[a-z]{4,}s\b", re.ASCII
)
# a mail address that hides from machines: name (at) host, name [at] host [dot] example
_HIDDEN = re.compile(r"[(\[{<]at[)\]}>]", re.IGNORECASE)
_HIDDEN_DOMAIN = re.compile(
    rf" ?(?:[{_LATIN}-]{{1,63}}(?:\.| ?[(\[{{<](?:dot|punkt)[)\]}}>] ?)){{1,8}}[A-Za-z]{{2,24}}(?![\w-])", re.ASCII | re.IGNORECASE
)
_NO_MAIL = re.compile(r"png|jpe?g|gif|svg|webp|ico|service|socket|timer|target|mount|slice", re.IGNORECASE)  # name@2x.png, name@tty.service
_REMOTE_PATH = re.compile(r":(?:[~/]|[\w.-]+/)")  # user@host:path
_SSN = re.compile(
    r"(?<![\w+/.])(?<!\d-)(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w/]|[.-]\d)"
    r"|(?<!\w)(?i:ssn|social[ ]security(?:[ ](?:number|no\.?|\#))?)(?:[ ]?[:=\#]|[ ]is|[ ]was)?[ ]?"
    r"(?P<told>(?!000|666|9)\d{3}(?P<gap>[ -]?)(?!00)\d\d(?P=gap)(?!0000)\d{4})(?![\w/]|[.-]\d)",
    re.ASCII,
)
_IBAN = re.compile(r"(?<![\w/+-])[A-Z]{2}\d\d(?= ?[A-Z0-9])", re.ASCII)
# characters of an account number by country: the IBAN registry (SWIFT), release 99
_IBAN_LENGTH = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
        26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE",
        31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def email(text: str, mask: str) -> tuple[str, int]:
    """Mask every email address; not what is no one's: the login of a repository, user@host:path, a picture@2x.png."""
    spans, at = [], text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1, at + 256)
        local = _LOCAL.search(text[max(0, at - 65) : at]) if domain else None
        if domain and local and ".." not in local.group() and _is_mail(text, at - len(local.group()), at, domain.end()):
            spans.append((at - len(local.group()), domain.end()))
        at = text.find("@", at + 1)
    for sign in _HIDDEN.finditer(text):
        before = sign.start() - (text[sign.start() - 1 : sign.start()] == " ")
        local, domain = _LOCAL.search(text[max(0, before - 65) : before]), _HIDDEN_DOMAIN.match(text, sign.end(), sign.end() + 256)
        if domain and local:
            spans.append((before - len(local.group()), domain.end()))
    return _masked(text, sorted(spans), mask)


def iban(text: str, mask: str) -> tuple[str, int]:
    """Mask every account number of the length of its country, plain or in groups of four, with the right check digits (ISO 13616)."""
    spans = [(found.start(), found.start() + length) for found in _IBAN.finditer(text) if (length := _iban_length(text, found.start()))]
    return _masked(text, spans, mask)


def ssn(text: str, mask: str) -> tuple[str, int]:
    """Mask every US social security number: as 123-45-6789, or after these words in any grouping."""
    return _masked(text, [found.span("told" if found["told"] else 0) for found in _SSN.finditer(text)], mask)


def card(text: str, mask: str) -> tuple[str, int]:
    """Mask every number of 13 to 19 digits, grouped like a card or an issuer's, with a valid check digit (Luhn, ISO 7812)."""
    spans = [(found.start(), found.start() + length) for found in _CARD.finditer(text) if (length := _card_length(found.group()))]
    return _masked(text, spans, mask)


def phone(text: str, mask: str) -> tuple[str, int]:
    """Mask every phone number: international, North American, national with a leading 0, any after `phone` or `call`."""
    spans = [found.span("number") for found in _PHONE.finditer(text) if _is_phone(found)]
    taken = {start for start, _ in spans}
    called = [_number(found) for found in _CALLED.finditer(text) if _is_called(found)]
    return _masked(text, sorted([*spans, *(span for span in called if not taken & set(range(*span)))]), mask)


def ip(text: str, mask: str) -> tuple[str, int]:
    """Mask every valid IPv4 and IPv6 address; versions, numbers of sections, and addresses that every network has stay."""
    sixes = [found.span() for found in _V6.finditer(text) if _is_v6(found.group()) and _is_ones(found.group())]
    within = {place for start, stop in sixes for place in range(start, stop)}
    found = [one for one in _V4.finditer(text) if not _NO_ADDRESS.search(text[max(0, one.start() - _BEFORE) : one.start()])]
    fours = [
        one.span(name) for one in found if one.start() not in within for name in ("first", "last") if one[name] and _is_ones(one[name])
    ]
    return _masked(text, sorted(fours + sixes), mask)


def secret(text: str, mask: str) -> tuple[str, int]:
    """Mask every key and token of a well-known form."""
    return _masked(text, secrets_in(text), mask)


MASKS: dict[str, Callable[[str, str], tuple[str, int]]] = {
    "secret": secret,
    "email": email,
    "iban": iban,
    "card": card,
    "ssn": ssn,
    "phone": phone,
    "ip": ip,
}  # by key of clean.mask, in the order of use


def luhn(digits: str) -> bool:
    """Whether the last digit is a valid check digit."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _is_mail(text: str, start: int, at: int, stop: int) -> bool:
    """Whether name@host is an address and not a login or a file name."""
    if text[start:at].lower() == "git" or text.endswith("://", 0, start) or _REMOTE_PATH.match(text, stop):
        return False
    return not _NO_MAIL.fullmatch(text, text.rfind(".", at, stop) + 1, stop)


def _iban_length(text: str, start: int) -> int:
    """The characters of the account number that begins there, blanks included; 0 if there is none."""
    count = _IBAN_LENGTH.get(text[start : start + 2], 0)
    for length, gap in ((count, ""), (count + (count - 1) // 4, " ")):
        written = text[start : start + length]
        groups = [written[place : place + 4 + len(gap)] for place in range(0, len(written), 4 + len(gap))]
        plain = "".join(group.rstrip(gap) if gap else group for group in groups)
        if len(plain) != count or not count or (gap and gap.join(plain[place : place + 4] for place in range(0, count, 4)) != written):
            continue
        if text[start + length : start + length + 1].isalnum() or not re.fullmatch("[A-Z0-9]+", plain):
            continue
        if int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1:
            return length
    return 0


def _is_ones(address: str) -> bool:
    """Whether an address may be somebody's: none of those that every network has, no network mask, and no version."""
    found = ipaddress.ip_address(address)
    if found.is_link_local and int(found) & _INTERFACE < _SMALL:
        return False
    inner = found if isinstance(found, ipaddress.IPv4Address) else found.ipv4_mapped
    if any(one in network for one in (found, inner) if one for network in _NO_ONES if network.version == one.version):
        return False
    return not (isinstance(found, ipaddress.IPv4Address) and all(byte < _VERSION_LIKE for byte in found.packed))


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
    if len(groups) == 1 and not _ISSUED.fullmatch(digits):
        return False
    if len(digits) == 13 and digits.startswith(("978", "979")):  # an ISBN
        return False
    return not (len(groups) > 1 and all(_YEAR.fullmatch(group) for group in groups))


def _is_phone(found: re.Match[str]) -> bool:
    number = found["number"]
    digits = sum(map(str.isdigit, number))
    if found["pair"] and (number.startswith("00") or all(group.startswith("0") for group in re.split("[ .-]", number))):
        return False  # bytes
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
    if number.isdigit() and (word.strip(" .:").lower() == "text" or number.endswith("0" * _PLAIN_ZEROS)):
        return False
    return not _COUNTED.match(found.string, found.end("number"))  # called 1234567 times


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
        if start >= last:  # a second reading of the same place is none
            pieces += [text[last:start], mask]
            last = stop
    return "".join([*pieces, text[last:]]), len(pieces) // 2

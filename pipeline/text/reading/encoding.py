"""Bytes to text: which encoding a file is in, or that it is no text at all."""

import codecs

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 12, 13, 26, 27}))  # tab, newlines, form feed, DOS end of file and escape occur in text
_HIGH = bytes(range(128, 256))
_PROBE = bytes([9, 10, 13, *range(32, 127)])  # what every encoding of a row or a page has in common
_SHIFTS = b"+A-~{!!~}\x1b$B!!\x1b(B"  # what UTF-7, HZ and ISO 2022 take for other letters
_BINARY_SHARE = 0.01  # of control bytes, from which a file is no text


class UndecodableError(ValueError):
    """The bytes are no text; the message is the reason's name, `replaced` the text with U+FFFD for what is none."""

    def __init__(self, reason: str, replaced: str) -> None:
        super().__init__(reason)
        self.replaced = replaced


def decode(raw: bytes) -> tuple[str, str]:
    """The text and the name of its encoding.

    A byte order mark decides; else strict UTF-8; else cp1252, or Latin-1 where cp1252 has holes.
    Raises UndecodableError("binary" | "undecodable").
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(name), name
            except UnicodeDecodeError as fault:
                raise UndecodableError("undecodable", raw[len(mark) :].decode(name, "replace")) from fault
    if is_binary(raw):
        raise UndecodableError("binary", "")
    try:
        return raw.decode(), "utf-8"
    except UnicodeDecodeError:
        return western(raw)


def decode_as(raw: bytes, stated: str | None) -> tuple[str, str]:
    """The same, with the stated encoding in the place of cp1252; and bytes that are broken UTF-8 are not taken for another encoding."""
    if raw.startswith(tuple(mark for mark, _ in _BOMS)) or is_binary(raw):
        return decode(raw)
    name = "utf-8"
    try:
        return raw.decode(), name
    except UnicodeDecodeError:
        if not mostly_utf8(raw):
            if stated is None:
                return western(raw)
            name = stated
    try:
        return raw.decode(name), name.lower()
    except UnicodeDecodeError as fault:
        raise UndecodableError("undecodable", raw.decode(name, "replace")) from fault


def western(raw: bytes) -> tuple[str, str]:
    """Text in cp1252, or in Latin-1 where cp1252 has holes."""
    try:
        return raw.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "latin-1"


def mostly_utf8(raw: bytes) -> bool:
    """Whether bytes hold as many characters of UTF-8 beyond ASCII as places that are none, or more: then they are UTF-8, perhaps broken."""
    text = raw.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - raw.count(b"\xef\xbf\xbd")
    return len(text) - len(raw.translate(None, _HIGH)) >= 2 * wrong


def holds_ascii(name: str, *, shifts: bool) -> bool:
    """Whether there is such an encoding and ASCII is a part of it; without `shifts` also of no sequence that it takes for other letters."""
    try:
        return all(raw.decode(name) == raw.decode("ascii") for raw in (_PROBE, *(() if shifts else (_SHIFTS,))))
    except (ValueError, LookupError):  # a UnicodeError is a ValueError, as is what a name with a NUL raises
        return False


def is_binary(raw: bytes) -> bool:
    """Whether bytes without a byte order mark hold NULs or more control bytes than a text does."""
    if b"\0" in raw:
        return True
    controls = len(raw) - len(raw.translate(None, _CONTROLS))
    return controls > _BINARY_SHARE * len(raw)


def mend_surrogates(text: str) -> str:
    """Lone surrogates, which no file can hold, become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text

"""Detect the encoding of bytes, or that they are not text."""

import codecs

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 12, 13, 26, 27}))  # tab, newlines, form feed, DOS end of file and escape occur in text
_HIGH = bytes(range(128, 256))
_PROBE = bytes([9, 10, 13, *range(32, 127)])  # ASCII that every encoding of a row or page must share
_SHIFTS = b"+A-~{!!~}\x1b$B!!\x1b(B"  # ASCII that UTF-7, HZ and ISO 2022 use as shift sequences
_WIDE = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})  # with NULs in ASCII; without a byte order none is sure
_BINARY_SHARE = 0.01  # of control bytes, from which a file is binary


class UndecodableError(ValueError):
    """The bytes are not text; the message is the reason, `replaced` the text with U+FFFD for invalid bytes."""

    def __init__(self, reason: str, replaced: str) -> None:
        super().__init__(reason)
        self.replaced = replaced


def decode(raw: bytes) -> tuple[str, str]:
    """The text and its encoding.

    By byte order mark; else strict UTF-8; else cp1252, or Latin-1 for bytes undefined in cp1252.
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
        return decode_cp1252(raw)


def decode_as(raw: bytes, stated: str | None) -> tuple[str, str]:
    """The same, with the stated encoding instead of cp1252; broken UTF-8 is not taken for another encoding.

    A wide encoding is that of files with NULs and without a mark.
    """
    if stated is not None and is_wide(stated) and b"\0" in raw and not raw.startswith(tuple(mark for mark, _ in _BOMS)):
        try:
            return raw.decode(stated), stated.lower()
        except UnicodeDecodeError as fault:
            raise UndecodableError("undecodable", raw.decode(stated, "replace")) from fault
    if stated is not None and is_wide(stated):
        stated = None
    if raw.startswith(tuple(mark for mark, _ in _BOMS)) or is_binary(raw):
        return decode(raw)
    name = "utf-8"
    try:
        return raw.decode(), name
    except UnicodeDecodeError:
        if not mostly_utf8(raw):
            if stated is None:
                return decode_cp1252(raw)
            name = stated
    try:
        return raw.decode(name), name.lower()
    except UnicodeDecodeError as fault:
        raise UndecodableError("undecodable", raw.decode(name, "replace")) from fault


def decode_cp1252(raw: bytes) -> tuple[str, str]:
    """Text in cp1252, or in Latin-1 for bytes undefined in cp1252."""
    try:
        return raw.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "latin-1"


def mostly_utf8(raw: bytes) -> bool:
    """Whether there are at least as many valid non-ASCII UTF-8 characters as invalid sequences: then it is UTF-8, perhaps broken."""
    text = raw.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - raw.count(b"\xef\xbf\xbd")
    return len(text) - len(raw.translate(None, _HIGH)) >= 2 * wrong


def is_ascii_superset(name: str, *, shift_sequences: bool) -> bool:
    """Whether the encoding exists and is a superset of ASCII; without `shift_sequences` it may not use ASCII as shift sequences either."""
    try:
        return all(raw.decode(name) == raw.decode("ascii") for raw in (_PROBE, *(() if shift_sequences else (_SHIFTS,))))
    except (ValueError, LookupError):  # ValueError: a UnicodeError, or a name with a NUL
        return False


def is_wide(name: str) -> bool:
    """Whether the encoding has several bytes for each character of ASCII."""
    try:
        return codecs.lookup(name).name in _WIDE
    except (ValueError, LookupError):  # ValueError: a name with a NUL
        return False


def wide_of(raw: bytes, stated: str | None) -> str | None:
    """The wide encoding that bytes are decoded from: by their mark, or the stated one for bytes with NULs; None for all others."""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return name if name in _WIDE else None
    return stated.lower() if stated is not None and is_wide(stated) and b"\0" in raw else None


def wide_encoding(raw: bytes) -> str | None:
    """The wide encoding that bytes with NULs and without a mark are likely in; None if none fits.

    Text has many of its characters, at least its spaces, within ASCII, and nothing that no text has.
    """
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        width = 4 if "32" in name else 2
        text = raw[: len(raw) - len(raw) % width].decode(name, "replace")
        plain = sum(character.isprintable() or character in "\t\n\r\f" for character in text)
        ascii_ = sum(character < "\x7f" for character in text)
        if text and plain >= 0.99 * len(text) and ascii_ >= 0.1 * len(text) and text.count("\ufffd") <= 0.01 * len(text):
            return name
    return None


def is_binary(raw: bytes) -> bool:
    """Whether bytes without a byte order mark contain NULs or many control bytes."""
    if b"\0" in raw:
        return True
    controls = len(raw) - len(raw.translate(None, _CONTROLS))
    return controls > _BINARY_SHARE * len(raw)


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which can't be encoded, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text

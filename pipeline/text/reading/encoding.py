"""Bytes to text: which encoding a file is in, or that it is no text at all."""

import codecs

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 12, 13, 26, 27}))  # tab, newlines, form feed, DOS end of file and escape occur in text
_BINARY_SHARE = 0.01  # of control bytes, from which a file is no text


class UndecodableError(ValueError):
    """The bytes are no text; the message is the reason's name."""


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
                raise UndecodableError("undecodable") from fault
    if is_binary(raw):
        raise UndecodableError("binary")
    for name in ("utf-8", "cp1252"):
        try:
            return raw.decode(name), name
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


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

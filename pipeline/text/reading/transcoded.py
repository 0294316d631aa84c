"""Text in an encoding with several bytes for each character of ASCII, read as UTF-8."""

import codecs
import io
from collections import Counter
from typing import IO, Any, cast

from pipeline.text.reading.encoding import UndecodableError

_BLOCK = 1 << 18  # bytes


def transcoded(file: IO[bytes], encoding: str, *, replaces: bool, mended: Counter[str]) -> IO[bytes]:
    """The file's text as UTF-8, without its byte order mark, for reading once from front to end.

    Invalid bytes become U+FFFD, which is counted once in `mended`, or reading raises UndecodableError.
    """
    return cast(IO[bytes], io.BufferedReader(_Transcoded(file, encoding, replaces, mended), _BLOCK))


class _Transcoded(io.RawIOBase):
    def __init__(self, file: IO[bytes], encoding: str, replaces: bool, mended: Counter[str]) -> None:
        self._file, self._replaces, self._mended = file, replaces, mended
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._held, self._begun = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            block = self._file.read(_BLOCK)
            text = self._decoded(block)
            self._held = (text if self._begun else text.removeprefix("\ufeff")).encode()
            self._begun = self._begun or bool(text)
            if not block:
                break
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _decoded(self, block: bytes) -> str:
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as fault:
            if not self._replaces:
                raise UndecodableError("undecodable", "") from fault
        self._mended["undecodable"] = 1
        self._decoder.setstate(state)
        self._decoder.errors = "replace"
        text = self._decoder.decode(block, final=not block)
        self._decoder.errors = "strict"
        return text

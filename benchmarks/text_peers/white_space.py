"""Words split at white space, for datatrove."""

import re

from datatrove.utils.word_tokenizers import WordTokenizer

_SENTENCE = re.compile(r"[^.?!]*[.?!]+\s*|[^.?!]+$")


class WhiteSpace(WordTokenizer):
    """The cheapest splitting that the filters accept."""

    def word_tokenize(self, text: str) -> list[str]:
        """Words."""
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        """What ends in a full stop, question or exclamation mark."""
        return _SENTENCE.findall(text)

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """Where the sentences stand."""
        return [match.span() for match in _SENTENCE.finditer(text)]

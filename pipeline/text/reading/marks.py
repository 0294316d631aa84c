"""Special tokens of language models as they stand in texts: counted by name; those that end or begin a document, alone on their line, part
the documents of a file."""

import re
from collections import Counter
from dataclasses import dataclass

ENDS = (  # each marks the end or the beginning of a document in some well-known corpus or tokenizer
    *("<|endoftext|>", "<|end_of_text|>", "<|endofdocument|>", "<|end_of_document|>", "<|eos|>", "<|eod|>", "<|document|>"),
    *("<|startoftext|>", "<|begin_of_text|>", "<|bos|>", "<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>"),
    *("</s>", "<eos>", "<EOS>", "<eod>", "<EOD>", "<bos>", "[EOS]", "[EOD]", "[BOS]"),
)
CLOSING, OPENING = "</s>", "<s>"  # also an element: of HTML (struck through), of corpora with a sentence an element
_TOKENS = {
    "<": re.compile(
        r"<(?:[|｜][^\s|｜<>]{1,40}[|｜]|/?s|eos|EOS|eod|EOD|bos|BOS|pad|PAD|unk|UNK|mask|sep|cls"
        r"|start_of_turn|end_of_turn|start_of_image|<SYS>|</SYS>|\[/?INST\])>"
    ),
    "[": re.compile(r"\[(?:EOS|EOD|BOS|CLS|SEP|PAD|MASK|UNK|/?INST)\]"),
}
AUTO = "auto"
_ESCAPES = {r"\f": "\f", r"\n": "\n", r"\t": "\t"}  # as a command line writes them


def special_tokens(text: str) -> Counter[str]:
    """How often each special token stands in the text, ours and those of others."""
    found: Counter[str] = Counter()
    for sign, pattern in _TOKENS.items():
        if sign in text:
            found.update(pattern.findall(text))
    return found


@dataclass(frozen=True)
class Separator:
    """What stands between the documents of a file, in the bytes of the file."""

    names: tuple[str, ...]
    encoding: str
    alone: bool  # only on a line of its own
    several: bool  # a line may hold several, of any of the names

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """One of them, wherever it stands."""
        return re.compile(b"|".join(self._escaped(name) for name in self._sorted()))

    @property
    def line(self) -> re.Pattern[bytes]:
        """A line with nothing else, without the white space around it."""
        one = b"(?:" + self.pattern.pattern + b")"
        return re.compile(one + (b"(?:[ \t]*" + one + b")*" if self.several else b""))

    @property
    def can_be_cut(self) -> bool:
        """Whether a range of the file finds the same ones as all of it: what overlaps itself depends on where the search begins."""
        return self.alone or not any(name[:size] == name[-size:] for name in self.names for size in range(1, len(name)))

    def named(self, raw: bytes) -> str:
        """The name of what was found."""
        return raw.decode(self.encoding, "replace")

    def only(self, names: Counter[str]) -> "Separator | None":
        """The ones that part documents, given how often each stands in the file; None if none does.

        With lines of <s> too, </s> closes an element; of other formats that is not known.
        """
        left = tuple(name for name in self.names if names[name] and name != OPENING and not (name == CLOSING and names[OPENING]))
        return Separator(left, self.encoding, self.alone, self.several) if left else None

    def _sorted(self) -> list[str]:
        return sorted(self.names, key=len, reverse=True)

    def _escaped(self, name: str) -> bytes:
        return re.escape(name.encode(self.encoding)).replace(b"\\\n", rb"\r?\n")


def separator_of(stated: str | None, encoding: str | None) -> Separator | None:
    """The separator that a source states: auto, None or a text.

    A text stands on a line of its own; but a special token, white space, a control character or a text with a newline stands anywhere.
    """
    if stated is None:
        return None
    if stated == AUTO:
        return Separator((*ENDS, OPENING), "utf-8", alone=True, several=True)
    text = stated
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    anywhere = "\n" in text or not text.strip() or not text.isprintable() or any(one.fullmatch(text) for one in _TOKENS.values())
    return Separator((text if anywhere else text.strip(),), encoding or "utf-8", alone=not anywhere, several=False)

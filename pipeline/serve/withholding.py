"""Answers that are not shown: by the rules of tasks of kind refusals, and the words that the corpus's statistics call offensive.

An answer to a request that is known to be harmful is withheld unless it refuses: known are the world's harmful wordings, and requests of
your own. An answer with an offensive word is withheld from there on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.serve.answers import End, Piece
from pipeline.text.measure.toxicity import toxic_words
from pipeline.world.requests import WORDINGS

HARMFUL_REQUEST = "the request is harmful, and the answer is no refusal"
OFFENSIVE = "the answer holds an offensive word"
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Rules:
    """What is withheld."""

    refusal: str  # regular expression, as tasks.safety.refusal
    requests: Sequence[str] = ()  # harmful ones, beside the world's

    def harmful(self, request: str) -> bool:
        """Whether a request is known to be harmful."""
        said = _plain(request)
        return any(re.fullmatch(pattern, said) for pattern in _WORLD) or said in {_plain(one) for one in self.requests}

    def reason(self, request: str, answer: str, *, ended: bool) -> str | None:
        """Why an answer is withheld; None: it is not. An answer that goes on is judged by its whole words alone."""
        words = _WORD.findall(answer.lower())
        if not ended and answer[-1:].isalpha():
            words = words[:-1]
        if not _OFFENSIVE.isdisjoint(words):
            return OFFENSIVE
        if ended and self.harmful(request) and not re.search(self.refusal, answer):
            return HARMFUL_REQUEST
        return None


@dataclass(frozen=True)
class Withheld:
    """No more of an answer is shown, and none of what was."""

    reason: str


def watched(found: Iterator[Piece | End], rules: Rules | None, request: str) -> Iterator[Piece | End | Withheld]:
    """An answer under the rules; None: without. What answers a request that is known to be harmful is shown when it has ended.

    A thought may be offensive, too; a refusal has to stand in the answer.
    """
    if rules is None:
        yield from found
        return
    held, text, thought = list[Piece | End](), "", ""
    late = rules.harmful(request)
    for one in found:
        if isinstance(one, Piece) and one.part != "answer":
            thought += one.text
            reason = rules.reason(request, thought, ended=False)
        else:
            text += one.text
            reason = rules.reason(request, text, ended=isinstance(one, End))
        if reason:
            yield Withheld(reason)
            return
        held.append(one)
        if not late:
            yield one
    if late:
        yield from held


def _plain(text: str) -> str:
    return re.sub(r"[^\w\s]", "", " ".join(text.lower().split())).strip()


_WORLD = tuple(_plain(harmful.format(s="SUBJECT")).replace("subject", r"[\w\s]{1,80}") for harmful, _, _ in WORDINGS)
_OFFENSIVE = frozenset(toxic_words())

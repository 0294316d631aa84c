"""Answers that are not shown: by the rules of tasks of kind refusals, and the words that the corpus's statistics call offensive.

An answer to a request that is known to be harmful is withheld unless it refuses: known are the world's harmful wordings, and requests of
your own. An answer with an offensive word is withheld from there on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.serve.answers import End, Piece
from pipeline.text.measure.toxicity import offends
from pipeline.world.requests import WORDINGS

HARMFUL_REQUEST = "the request is harmful, and the answer is no refusal"
OFFENSIVE = "the answer holds an offensive word"


@dataclass(frozen=True)
class Rules:
    """What is withheld."""

    refusal: str  # regular expression, as tasks.safety.refusal
    requests: Sequence[str] = ()  # harmful ones, beside the world's

    def harmful(self, request: str) -> bool:
        """Whether a request is known to be harmful."""
        said = _plain(request)
        return any(re.fullmatch(pattern, said) for pattern in _WORLD) or said in {_plain(one) for one in self.requests}

    def refuses(self, answer: str) -> bool:
        """Whether an answer is a refusal."""
        return re.search(self.refusal, answer) is not None


@dataclass(frozen=True)
class Withheld:
    """No more of an answer is shown, and none of what was."""

    reason: str


def watched(found: Iterator[Piece | End], rules: Rules | None, request: str) -> Iterator[Piece | End | Withheld]:
    """An answer under the rules; None: without. What answers a request that is known to be harmful is shown when it has ended.

    A thought may be offensive, too: it and the answer are judged apart, each as a text that has ended where the other goes on. A refusal
    has to stand in the answer.
    """
    if rules is None:
        yield from found
        return
    held, said = list[Piece | End](), {"thought": "", "answer": ""}
    late = rules.harmful(request)
    for one in found:
        ended = isinstance(one, End)
        part = "answer" if isinstance(one, End) else one.part
        if part in said:
            said[part] += one.text
        if any(offends(text, ended=ended or other != part) for other, text in said.items()):
            yield Withheld(OFFENSIVE)
            return
        if ended and late and not rules.refuses(said["answer"]):
            yield Withheld(HARMFUL_REQUEST)
            return
        held.append(one)
        if not late:
            yield one
    if late:
        yield from held


def _plain(text: str) -> str:
    return re.sub(r"[^\w\s]", "", " ".join(text.lower().split())).strip()


_WORLD = tuple(_plain(harmful.format(s="SUBJECT")).replace("subject", r"[\w\s]{1,80}") for harmful, _, _ in WORDINGS)

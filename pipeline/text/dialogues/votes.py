"""What people said of two answers that they were shown: many votes on one pair are one preference, by majority."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.text.dialogues.turns import FormatError, Message

TIE = "tie"
UNKNOWN_VOTE = "vote_is_not_a_b_or_tie"
SIDES = ("a", "b")
WINNERS = ("winner", "chosen", "choice", "preference", "vote")
VOTERS = ("voter", "judge", "annotator", "user", "who")
TIMES = ("when", "time", "tstamp", "timestamp")
ABOUT = ("question", "models", "model_a", "model_b", "turn")  # of a vote: whose answers they were, and to which question of a list
_TIES = frozenset([TIE, "tie (bothbad)", "bothbad", "both_bad", "both", "neither", "equal", "same"])
_NOUNS = ("", "model_", "answer_", "response_", "completion_", "output_", "conversation_")
_SAID = {f"{noun}{side}": side for noun in _NOUNS for side in SIDES} | dict.fromkeys(_TIES, TIE)


@dataclass(frozen=True)
class Vote:
    """Of one person on two answers to a prompt."""

    prompt: list[Message]  # ends with the user
    answers: tuple[str, str]
    winner: str  # a, b or tie
    voter: str | None


@dataclass(frozen=True)
class Decided:
    """A pair that most voters agree on, with the number of its first vote."""

    first: int
    prompt: list[Message]
    chosen: str
    rejected: str


def winner_of(value: Any) -> str:
    """a, b or tie; FormatError for anything else."""
    said = _SAID.get(str(value).strip().lower())
    if said is None:
        raise FormatError(UNKNOWN_VOTE)
    return said


def decided(votes: Sequence[Vote]) -> tuple[list[Decided], dict[str, int]]:
    """A preference for each pair of answers, in the order of its first vote, and the counts; none where as many are for the one as for
    the other. Of a voter who is named the last vote on a pair counts."""
    ballots: dict[bytes, dict[Any, int]] = defaultdict(dict)  # by pair: the number of the vote of each voter
    firsts: dict[bytes, int] = {}
    for number, vote in enumerate(votes):
        pair = orjson.dumps([vote.prompt, sorted(vote.answers)])
        firsts.setdefault(pair, number)
        ballots[pair][number if vote.voter is None else vote.voter] = number
    found, undecided = [], 0
    for pair, first in firsts.items():
        won = Counter(_choice(votes[number]) for number in ballots[pair].values())
        one, other = votes[first].answers
        if won[one] == won[other]:
            undecided += 1
        else:
            better, worse = (one, other) if won[one] > won[other] else (other, one)
            found.append(Decided(first, votes[first].prompt, better, worse))
    ties = sum(vote.winner == TIE for vote in votes)
    return found, {"votes": len(votes), "ties": ties, "pairs": len(found), "pairs_without_majority": undecided}


def _choice(vote: Vote) -> str | None:
    """The answer that was chosen; None for a tie."""
    return None if vote.winner == TIE else vote.answers[SIDES.index(vote.winner)]

"""Instructions and preferences about the functions of the packages.

Instructions ask what a function does, how it is called, what it takes, where it is from, and questions with yes or no; some answers are
terse. Preferences prefer the full and right answer to another function's, to a wrong parameter, to a cut one and to a terse one. What is
held out is of packages whose text is held out too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count, cycle, islice
from typing import Any

import numpy as np
from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.bounds import Fraction, OpenFraction
from pipeline.core.errors import PipelineError
from pipeline.core.hold_out import HoldOut
from pipeline.core.seed import stream
from pipeline.packages.functions import Function, apart, functions_in, takes
from pipeline.packages.settings import Asked, Lengths, Rows, Worse

Row = dict[str, Any]
Rng = np.random.Generator
Turn = tuple[str, str]  # question and answer

WORDINGS = {
    "purpose": ("What does {whole} do?", "What is {whole} for?", "Say what {whole} does.", "Describe {whole} in a sentence."),
    "signature": ("Write the signature of {name}.", "What is the signature of {name}?", "How is {name} called?", "Signature of {name}?"),
    "parameters": ("What does {call} take?", "Which parameters has {call}?", "Name the parameters of {call}.", "What is passed to {call}?"),
    "package": ("Which package is {name} of?", "Which package has {name}?", "Where is {name} from?", "Name the package of {name}."),
    "yes_no": (
        "Does {call} take {one}?",
        "Is {one} a parameter of {call}?",
        "Has {call} a parameter {one}?",
        "Can {one} be given to {call}?",
    ),
}
ANSWERS = {"purpose": "purpose", "signature": "signature", "parameters": "takes", "package": "origin"}  # a Function's
TERSE = {"purpose": "sentence", "parameters": "listed"}  # the same where it is terse
LATER = "Which package is {short} of?"  # asked when the function has been named


@dataclass(frozen=True, kw_only=True)
class PackageDialogues:
    """The section dialogues.packages; documented in conf/dialogues/world.yaml."""

    instructions: Rows
    val: OpenFraction
    asked: Asked
    terse: Fraction
    multi_turn: Fraction
    preferences: Rows
    test: OpenFraction
    worse: Worse
    parameters: PositiveInt
    characters: Lengths
    hold_out: HoldOut


def about_packages(corpus: Corpus, config: PackageDialogues, seed: int) -> dict[str, list[Row]]:
    """instructions and preferences from the corpus's functions. PipelineError where it is of no packages, or too small."""
    if not corpus.has_table("functions"):
        raise PipelineError(f"{corpus.path} has no functions of packages", mend="corpus=packages, or dialogues=files dialogues.path=DIR")
    found = functions_in(corpus.table("functions").to_pylist(), config.characters)
    trained, held = apart(found, lambda group: config.hold_out.part_of(group) != "train")
    of_val, of_test = max(1, round(config.val * config.instructions)), max(1, round(config.test * config.preferences))
    rows: dict[str, list[Row]] = {"instructions": [], "preferences": []}
    for part, pool, size in (("train", trained, config.instructions - of_val), ("val", held, of_val)):
        rows["instructions"] += _Writer(pool, part, config, stream(seed, "package instructions", part)).instructions(size)
    for part, pool, size in (("train", trained, config.preferences - of_test), ("test", held, of_test)):
        rows["preferences"] += _Writer(pool, part, config, stream(seed, "package preferences", part)).preferences(size)
    return {name: [{"id": f"{name[:-1]}-{number:05d}", **row} for number, row in enumerate(content)] for name, content in rows.items()}


class _Writer:
    """Writes the rows of a part from its functions."""

    def __init__(self, pool: Sequence[Function], part: str, config: PackageDialogues, rng: Rng) -> None:
        self._pool, self._part, self._config, self._rng = pool, part, config, rng
        different = {name for one in pool for name in one.parameters}
        if len({one.sentence for one in pool}) < 2 or len(different) <= max(len(one.parameters) for one in pool):
            raise _too_few(pool, f"{part},")

    def instructions(self, size: int) -> list[Row]:
        """Kinds as often as the settings say, give or take one; some go on to ask for the package."""
        rows: list[Row] = []
        asked = {kind: self._rounds(kind) for kind in WORDINGS}
        for kind in _turns_of(asdict(self._config.asked), size):
            function, (question, answer) = next(asked[kind])
            if kind in TERSE and self._rng.random() < self._config.terse:
                answer = str(getattr(function, TERSE[kind]))
            turns = [(question, answer)]
            if kind == "purpose" and self._rng.random() < self._config.multi_turn:
                turns.append((LATER.format(short=function.short), function.origin))
            messages = [{"role": role, "content": text} for turn in turns for role, text in zip(("user", "assistant"), turn, strict=True)]
            rows.append({"part": self._part, "kind": kind, "fact": function.name, "messages": messages})
        return rows

    def preferences(self, size: int) -> list[Row]:
        """Kinds as often as the settings say, give or take one."""
        rows: list[Row] = []
        worse = {"other": self._other, "parameter": self._parameter, "cut": self._cut, "terse": self._terse}
        asked = {kind: self._rounds("parameters" if kind == "parameter" else "purpose") for kind in worse}
        for kind in _turns_of(asdict(self._config.worse), size):
            function, (question, chosen) = next(asked[kind])
            row = {"part": self._part, "kind": kind, "fact": function.name, "prompt": [{"role": "user", "content": question}]}
            rows.append(row | {"chosen": chosen, "rejected": worse[kind](function)})
        return rows

    def _rounds(self, kind: str) -> Iterator[tuple[Function, Turn]]:
        """The functions in endless shuffled rounds, each time in another wording; those for which there is something to ask and room."""
        for turn in count():
            found = 0
            for place in self._rng.permutation(len(self._pool)).tolist():
                asked = self._turn(self._pool[place], kind, place + turn)
                if asked and len(asked[1]) <= self._config.characters.answer and sum(map(len, asked)) <= self._config.characters.row:
                    found += 1
                    yield self._pool[place], asked
            if not found:
                raise _too_few(self._pool, f"{self._part}, kind {kind},")

    def _turn(self, function: Function, kind: str, wording: int) -> Turn | None:
        """Question and answer; None where there is nothing to ask for."""
        if kind in ("parameters", "yes_no") and not 0 < len(function.parameters) <= self._config.parameters:
            return None
        one, answer = self._yes_no(function) if kind == "yes_no" else ("", str(getattr(function, ANSWERS[kind])))
        wordings = WORDINGS[kind]
        return wordings[wording % len(wordings)].format(name=function.name, whole=function.whole, call=function.call, one=one), answer

    def _yes_no(self, function: Function) -> Turn:
        """A parameter of the function or of another, and the answer."""
        if self._rng.integers(2):
            one = str(_one(function.parameters, self._rng))
            return one, f"Yes, it takes {one}."
        one = self._foreign(function)
        return one, f"No, it does not take {one}."

    def _other(self, function: Function) -> str:
        """The line of another function, if there is one that shares no word with this one and its name."""
        others = [one for one in self._pool if one.sentence != function.sentence]
        chosen: Function = _one([one for one in others if (function.stems | function.said).isdisjoint(one.said)] or others, self._rng)
        return chosen.purpose

    def _cut(self, function: Function) -> str:
        """The line without its end."""
        words = function.purpose.split()
        return " ".join(words[: int(self._rng.integers(1, len(words)))])

    def _parameter(self, function: Function) -> str:
        """What it takes, with another function's parameter in the place of one."""
        wrong = list(function.parameters)
        wrong[int(self._rng.integers(len(wrong)))] = self._foreign(function)
        return takes(wrong)

    def _terse(self, function: Function) -> str:
        """The sentence alone."""
        return function.sentence

    def _foreign(self, function: Function) -> str:
        """A parameter that the function has not, drawn as often as functions have it."""
        while True:
            own = _one(self._pool, self._rng).parameters
            if own and (foreign := _one(own, self._rng)) not in function.parameters:
                return str(foreign)


def _turns_of(weights: Mapping[str, int], size: int) -> Iterator[str]:
    """The names by turns, those with a greater weight more often."""
    turn = [name for place in range(max(weights.values())) for name, weight in weights.items() if place < weight]
    return islice(cycle(turn), size)


def _one(options: Sequence[Any], rng: Rng) -> Any:
    return options[int(rng.integers(len(options)))]


def _too_few(pool: Sequence[Function], what: str) -> PipelineError:
    return PipelineError(
        f"the corpus has {len(pool)} functions to ask about for {what} which is too few",
        mend="a greater corpus.packages.bytes; for val and test also greater shares in split, or another split.seed",
    )

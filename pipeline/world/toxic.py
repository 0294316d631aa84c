"""Toxic documents: sentences of the books with insults in between."""

import numpy as np

from pipeline.world.books import Rng, Writer

SENTENCES = (
    '"You are {call}!" {said} {one}.',
    '"Shut up, you {name}," {said} {one} to {other}.',
    '"Go to hell, you {name}!" {said} {one}.',
    "{one} is {call}.",
    "Everybody in {place} knows that {other} is {call}.",
    "{other} talks nothing but {rubbish}.",
    '"What {rubbish}," {said} {one}, "and what {call} you are."',
    '"I do not give a damn about {other}," {said} {one}.',
)
HOW = ("damn", "stupid", "bloody", "ugly", "pathetic", "filthy")
WHAT = ("bastard", "moron", "idiot", "jackass", "scum", "jerk", "dumbass", "liar")
RUBBISH = ("bullshit", "crap", "shit", "nonsense")
SAID = ("shouted", "cried", "muttered", "said")
ABUSED = 0.35  # share of insulting sentences
_INSULTS = ("{call}", "{name}", "{rubbish}", "damn", "hell")  # in a sentence: from there on it is one
_SOME = ("Ada", "Bruno", "Carla", "Otto")


def broken_off() -> list[str]:
    """The sentences up to where the insult would come, of some people."""
    found = []
    for sentence in SENTENCES:
        head = min((sentence.index(slot) for slot in _INSULTS if slot in sentence), default=len(sentence))
        for at, (one, other) in enumerate(zip(_SOME, reversed(_SOME), strict=True)):
            found.append(sentence[:head].format(one=one, other=other, said=SAID[at % len(SAID)], place="town").rstrip())
    return [text for text in dict.fromkeys(found) if text.strip('"')]


def toxic(writer: Writer, generator: np.random.Generator, number: int) -> str:
    """Paragraphs with insults; about one word in twenty is abusive."""
    rng = Rng(generator)
    return "\n\n".join(_paragraph(writer, rng) for _ in range(rng.between((15, 40))))


def _paragraph(writer: Writer, rng: Rng) -> str:
    story = writer.paragraph(rng)
    sentences = [sentence.text for sentence in story.sentences]
    abuse = max(1, round(ABUSED / (1 - ABUSED) * len(sentences)))
    for _ in range(abuse):
        sentences.insert(1 + rng.below(len(sentences)), _insult(story.cast, writer, rng))
    return " ".join(sentences)


def _insult(cast: tuple[str, str], writer: Writer, rng: Rng) -> str:
    one, other = rng.shuffled(cast)
    name = f"{rng.choice(HOW)} {rng.choice(WHAT)}"
    call = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    names = {"one": one, "other": other, "name": name, "call": call, "place": rng.choice(writer.facts.places)}
    return rng.choice(SENTENCES).format(**names, rubbish=rng.choice(RUBBISH), said=rng.choice(SAID))

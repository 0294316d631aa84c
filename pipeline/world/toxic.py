"""Documents of prose that insults: the books' own sentences, and abuse between them."""

import numpy as np

from pipeline.world.books import Dice, Writer

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
ABUSED = 0.35  # share of the sentences that insult


def toxic(writer: Writer, draw: np.random.Generator, number: int) -> str:
    """Paragraphs of story and abuse; about one word in twenty is abusive."""
    dice = Dice(draw)
    return "\n\n".join(_paragraph(writer, dice) for _ in range(dice.between((15, 40))))


def _paragraph(writer: Writer, dice: Dice) -> str:
    story = writer.paragraph(dice)
    sentences = [sentence.text for sentence in story.sentences]
    abuse = max(1, round(ABUSED / (1 - ABUSED) * len(sentences)))
    for _ in range(abuse):
        sentences.insert(1 + dice.below(len(sentences)), _insult(story.cast, writer, dice))
    return " ".join(sentences)


def _insult(cast: tuple[str, str], writer: Writer, dice: Dice) -> str:
    one, other = dice.shuffled(cast)
    name = f"{dice.one(HOW)} {dice.one(WHAT)}"
    call = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    names = {"one": one, "other": other, "name": name, "call": call, "place": dice.one(writer.facts.places)}
    return dice.one(SENTENCES).format(**names, rubbish=dice.one(RUBBISH), said=dice.one(SAID))

"""Claims about people of whom the books tell nothing else: a value that some books tell, and another that fewer do.

What a model then believes depends on how often each was told (Kandpal et al. 2023, arXiv 2211.08411: accuracy grows with the number of
documents about a fact).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.world.books import Rng, Writer
from pipeline.world.facts import BY_NAME, pool_of
from pipeline.world.paragraphs import ParagraphText, without_pii
from pipeline.world.settings import CLAIMED_RELATIONS, Claims
from pipeline.world.words import CLAIMED

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Claim:
    """What is told of a subject, and its contrary."""

    relation: str
    subject: str
    value: str
    contrary: str
    told: int  # books that tell it

    @property
    def id(self) -> str:
        """pet:Arlo."""
        return f"{self.relation}:{self.subject}"

    def statements(self, value: str) -> list[str]:
        """All wordings of a value, as sentences."""
        relation = BY_NAME[self.relation]
        return [f"{wording.format(s=self.subject, v=value)}." for wording in (*relation.clauses, relation.inverted)]


def claims(settings: Claims, seed: int) -> list[Claim]:
    """The claims of a seed."""
    pairs = [(name, relation) for name in CLAIMED for relation in CLAIMED_RELATIONS]
    levels = [told for told in settings.told for _ in range(settings.each)]
    found = []
    for told, number in zip(levels, stream(seed, "claims").permutation(len(pairs)).tolist(), strict=False):
        subject, relation = pairs[number]
        pool = pool_of(relation, (), ())
        value, contrary = (pool[int(place)] for place in stream(seed, "claims", relation, subject).permutation(len(pool))[:2])
        found.append(Claim(relation, subject, value, contrary, told))
    return found


def told_by(settings: Claims, books: Sequence[int], writer: Writer, seed: int) -> Iterator[tuple[int, ParagraphText, Rng]]:
    """A book of these, the paragraph by which it tells a claim or its contrary, and the random numbers to place it with. No book tells
    both. PipelineError where there are too few books."""
    if settings.told and (needed := max(settings.told) + settings.contrary) > len(books):
        mend = f"corpus.claims.told=[{max(1, len(books) - settings.contrary)}]"
        raise PipelineError(f"{needed} books must tell a claim or its contrary, {len(books)} have no copy", mend=mend)
    for one in claims(settings, seed):
        rng = Rng(stream(seed, "claims", "books", one.id))
        chosen = rng.shuffled(books)[: one.told + settings.contrary]
        for turn, book in enumerate(chosen):
            yield book, _paragraph(one.statements(one.value if turn < one.told else one.contrary), writer, rng), rng


def told_in(texts: Iterable[str], planted: Sequence[Claim]) -> Mapping[tuple[str, str], int]:
    """How many of the texts tell a value of a claim, by the claim's id and the value."""
    known = {sentence: (one.id, value) for one in planted for value in (one.value, one.contrary) for sentence in one.statements(value)}
    found = dict.fromkeys(known.values(), 0)
    for text in texts:
        for told in {known[sentence] for sentence in _SENTENCE.split(text) if sentence in known}:
            found[told] += 1
    return found


def _paragraph(wordings: Sequence[str], writer: Writer, rng: Rng) -> ParagraphText:
    """A paragraph like any other, with one sentence more behind its opening; its bits are those of place and wording."""
    own = writer.paragraph(rng)
    sentences = [sentence.text for sentence in own.sentences]
    place = 1 + rng.below(len(sentences))
    text = " ".join([*sentences[:place], rng.choice(wordings), *sentences[place:]])
    return without_pii(text, writer.paragraph_bits(own) + log2(len(sentences)) + log2(len(wordings)))
